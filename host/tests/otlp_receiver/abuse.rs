//! Clients that are hostile or broken: each gets its documented answer, and others are served meanwhile.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use spanloom::component::Extensions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tonic::{Code, codec::CompressionEncoding};
use tonic_types::StatusExt;
use wire::Signal;

use crate::support::{
    AllSignals, Pipeline, Subject, framed, grpc_post, grpc_status, gzip, traces, traces_named,
};

const SOON: Duration = Duration::from_secs(10);

async fn check_others_are_served(subject: &Subject) {
    let mut client = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    timeout(SOON, client.export(traces())).await.unwrap().unwrap();
    let request = reqwest::Client::new().post(subject.http_url("/v1/traces"));
    let request = request.header("content-type", "application/x-protobuf").body(traces().encode_to_vec());
    assert_eq!(timeout(SOON, request.send()).await.unwrap().unwrap().status(), 200);
}

/// Scenario: 500 idle connections are open on each port.
/// Guarantees: others are served.
#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    let subject = Subject::start(json!({})).await;
    let mut idle = Vec::new();
    for address in [subject.grpc.unwrap(), subject.http.unwrap()] {
        for _ in 0..500 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
    }
    check_others_are_served(&subject).await;
    drop(idle);
}

/// Scenario: random bytes come to both ports; the seed is fixed, so that a failure can be repeated.
/// Guarantees: each connection is closed, nothing is received, and others are served.
#[tokio::test]
async fn random_bytes_on_either_port_harm_nobody() {
    let subject = Subject::start(json!({})).await;
    let mut random = StdRng::seed_from_u64(4317);
    for round in 0..64 {
        for address in [subject.grpc.unwrap(), subject.http.unwrap()] {
            let mut bytes = vec![0; 4096];
            random.fill_bytes(&mut bytes);
            // Every second connection sends the preface of HTTP/2 first, so that its bytes come where frames
            // are expected.
            let preface: &[u8] = if round % 2 == 0 { b"" } else { b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" };
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(&[preface, &bytes].concat()).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let closed = timeout(SOON, stream.read_to_end(&mut answer)).await;
            assert!(closed.is_ok(), "round {round}: the connection stayed open");
        }
    }
    assert_eq!(subject.pipeline.received(), vec![]);
    check_others_are_served(&subject).await;
}

/// Returns a body that sends one byte now and then, for ever.
fn dripping() -> reqwest::Body {
    let drops = futures::stream::repeat(()).then(|()| async {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, std::io::Error>(vec![1u8])
    });
    reqwest::Body::wrap_stream(drops)
}

/// Scenario: a client sends a body that never ends, over each protocol.
/// Guarantees: after `read_timeout` the answer is DEADLINE_EXCEEDED or 408, and others are served.
#[tokio::test]
async fn a_body_that_never_ends_is_ended() {
    let limits = json!({ "read_timeout": "300ms" });
    let subject = Subject::start(json!({ "protocols": { "grpc": limits, "http": limits } })).await;
    let begun = Instant::now();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let response = grpc_post(&subject, path).body(dripping()).send().await.unwrap();
    // These bytes announce a message of 16 MiB.
    assert_eq!(grpc_status(&response).code(), Code::DeadlineExceeded);
    let request = reqwest::Client::new().post(subject.http_url("/v1/traces"));
    let request = request.header("content-type", "application/x-protobuf").body(dripping());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 408);
    let body = tonic_types::Status::decode(response.bytes().await.unwrap()).unwrap();
    assert_eq!(Code::from(body.code), Code::DeadlineExceeded);
    assert!(begun.elapsed() < SOON);
    check_others_are_served(&subject).await;
}

/// Scenario: a client sends an HTTP head that never ends.
/// Guarantees: the connection is closed after `read_header_timeout`, and others are served.
#[tokio::test]
async fn a_head_that_never_ends_is_ended() {
    let limits = json!({ "read_header_timeout": "300ms" });
    let subject = Subject::start(json!({ "protocols": { "http": limits } })).await;
    let mut stream = TcpStream::connect(subject.http.unwrap()).await.unwrap();
    stream.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        while writer.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = drip => {}
        closed = timeout(SOON, reader.read_to_end(&mut answer)) => assert!(closed.is_ok()),
    }
    check_others_are_served(&subject).await;
}

/// Scenario: requests are within their own limit, but together above `max_in_flight_mib`.
/// Guarantees: the later ones wait and are refused as retryable when their time is up.
#[tokio::test]
async fn what_requests_hold_together_is_bounded() {
    let permits = Arc::new(Semaphore::new(0));
    let pipeline = Pipeline { delivers: Some(permits.clone()), ..Pipeline::default() };
    let config = json!({
        "acknowledge": "delivered",
        "max_in_flight_mib": 1,
        "protocols": {
            "grpc": { "max_recv_msg_size_mib": 1, "read_timeout": "2s" },
            "http": { "max_request_body_size": 1 << 20, "read_timeout": "2s" },
        },
    });
    let subject = Subject::before(pipeline, &Signal::ALL_OF_THEM, Extensions::default(), config).await;
    let large = traces_named("x".repeat(800_000));
    let mut client = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    let first = tokio::spawn({
        let (mut client, large) = (client.clone(), large.clone());
        async move { client.export(large).await }
    });
    while subject.pipeline.received().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    for encoding in [None, Some(CompressionEncoding::Gzip)] {
        let mut client = client.clone();
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding);
        }
        let status = client.export(large.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{encoding:?}");
        assert!(status.get_details_retry_info().is_some());
    }
    for (encoding, body) in [("", large.encode_to_vec()), ("gzip", gzip(&large.encode_to_vec()))] {
        let request = reqwest::Client::new().post(subject.http_url("/v1/traces"));
        let request =
            request.header("content-type", "application/x-protobuf").header("content-encoding", encoding);
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
    }
    permits.add_permits(2);
    first.await.unwrap().unwrap();
    client.export(large).await.unwrap();
}

/// Scenario: a request announces 4 GiB over gRPC, or 1 TiB over HTTP, and sends nothing.
/// Guarantees: the announcement is refused as too large, and others are served.
#[tokio::test]
async fn an_announced_length_is_not_believed() {
    let subject = Subject::start(json!({})).await;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let mut frame = framed(b"", false);
    frame[1..5].fill(0xff);
    let status = grpc_status(&grpc_post(&subject, path).body(frame).send().await.unwrap());
    assert_eq!(status.code(), Code::ResourceExhausted);

    let mut stream = TcpStream::connect(subject.http.unwrap()).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
                expect: 100-continue\r\ncontent-length: 1099511627776\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(SOON, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    check_others_are_served(&subject).await;
}
