//! Clients that are broken or hostile: each gets its documented answer, memory stays bounded, and others are
//! served.

#[path = "abuse/connections.rs"]
mod connections;
#[path = "abuse/uploads.rs"]
mod uploads;

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use spanloom_tests::{
    Spanloom,
    attack::{bodies, uploads::REQUEST_LIMIT_BYTES},
    config,
    otlp::{
        Signal,
        client::{self, GrpcClient, http_client},
        payload,
    },
    skip::skip,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tonic::Code;

const MIB: u64 = 1 << 20;

async fn start() -> Spanloom {
    start_with(&[]).await
}

async fn start_with(args: &[&str]) -> Spanloom {
    Spanloom::start_with(&config::relay("nop:"), args).await
}

/// Checks that another client is served over both protocols within five seconds.
async fn others_are_served(spanloom: &Spanloom) {
    let body = payload::request(Signal::Traces, 10);
    let served = async {
        client::grpc(spanloom.grpc, Signal::Traces, body.clone()).await.expect("served over gRPC");
        let answer = client::http(spanloom.http, Signal::Traces, body.clone()).await;
        assert_eq!(answer.status(), StatusCode::OK, "served over HTTP");
    };
    timeout(Duration::from_secs(5), served).await.expect("served in time");
}

fn assert_memory_below(spanloom: &Spanloom, limit_mib: u64) {
    let Some(peak) = spanloom.peak_rss_bytes() else { return };
    println!("peak memory: {} MiB", peak / MIB);
    assert!(peak < limit_mib * MIB, "it took {} MiB", peak / MIB);
}

/// Scenario: 10,000 connections are open and idle.
/// Guarantees: others are served, and memory stays below 128 MiB.
#[tokio::test]
async fn ten_thousand_idle_connections_cost_little_and_keep_no_one_out() {
    const CONNECTIONS: usize = 10_000;
    // The limit covers this process's connections; the process under test inherits it.
    let limit = getrlimit(Resource::Nofile);
    let needed = CONNECTIONS as u64 + 500;
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return skip(&format!("needs {needed} open files, and only {limit:?} are allowed"));
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("up to the maximum");

    let spanloom = start().await;
    let mut idle = Vec::with_capacity(CONNECTIONS);
    for number in 0..CONNECTIONS {
        let to = if number % 2 == 0 { spanloom.grpc } else { spanloom.http };
        idle.push(TcpStream::connect(to).await.expect("a connection"));
    }
    others_are_served(&spanloom).await;
    assert_memory_below(&spanloom, 128);
    drop(idle);
    spanloom.finish().await;
}

/// Scenario: a client sends the body of an HTTP request at one byte a second.
/// Guarantees: the answer after the time limit is 408, and others are served meanwhile.
#[tokio::test]
async fn a_client_that_sends_one_byte_a_second_over_http_is_told_408() {
    let spanloom = start_with(&["--set", "receivers::otlp::protocols::http::read_timeout=2s"]).await;
    let mut connection = TcpStream::connect(spanloom.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut answers, mut bytes) = connection.into_split();
    let dripping = tokio::spawn(async move {
        while bytes.write_all(&[0x0A]).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    others_are_served(&spanloom).await;
    let mut answer = String::new();
    let read = timeout(Duration::from_secs(20), answers.read_to_string(&mut answer)).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{read:?}: {answer}");
    dripping.abort();
    spanloom.finish().await;
}

/// Scenario: a client sends a gRPC message at one byte a second.
/// Guarantees: the answer after the time limit is DEADLINE_EXCEEDED, and others are served meanwhile.
#[tokio::test]
async fn a_client_that_sends_one_byte_a_second_over_grpc_is_told_deadline_exceeded() {
    let spanloom = start_with(&["--set", "receivers::otlp::protocols::grpc::read_timeout=2s"]).await;
    let prefix = Bytes::from_static(&[0, 0, 0, 3, 232]);
    let drip = stream::unfold(prefix, |next| async {
        sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(next), Bytes::from_static(&[0x0A])))
    });
    let body = reqwest::Body::wrap_stream(drip);
    let answer = timeout(Duration::from_secs(20), bodies::post_grpc(spanloom.grpc, "identity", body));
    let (answer, ()) = tokio::join!(answer, others_are_served(&spanloom));
    assert_eq!(answer.expect("an answer in time"), Some(Code::DeadlineExceeded));
    spanloom.finish().await;
}

/// Scenario: a body of 65 MiB comes over each protocol.
/// Guarantees: the body is refused for good as too large, memory stays bounded, and others are served.
#[tokio::test]
async fn a_body_of_65_mib_is_too_large() {
    let spanloom = start().await;
    let body = Bytes::from(vec![0; 65 << 20]);
    let over_http = client::http(spanloom.http, Signal::Traces, body.clone()).await;
    assert_eq!(over_http.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let over_grpc = client::grpc(spanloom.grpc, Signal::Traces, body).await.unwrap_err();
    assert_eq!(over_grpc.code(), Code::ResourceExhausted);
    assert!(over_grpc.details().is_empty(), "no RetryInfo: the same bytes will fail again");
    others_are_served(&spanloom).await;
    assert_memory_below(&spanloom, 128);
    spanloom.finish().await;
}

/// Scenario: a body of 128 KiB decompresses to 128 MiB, over each protocol.
/// Guarantees: the body is refused as too large, memory stays bounded, and others are served.
#[tokio::test]
async fn a_gzip_bomb_is_too_large() {
    let spanloom = start().await;
    let bomb = bodies::gzip_of_zeros(2 * REQUEST_LIMIT_BYTES);
    assert!(bomb.len() < 1 << 20);
    let over_http =
        bodies::post_gzip(spanloom.http, Signal::Traces, "application/x-protobuf", bomb.clone()).await;
    assert_eq!(over_http, Some(StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(bodies::grpc_gzip(spanloom.grpc, &bomb).await, Some(Code::ResourceExhausted));
    others_are_served(&spanloom).await;
    assert_memory_below(&spanloom, 160);
    spanloom.finish().await;
}

/// Scenario: requests come to unknown methods and paths, with an unknown type or with GET.
/// Guarantees: each answer says what is wrong: UNIMPLEMENTED, 404, 415 or 405.
#[tokio::test]
async fn what_does_not_exist_is_named_as_such() {
    let spanloom = start().await;
    let grpc = GrpcClient::connect(spanloom.grpc).await;
    for path in ["/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/no.such.Service/Export"] {
        let answer = grpc.call(path, Bytes::new()).await.unwrap_err();
        assert_eq!(answer.code(), Code::Unimplemented, "{path}");
    }
    let body = payload::request(Signal::Traces, 1);
    let to = |path: &'static str, content_type: &'static str| {
        client::post(spanloom.http, path, content_type, body.clone())
    };
    assert_eq!(to("/v1/spans", "application/x-protobuf").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(to("/v1/traces", "text/plain").await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let get = http_client().get(format!("http://{}/v1/traces", spanloom.http)).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST");
    others_are_served(&spanloom).await;
    spanloom.finish().await;
}

/// Scenario: a truncated protobuf request and a wrong JSON request come.
/// Guarantees: each is refused as bad data in its own format, and nothing counts as received.
#[tokio::test]
async fn malformed_requests_are_refused_as_bad_data() {
    let spanloom = start().await;
    // The span list claims more bytes than there are.
    let truncated = payload::request(Signal::Traces, 3).slice(..100);
    let over_grpc = client::grpc(spanloom.grpc, Signal::Traces, truncated.clone()).await.unwrap_err();
    assert_eq!(over_grpc.code(), Code::InvalidArgument);
    let over_http = client::http(spanloom.http, Signal::Traces, truncated).await;
    assert_eq!(over_http.status(), StatusCode::BAD_REQUEST);
    assert_eq!(over_http.headers()["content-type"], "application/x-protobuf");
    let json = client::post(
        spanloom.http,
        "/v1/traces",
        "application/json",
        Bytes::from_static(b"{\"resourceSpans\": 1}"),
    )
    .await;
    assert_eq!(json.status(), StatusCode::BAD_REQUEST);
    assert_eq!(json.headers()["content-type"], "application/json");
    let ledger = spanloom.finish().await;
    assert!(ledger.values().all(|account| account.received == 0), "{ledger:?}");
}

/// Scenario: random bytes come to both ports.
/// Guarantees: each connection is closed soon, memory stays bounded, and others are served.
#[tokio::test]
async fn random_bytes_end_their_connection_and_nothing_else() {
    let spanloom = start().await;
    for seed in 0..20 {
        for to in [spanloom.grpc, spanloom.http] {
            let mut connection = TcpStream::connect(to).await.unwrap();
            let noise: Vec<u8> = noise(seed, 16 << 10);
            // The receiver may close the connection before it has read everything.
            let _ = connection.write_all(&noise).await;
            let _ = connection.shutdown().await;
            let ended = timeout(Duration::from_secs(5), connection.read_to_end(&mut Vec::new())).await;
            assert!(ended.is_ok(), "seed {seed}: the connection stays open");
        }
    }
    others_are_served(&spanloom).await;
    assert_memory_below(&spanloom, 128);
    spanloom.finish().await;
}

/// Returns bytes that look random and are always the same for a seed (xorshift).
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ (seed + 1);
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(len)
    .collect()
}
