//! OTLP/gRPC: three services with one method each. Their messages are handed on undecoded.

mod frame;

use std::{future::ready, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;
use tonic::Status;
use wire::Signal;

use super::{
    config::GrpcConfig,
    message,
    rpc::{self, Warning},
};
use crate::{
    memory,
    pipeline::Metadata,
    receiver::http::{Cause, Door, Doors, Gate, Refusal, hold_large},
    server::{
        Peer,
        request_body::{Budget, Encoding, Paced},
    },
};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED_ENCODINGS: &str = "gzip,zstd,snappy,identity";
const NOT_GRPC: &str = "this port speaks gRPC; OTLP/HTTP is on another (4318 by default)";

pub(super) struct Grpc {
    doors: Doors,
    gate: Gate,
    budget: Arc<Budget>,
    limit_bytes: usize,
    read_timeout: Duration,
    include_metadata: bool,
}

impl Grpc {
    pub(super) fn new(doors: Doors, gate: Gate, budget: Arc<Budget>, config: &GrpcConfig) -> Grpc {
        let (limit_bytes, read_timeout) = (config.limit_bytes(), config.read_timeout());
        let include_metadata = config.include_metadata;
        Grpc { doors, gate, budget, limit_bytes, read_timeout, include_metadata }
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request) -> Response {
        if !is_grpc(request.headers()) {
            self.gate.note_other_protocol(&Peer::of(&request), NOT_GRPC);
            return not_grpc();
        }
        match self.take_in_time(request).await {
            Ok(warning) => success(&rpc::success(warning)),
            Err(refused) => refusal(refused),
        }
    }

    /// Gives the request up when its client does. What a pipeline has taken by then goes on.
    async fn take_in_time(&self, request: Request) -> Result<Option<Warning>, Refusal> {
        let Some(limit) = client_timeout(request.headers())? else { return self.take(request).await };
        timeout(limit, self.take(request)).await.unwrap_or_else(|_| {
            let message = format!("no answer within the {limit:?} that the client allows (`grpc-timeout`)");
            Err(Refusal::new(Cause::TooSlow, message))
        })
    }

    async fn take(&self, request: Request) -> Result<Option<Warning>, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::method_not_allowed("POST"));
        }
        let peer = Peer::of(&request);
        self.gate.admit(request.headers(), &peer).await?;
        let door = self.door(&request)?;
        let encoding = encoding(request.headers())?;
        let metadata = self.include_metadata.then(|| Arc::new(Metadata::of(request.headers())));
        memory::has_room(0)?;
        let _head_held = hold_large(request.headers(), &self.budget, &peer)?;
        let held = self.budget.hold(peer);
        let mut body = Paced::new(request.into_body(), self.read_timeout, held.clone());
        let message = frame::read(&mut body, &held, encoding, self.limit_bytes).await?;
        held.at_least(message.len())?;
        message::take(door, message, 0, metadata, &held, body.until()).await
    }

    fn door(&self, request: &Request) -> Result<&Door, Refusal> {
        let path = request.uri().path();
        let signal = signal(path).ok_or_else(|| Refusal::not_found(format!("no method {path} here")))?;
        self.doors.of(signal).ok_or_else(|| {
            Refusal::not_found(format!("{path}: no pipeline takes {signal} from this receiver"))
        })
    }
}

/// Returns how long the client waits for its answer: up to eight digits and a unit (gRPC over HTTP2, "Timeout").
fn client_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    const DIGITS: std::ops::RangeInclusive<usize> = 1..=8;
    let Some(value) = headers.get(GRPC_TIMEOUT).map(HeaderValue::as_bytes) else { return Ok(None) };
    let malformed = || Refusal::new(Cause::BadFrame, "the header `grpc-timeout` is not digits and a unit");
    let (unit, digits) = value.split_last().ok_or_else(malformed)?;
    let is_number = DIGITS.contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit & 0xf));
    Ok(Some(match unit {
        _ if !is_number => return Err(malformed()),
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return Err(malformed()),
    }))
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|content_type| content_type.starts_with(b"application/grpc"))
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    match headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(Encoding::Gzip)),
        Some(b"zstd") => Ok(Some(Encoding::Zstd)),
        Some(b"snappy") => Ok(Some(Encoding::Snappy)),
        Some(_) => Err(Refusal::unsupported_encoding(ACCEPTED_ENCODINGS)),
    }
}

/// Answers a client that mistook this port for another: a browser, a health check, an OTLP/HTTP exporter.
fn not_grpc() -> Response {
    let mut response = Response::new(Body::from(format!("{NOT_GRPC}\n")));
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn success(message: &[u8]) -> Response {
    let trailers = HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(frame::frame(message)).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Answers with headers alone, which end the call.
pub(super) fn refusal(refusal: Refusal) -> Response {
    let mut response = Status::from(refusal).into_http::<tonic::body::Body>().map(Body::new);
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED_ENCODINGS));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: clients send timeouts in each unit, and texts that are none.
    /// Guarantees: each is read, and the rest is refused.
    #[test]
    fn a_clients_timeout_is_read_or_refused() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(GRPC_TIMEOUT, HeaderValue::from_str(value).unwrap())]);
            client_timeout(&headers).map_err(|refusal| refusal.cause)
        };
        let good = [
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
            ("1M", Duration::from_secs(60)),
            ("10S", Duration::from_secs(10)),
            ("5m", Duration::from_millis(5)),
            ("7u", Duration::from_micros(7)),
            ("0n", Duration::ZERO),
        ];
        for (value, expected) in good {
            assert_eq!(read(value), Ok(Some(expected)), "{value}");
        }
        for value in ["", "S", "5", "5x", "-5S", "100000000S", "1.5S", " 5S"] {
            assert_eq!(read(value), Err(Cause::BadFrame), "{value:?}");
        }
        assert_eq!(client_timeout(&HeaderMap::new()).unwrap(), None);
    }
}
