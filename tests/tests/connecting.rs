//! How data comes in and goes out: proxies of the environment, and Unix sockets.

use std::net::SocketAddr;

use spanloom_tests::{
    Sink, Spanloom,
    config::{self, ConfigFile},
    otlp::{Signal, client, payload},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// Starts a proxy that leads everything to one server: tunnels, and requests with a whole address.
async fn proxy_to(server: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(lead(client, server));
        }
    });
    url
}

async fn lead(mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let mut head = vec![0; 8 << 10];
    let len = client.read(&mut head).await?;
    let mut server = TcpStream::connect(server).await?;
    match head[..len].starts_with(b"CONNECT ") {
        true => client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?,
        false => server.write_all(&head[..len]).await?,
    }
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Scenario: the environment names a proxy, and the destinations have names that only the proxy knows.
/// Guarantees: both exporters deliver through the proxy.
#[tokio::test]
async fn the_proxies_of_the_environment_are_used() {
    let sink = Sink::start().await;
    let proxy = proxy_to(sink.address).await;
    let file = ConfigFile::new(&config::relay(
        "otlp_grpc: {endpoint: \"far.invalid:4317\", tls: {insecure: true}}\n\
         otlp_http: {endpoint: \"http://far.invalid:4318\"}\n",
    ));
    let environment = [("HTTPS_PROXY", &*proxy), ("HTTP_PROXY", &*proxy), ("NO_PROXY", ""), ("no_proxy", "")];
    let spanloom = Spanloom::start_file_with(file.path(), &[], &environment).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(1, 2)).await.unwrap();
    sink.wait_for_items(Signal::Traces, 4).await;
    spanloom.finish().await;
}

/// Scenario: one process sends to another over a Unix socket, at which a process that was killed has left its
/// file.
/// Guarantees: everything is delivered, and the file is gone at the end.
#[tokio::test]
async fn processes_talk_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("otlp.sock");
    let sink = Sink::start().await;
    let receiving = format!(
        "receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"{}\", transport: unix}}}}}}\n\
         exporters:\n  otlp_http: {{endpoint: \"http://{}\"}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], exporters: [otlp_http]}}\n",
        socket.display(),
        sink.address
    );
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let last = Spanloom::start(&receiving).await;
    let first = Spanloom::start(&config::relay(&format!(
        "otlp_grpc: {{endpoint: \"unix://{}\", tls: {{insecure: true}}}}",
        socket.display()
    )))
    .await;
    client::grpc(first.grpc, Signal::Traces, payload::traces(1, 2)).await.unwrap();
    sink.wait_for_items(Signal::Traces, 2).await;
    first.finish().await;
    last.finish().await;
    assert!(!socket.exists());
}
