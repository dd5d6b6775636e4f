//! The balancer against servers on sockets of this machine.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::exporter::{otlp::proxy::Proxies, otlp_grpc::config::OtlpGrpcConfig};

/// A time limit for what is only as slow as the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts requests and answers them with an empty 200.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Server {
    async fn start() -> Server {
        Server::at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn at(address: SocketAddr) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, requests) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
        let stop = CancellationToken::new();
        let (count, stopped) = (requests.clone(), stop.clone());
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = count.clone();
                let service = service_fn(move |_request: Request<Incoming>| {
                    count.fetch_add(1, SeqCst);
                    async { Ok::<_, Infallible>(Response::new(String::new())) }
                });
                tokio::spawn(stopped.clone().run_until_cancelled_owned(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                }));
            }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Server { address, requests, stop }
    }

    fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }

    fn endpoint(&self) -> Value {
        json!({"endpoint": self.address.to_string(), "tls": {"insecure": true}})
    }
}

async fn dialer(config: &Value, proxies: &Proxies) -> Dialer {
    let config: OtlpGrpcConfig = serde_json::from_value(config.clone()).unwrap();
    Dialer::new(&config, &config.target().unwrap(), proxies).await.unwrap()
}

async fn direct() -> Dialer {
    dialer(&json!({"endpoint": "a:1", "tls": {"insecure": true}}), &Proxies::new(|_| None)).await
}

fn settings() -> Settings {
    Settings { connections: 1, wait_for_ready: false }
}

/// Returns a balancer over the addresses that the list has at each look-up.
async fn over(addresses: Arc<Mutex<Vec<SocketAddr>>>) -> Balancer {
    let look_up: LookUp = Box::new(move || {
        let found = addresses.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    });
    Balancer::new(direct().await, settings(), Vec::new(), Some(look_up), Duration::from_millis(50))
}

async fn send(balancer: &Balancer) -> Result<(), ExportError> {
    let body = Chunks::new([bytes::Bytes::from_static(b"data")]);
    let request = Request::post("http://destination/path").body(body).unwrap();
    balancer.call(request).await.map(drop)
}

/// Sends requests until the condition holds.
async fn send_until(balancer: &Balancer, holds: impl Fn() -> bool) {
    let sending = async {
        while !holds() {
            let _ = send(balancer).await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, sending).await.expect("what the test waits for");
}

/// Scenario: a name has three addresses.
/// Guarantees: once all are connected, each gets every third request.
#[tokio::test]
async fn requests_are_spread_over_all_addresses() {
    let servers = [Server::start().await, Server::start().await, Server::start().await];
    let addresses = servers.iter().map(|server| server.address).collect();
    let balancer = over(Arc::new(Mutex::new(addresses))).await;
    send_until(&balancer, || servers.iter().all(|server| server.requests() > 0)).await;
    let before: Vec<usize> = servers.iter().map(Server::requests).collect();
    for _ in 0..30 {
        send(&balancer).await.unwrap();
    }
    let more: Vec<usize> =
        servers.iter().zip(before).map(|(server, before)| server.requests() - before).collect();
    assert_eq!(more, [10, 10, 10]);
}

/// Scenario: nobody listens at one of two addresses, and later somebody does.
/// Guarantees: no request fails, and the address gets requests as soon as it is tried again.
#[tokio::test]
async fn an_address_that_fails_is_left_out_and_tried_again() {
    let up = Server::start().await;
    let down = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let balancer = over(Arc::new(Mutex::new(vec![down, up.address]))).await;
    for _ in 0..10 {
        send(&balancer).await.unwrap();
    }
    assert_eq!(up.requests(), 10);
    let down = Server::at(down).await;
    send_until(&balancer, || down.requests() > 0).await;
}

/// Scenario: the only address of a name is replaced by another, and the first server ends.
/// Guarantees: the name is looked up again, and the new address gets the requests.
#[tokio::test]
async fn a_name_is_looked_up_again_when_a_connection_ends() {
    let (first, second) = (Server::start().await, Server::start().await);
    let addresses = Arc::new(Mutex::new(vec![first.address]));
    let balancer = over(addresses.clone()).await;
    send(&balancer).await.unwrap();
    *addresses.lock().unwrap() = vec![second.address];
    first.stop.cancel();
    send_until(&balancer, || second.requests() > 0).await;
    assert_eq!(first.requests(), 1);
}

/// Scenario: no address answers; the name has no address.
/// Guarantees: a request fails with the reason, and does not wait for its timeout.
#[tokio::test]
async fn a_request_fails_when_every_address_has_failed() {
    let down = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (addresses, words) in [(vec![down], down.to_string()), (Vec::new(), "has no address".to_owned())] {
        let balancer = over(Arc::new(Mutex::new(addresses))).await;
        for _ in 0..2 {
            let error = timeout(PATIENCE, send(&balancer)).await.unwrap().unwrap_err();
            assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
            assert!(error.to_string().contains(&words), "{error}");
        }
    }
}

/// Scenario: one address, with two connections.
/// Guarantees: both are used.
#[tokio::test]
async fn connections_of_one_address_take_turns() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::Address(listener.local_addr().unwrap());
    let settings = Settings { connections: 2, wait_for_ready: true };
    let balancer = Balancer::of_place(place, direct().await, settings);
    let sending = tokio::spawn(async move {
        loop {
            let _ = send(&balancer).await;
        }
    });
    let accepted = async { (listener.accept().await.unwrap(), listener.accept().await.unwrap()) };
    timeout(PATIENCE, accepted).await.expect("two connections");
    sending.abort();
}

/// Answers `CONNECT` with these bytes, connects to the server if they begin with 200, and returns what it was
/// asked.
async fn proxy(answer: &'static str, server: SocketAddr) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(String::new())));
    let told = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = vec![0; 4 << 10];
            let len = client.read(&mut head).await.unwrap();
            *told.lock().unwrap() = String::from_utf8_lossy(&head[..len]).into_owned();
            client.write_all(answer.as_bytes()).await.unwrap();
            if answer.starts_with("HTTP/1.1 200") {
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    (address, asked)
}

/// Scenario: the environment names a proxy with a user, which connects, or refuses.
/// Guarantees: the proxy is told the destination's name and the user, and a refusal is told to the sender.
#[tokio::test]
async fn a_proxy_is_asked_for_the_destination() {
    let server = Server::start().await;
    let config = json!({"endpoint": "tempo.invalid:4317", "tls": {"insecure": true}});
    let place = Place::Host { host: "tempo.invalid".to_owned(), port: 4317 };
    for (answer, outcome) in
        [("HTTP/1.1 200 OK\r\n\r\n", Ok(())), ("HTTP/1.1 403 Forbidden\r\n\r\n", Err("refused with 403"))]
    {
        let (at, asked) = proxy(answer, server.address).await;
        let proxies = Proxies::new(|name| (name == "HTTPS_PROXY").then(|| format!("http://me:secret@{at}")));
        let dialer = dialer(&config, &proxies).await;
        assert!(dialer.has_proxy());
        let balancer = Balancer::of_place(place.clone(), dialer, settings());
        match (send(&balancer).await, outcome) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(words)) => {
                let error = error.to_string();
                assert!(error.contains(words) && error.contains(&at.to_string()), "{error}");
                assert!(!error.contains("secret"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        let asked = asked.lock().unwrap().clone();
        assert!(asked.starts_with("CONNECT tempo.invalid:4317 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"), "{asked}");
    }
    assert_eq!(server.requests(), 1);
}

/// Scenario: the environment names a proxy, and the destination is on this machine.
/// Guarantees: the connection is direct. A proxy of another protocol is refused by the name of its variable.
#[tokio::test]
async fn this_machine_needs_no_proxy() {
    let server = Server::start().await;
    let proxies = Proxies::new(|name| (name == "HTTPS_PROXY").then(|| "socks5://127.0.0.1:1".to_owned()));
    let dialer = dialer(&server.endpoint(), &proxies).await;
    assert!(!dialer.has_proxy());
    send(&Balancer::of_place(Place::Address(server.address), dialer, settings())).await.unwrap();
    let far = json!({"endpoint": "tempo.invalid:4317", "tls": {"insecure": true}});
    let config: OtlpGrpcConfig = serde_json::from_value(far).unwrap();
    let error = Dialer::new(&config, &config.target().unwrap(), &proxies).await.err().unwrap();
    assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
}
