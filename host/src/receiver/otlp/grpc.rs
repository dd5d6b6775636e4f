//! OTLP/gRPC: three services with one method each. Their messages are handed on undecoded.

mod frame;

use std::{future::ready, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
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
    receiver::http::{Door, Doors, Gate, Refusal},
    server::{
        Peer,
        request_body::{Budget, Encoding, Paced},
    },
};

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
        match self.take(request).await {
            Ok(warning) => success(&rpc::success(warning)),
            Err(refused) => refusal(refused),
        }
    }

    async fn take(&self, request: Request) -> Result<Option<Warning>, Refusal> {
        let peer = Peer::of(&request);
        self.gate.admit(request.headers(), &peer).await?;
        let door = self.door(&request)?;
        let encoding = encoding(request.headers())?;
        let metadata = self.include_metadata.then(|| Arc::new(Metadata::of(request.headers())));
        memory::has_room(0)?;
        let held = self.budget.hold(peer);
        let mut body = Paced::new(request.into_body(), self.read_timeout, held.clone());
        let message = frame::read(&mut body, &held, encoding, self.limit_bytes).await?;
        held.at_least(message.len())?;
        message::take(door, message, metadata, &held, body.until()).await
    }

    fn door(&self, request: &Request) -> Result<&Door, Refusal> {
        let path = request.uri().path();
        let signal = signal(path).ok_or_else(|| Refusal::not_found(format!("no method {path} here")))?;
        self.doors.of(signal).ok_or_else(|| {
            Refusal::not_found(format!("{path}: no pipeline takes {signal} from this receiver"))
        })
    }
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
