//! Receivers that listen on Unix sockets.

use std::{fs, os::unix::net::UnixListener, path::PathBuf, time::Duration};

use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};
use tonic::transport::Endpoint;
use wire::Signal;

use crate::support::{Subject, traces};

async fn send_grpc(path: PathBuf) {
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
    TraceServiceClient::new(channel).export(traces()).await.unwrap();
}

async fn send_http(path: PathBuf) -> String {
    let body = traces().encode_to_vec();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Scenario: both protocols listen on Unix sockets; a process that has ended left a socket at one path.
/// Guarantees: requests are accepted over both, and the files are gone when the receiver has stopped.
#[tokio::test]
async fn both_protocols_are_served_on_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let (grpc, http) = (folder.path().join("grpc.sock"), folder.path().join("http.sock"));
    drop(UnixListener::bind(&http).unwrap());
    let subject = Subject::start(json!({"protocols": {
        "grpc": {"endpoint": grpc, "transport": "unix"},
        "http": {"endpoint": http, "transport": "unix"},
    }}))
    .await;
    assert_eq!((subject.grpc, subject.http), (None, None));
    send_grpc(grpc).await;
    let answer = send_http(http).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let request = (Signal::Traces, traces().encode_to_vec());
    assert_eq!(subject.pipeline.received(), [request.clone(), request]);
    drop(subject);
    while fs::read_dir(folder.path()).unwrap().count() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
