//! The lifetimes of connections and of the receiver.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use serde_json::json;
use spanloom::component::Extensions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tonic::Code;
use wire::Signal;

use crate::support::{AllSignals, Pipeline, Subject, traces};

const SOON: Duration = Duration::from_secs(10);

/// Scenario: the receiver is stopped while requests wait for delivery and other connections are idle.
/// Guarantees: no new connection is accepted, the requests are answered, and every task ends.
#[tokio::test]
async fn stopping_finishes_the_requests_under_way() {
    let permits = Arc::new(Semaphore::new(0));
    let pipeline = Pipeline { delivers: Some(permits.clone()), ..Pipeline::default() };
    let config = json!({ "acknowledge": "delivered" });
    let subject = Subject::before(pipeline, &Signal::ALL_OF_THEM, Extensions::default(), config).await;
    let idle = TcpStream::connect(subject.http.unwrap()).await.unwrap();
    // This client speaks HTTP/2 but never answers.
    let mut mute = TcpStream::connect(subject.grpc.unwrap()).await.unwrap();
    mute.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut client = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    let grpc = tokio::spawn(async move { client.export(traces()).await });
    let request = reqwest::Client::new().post(subject.http_url("/v1/traces"));
    let request = request.header("content-type", "application/x-protobuf").body(traces().encode_to_vec());
    let http = tokio::spawn(request.send());
    while subject.pipeline.received().len() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    subject.running.stop.cancel();
    subject.running.tasks.close();
    let mut ended = Box::pin(subject.running.tasks.wait());
    assert!(timeout(Duration::from_millis(200), &mut ended).await.is_err(), "requests are under way");
    assert!(TcpStream::connect(subject.http.unwrap()).await.is_err(), "no new connection is taken");
    permits.add_permits(2);
    grpc.await.unwrap().unwrap();
    assert_eq!(http.await.unwrap().unwrap().status(), 200);
    timeout(SOON, ended).await.unwrap();
    drop((idle, mute));
}

async fn check_is_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest)).await.expect("closed by the server").unwrap();
}

/// Scenario: a connection on each port is idle for longer than its limit.
/// Guarantees: the receiver closes both.
#[tokio::test]
async fn an_idle_connection_is_closed() {
    let grpc = json!({ "keepalive": { "server_parameters": { "max_connection_idle": "200ms" } } });
    let config = json!({ "protocols": { "grpc": grpc, "http": { "idle_timeout": "200ms" } } });
    let subject = Subject::start(config).await;
    check_is_closed(TcpStream::connect(subject.grpc.unwrap()).await.unwrap()).await;
    check_is_closed(TcpStream::connect(subject.http.unwrap()).await.unwrap()).await;
}

/// Scenario: a client's connections reach `max_connection_age`.
/// Guarantees: each request arrives once; a queued request may come back unsent as CANCELLED (retryable).
#[tokio::test]
async fn an_old_connection_is_replaced_without_a_lost_or_doubled_request() {
    let parameters = json!({ "max_connection_age": "100ms", "max_connection_age_grace": "1s" });
    let grpc = json!({ "keepalive": { "server_parameters": parameters } });
    let subject = Subject::start(json!({ "protocols": { "grpc": grpc } })).await;
    let mut client = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    for _ in 0..20 {
        if let Err(status) = client.export(traces()).await {
            assert_eq!(status.code(), Code::Cancelled, "{status}");
            client.export(traces()).await.unwrap();
        }
        sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(subject.pipeline.received().len(), 20);
}

/// Scenario: a request lasts longer than `max_connection_age` and its grace.
/// Guarantees: the request ends with an error.
#[tokio::test]
async fn a_request_older_than_the_grace_is_cut_off() {
    let parameters = json!({ "max_connection_age": "100ms", "max_connection_age_grace": "100ms" });
    let grpc = json!({ "keepalive": { "server_parameters": parameters } });
    let pipeline = Pipeline { delivers: Some(Arc::new(Semaphore::new(0))), ..Pipeline::default() };
    let config = json!({ "acknowledge": "delivered", "protocols": { "grpc": grpc } });
    let subject = Subject::before(pipeline, &Signal::ALL_OF_THEM, Extensions::default(), config).await;
    let mut client = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    assert!(timeout(SOON, client.export(traces())).await.unwrap().is_err());
}
