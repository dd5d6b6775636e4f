use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{body::Body, http::Request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::*;

/// A time limit for steps that are only as slow as the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Serves the router until the guard is dropped.
async fn served(router: Router, settings: ServerSettings) -> (SocketAddr, tokio_util::sync::DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = Running::default();
    serve(listener, None, router, settings, &running);
    (address, running.stop.drop_guard())
}

/// Returns a connection that has sent a request and does not read the answer.
async fn asked(to: SocketAddr) -> TcpStream {
    let mut connection = TcpStream::connect(to).await.unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    connection
}

/// The bytes of an answer, counted while they are in memory.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, SeqCst);
    }
}

/// Scenario: twenty connections ask for large answers and do not read them. Then another connection asks for
/// one and reads it.
/// Guarantees: there are no more answers in memory than turns, and the last connection gets its answer.
#[tokio::test]
async fn answers_that_nobody_reads_are_few_and_keep_no_one_out() {
    const ANSWER_BYTES: usize = 16 << 20;
    let (made, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let router = Router::new().fallback({
        let most = most.clone();
        move || {
            most.fetch_max(made.fetch_add(1, SeqCst) + 1, SeqCst);
            let answer = Bytes::from_owner(Counted(vec![7; ANSWER_BYTES], made.clone()));
            async move { Body::from(answer) }
        }
    });
    let settings = ServerSettings { max_answers: Some(4), ..ServerSettings::for_operators() };
    let (address, _running) = served(router, settings).await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(asked(address).await);
    }
    let answer = async {
        loop {
            let mut answer = Vec::new();
            // If the turn does not come in time, the answer says so.
            asked(address).await.read_to_end(&mut answer).await.unwrap();
            if answer.starts_with(b"HTTP/1.1 200") {
                return answer;
            }
        }
    };
    assert!(timeout(PATIENCE, answer).await.unwrap().len() > ANSWER_BYTES);
    assert!(most.load(SeqCst) <= 4, "{most:?} at a time");
}

/// Scenario: a large answer is read over HTTP/1.1 and HTTP/2.
/// Guarantees: it arrives whole, with its length.
#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
    let router = Router::new().fallback({
        let body = Bytes::from(body.clone());
        move || async move { body }
    });
    let (address, _running) = served(router, ServerSettings::for_operators()).await;
    let mut answer = Vec::new();
    timeout(PATIENCE, asked(address).await.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with(&body));
    assert!(answer.windows(23).any(|window| window == b"content-length: 3000000"));

    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("http://{address}/")).body(Empty::<Bytes>::new()).unwrap();
    let answer = timeout(PATIENCE, client.send_request(request)).await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
}

/// Sends an upload in pieces. Returns the answer, or an empty text if the connection ends without one.
async fn uploaded(to: SocketAddr, piece_bytes: usize, every: Duration) -> String {
    const UPLOAD_BYTES: usize = 20_000;
    let mut connection = TcpStream::connect(to).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {UPLOAD_BYTES}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = connection.split();
    let writes = async {
        for _ in 0..UPLOAD_BYTES / piece_bytes {
            sleep(every).await;
            if writer.write_all(&vec![7; piece_bytes]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = writes => {}
        _ = reader.read_to_end(&mut answer) => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Scenario: the server stops while an upload drips, and another comes slowly.
/// Guarantees: the first ends soon, without an answer; the second is waited for, and answered.
#[tokio::test]
async fn a_stop_waits_for_slow_uploads_and_not_for_dripping_ones() {
    let begun = Arc::new(AtomicUsize::new(0));
    let router = Router::new().fallback({
        let begun = begun.clone();
        move |request: Request<Body>| {
            begun.fetch_add(1, SeqCst);
            async move { request.into_body().collect().await.map(|_| "whole").unwrap_or("broken") }
        }
    });
    let (address, running) = served(router, ServerSettings::default()).await;
    let dripping = tokio::spawn(uploaded(address, 1, Duration::from_millis(50)));
    let slow = tokio::spawn(uploaded(address, 2_000, Duration::from_millis(300)));
    while begun.load(SeqCst) < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(running);
    assert_eq!(timeout(PATIENCE, dripping).await.unwrap().unwrap(), "");
    let answer = timeout(PATIENCE, slow).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("whole"), "{answer}");
}
