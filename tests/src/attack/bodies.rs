//! Requests that are larger than they look, and ways to send them.

use std::{io::Write, net::SocketAddr};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::StatusCode;
use tonic::Code;

use crate::otlp::{
    Signal,
    client::{http_client, http_client_builder},
};

const MIB: usize = 1 << 20;

/// Returns a gzip member that decompresses to `len` zero bytes and is a thousandth as long.
pub fn gzip_of_zeros(len: usize) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let zeros = vec![0; MIB];
    for _ in 0..len / zeros.len() {
        gzip.write_all(&zeros).expect("into memory");
    }
    gzip.finish().expect("into memory").into()
}

pub fn gzipped(bytes: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).expect("into memory");
    gzip.finish().expect("into memory").into()
}

/// Returns OTLP/JSON of this many spans of 400 bytes each.
pub fn json(spans: usize) -> Vec<u8> {
    let span = format!(
        "{{\"traceId\":\"{}\",\"spanId\":\"{}\",\"name\":\"{}\"}}",
        "0a".repeat(16),
        "0b".repeat(8),
        "x".repeat(320)
    );
    let spans = vec![span; spans].join(",");
    format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}").into_bytes()
}

/// Sends a body over HTTP. Returns `None` if the connection ended without an answer.
pub async fn post(to: SocketAddr, signal: Signal, body: Bytes) -> Option<StatusCode> {
    let request = http_client().post(format!("http://{to}{}", signal.http_path()));
    let request = request.header("content-type", "application/x-protobuf");
    request.body(body).send().await.ok().map(|answer| answer.status())
}

/// Sends a gzipped body over HTTP. Returns `None` if the connection ended without an answer.
pub async fn post_gzip(
    to: SocketAddr,
    signal: Signal,
    content_type: &str,
    gzip: Bytes,
) -> Option<StatusCode> {
    let request = http_client()
        .post(format!("http://{to}{}", signal.http_path()))
        .header("content-type", content_type)
        .header("content-encoding", "gzip");
    request.body(gzip).send().await.ok().map(|answer| answer.status())
}

/// Sends a gzipped message over gRPC. Returns the status as [`post_grpc`] does.
pub async fn grpc_gzip(to: SocketAddr, gzip: &Bytes) -> Option<Code> {
    let length = u32::try_from(gzip.len()).expect("a short message").to_be_bytes();
    post_grpc(to, "gzip", [&[1], &length[..], gzip].concat().into()).await
}

/// Sends a gRPC request of traces by hand. Returns the status if the answer consists of headers alone, as
/// errors do.
pub async fn post_grpc(to: SocketAddr, encoding: &str, body: reqwest::Body) -> Option<Code> {
    let client = http_client_builder().http2_prior_knowledge().build().expect("an HTTP client");
    let request = client
        .post(format!("http://{to}{}", Signal::Traces.grpc_path()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", encoding);
    let answer = request.body(body).send().await.ok()?;
    answer.headers().get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}
