//! Tests the whole command against a server that counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::{Router, body::Body, extract::Request, response::Response};
use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use wire::Signal;

use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: GenerateArgs,
}

/// A server that takes OTLP over gRPC and HTTP on one port.
#[derive(Clone, Default)]
struct Sink {
    items: Arc<AtomicU64>,
    /// The status that every request is answered with, if set.
    refusal: Option<StatusCode>,
}

impl Sink {
    async fn serve(self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = Router::new().fallback(move |request: Request| self.clone().answer(request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    async fn answer(self, request: Request) -> Response {
        let content_type = request.headers()[header::CONTENT_TYPE].clone();
        let path = request.uri().path().to_owned();
        let is_gzip = request.headers().get("content-encoding").is_some();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let signal = match path.as_str() {
            path if path.contains("trace") => Signal::Traces,
            path if path.contains("metrics") => Signal::Metrics,
            path if path.contains("logs") => Signal::Logs,
            other => panic!("{other}"),
        };
        if let Some(refusal) = self.refusal {
            return Response::builder().status(refusal).body(Body::from("\x12\x04full")).unwrap();
        }
        let is_grpc = content_type == "application/grpc";
        let body = if is_grpc { body.slice(5..) } else { body };
        let body = if is_gzip { inflate(&body) } else { body };
        let body = match content_type.to_str().unwrap() {
            "application/json" => wire::json::from_json(signal, &body).unwrap().into(),
            _ => body,
        };
        self.items.fetch_add(wire::Batch::decode(signal, body).unwrap().items() as u64, Relaxed);
        let response = Response::builder().header(header::CONTENT_TYPE, content_type.clone());
        if is_grpc {
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from(0))]);
            let frame =
                Full::new(Bytes::from_static(&[0; 5])).with_trailers(std::future::ready(Some(Ok(trailers))));
            response.body(Body::new(frame)).unwrap()
        } else {
            response.body(Body::from(if content_type == "application/json" { "{}" } else { "" })).unwrap()
        }
    }
}

fn inflate(body: &[u8]) -> Bytes {
    let mut inflated = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut inflated).unwrap();
    inflated.into()
}

async fn run(line: &str, endpoint: &str) -> anyhow::Result<(Report, Duration)> {
    // The process does this at its start. Another test may have done it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let words = ["generate"].into_iter().chain(line.split_whitespace()).chain(["--endpoint", endpoint]);
    generate(&Command::try_parse_from(words)?.args, CancellationToken::new()).await
}

/// Scenario: every signal is sent over every protocol.
/// Guarantees: the items that the report counts as accepted have arrived.
#[tokio::test]
async fn what_is_reported_as_accepted_has_arrived() {
    for signal in ["traces", "metrics", "logs"] {
        for protocol in ["grpc", "http", "http-json", "http --compression gzip"] {
            let sink = Sink::default();
            let items = sink.items.clone();
            let endpoint = sink.serve().await;
            let line = format!("{signal} --protocol {protocol} --rate 0 --total 250 --connections 2");
            let (report, elapsed) = run(&line, &endpoint).await.unwrap();
            let summary = Summary { report: &report, elapsed }.to_string();
            assert!(report.is_clean(), "{line}: {summary}");
            assert!(summary.contains("\naccepted  250 in "), "{line}: {summary}");
            assert_eq!(items.load(Relaxed), 250, "{line}");
        }
    }
}

/// Scenario: the server has no room.
/// Guarantees: the summary shows the reason, and the command does not succeed.
#[tokio::test]
async fn a_refusal_is_reported_with_its_reason() {
    let sink = Sink { refusal: Some(StatusCode::SERVICE_UNAVAILABLE), ..Sink::default() };
    let endpoint = sink.serve().await;
    let (report, elapsed) = run("traces --protocol http --rate 0 --total 30", &endpoint).await.unwrap();
    let summary = Summary { report: &report, elapsed }.to_string();
    assert!(summary.contains("30 × HTTP 503 Service Unavailable: full"), "{summary}");
    assert!(!report.is_clean());
}

/// Scenario: no server listens.
/// Guarantees: there is one error before anything is sent.
#[tokio::test]
async fn nobody_listening_is_said_before_it_starts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = run("traces", &endpoint).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect to http://127.0.0.1:"), "{error}");
}
