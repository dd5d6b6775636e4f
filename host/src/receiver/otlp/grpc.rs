//! OTLP/gRPC: three services of one method each, whose messages are handed over undecoded.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use tonic::{
    Code, Status,
    codec::{BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use wire::Signal;

use super::{
    config::GrpcConfig,
    doors::{Door, Doors},
    rejection::Rejection,
    rpc,
};
use crate::{
    extension::auth::ServerAuth,
    server::request_body::{Budget, Held, Paced, ReadError},
};

pub(super) struct Grpc {
    doors: Doors,
    auth: Option<Arc<dyn ServerAuth>>,
    budget: Arc<Budget>,
    limit_bytes: usize,
    read_timeout: Duration,
}

/// Messages as the bytes they are.
struct RawCodec;

impl Grpc {
    pub(super) fn new(
        doors: Doors,
        auth: Option<Arc<dyn ServerAuth>>,
        budget: Arc<Budget>,
        config: &GrpcConfig,
    ) -> Grpc {
        let (limit_bytes, read_timeout) = (config.limit_bytes(), config.read_timeout());
        Grpc { doors, auth, budget, limit_bytes, read_timeout }
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request) -> Response {
        if !is_grpc(request.headers()) {
            return not_grpc();
        }
        let door = match self.admit(&request) {
            Ok(door) => door,
            Err(rejection) => return respond(Status::from(rejection).into_http()),
        };
        let mut grpc = tonic::server::Grpc::new(RawCodec)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(self.limit_bytes);
        let held = self.budget.hold();
        let request = request.map(|body| {
            let body = Paced::new(body, self.read_timeout, held.clone());
            body.map_err(|error: ReadError| Status::from(Rejection::from(error)))
        });
        let export =
            tower::service_fn(|message: tonic::Request<Bytes>| export(door, &held, message.into_inner()));
        respond(grpc.unary(export, request).await)
    }

    fn admit(&self, request: &Request) -> Result<&Door, Rejection> {
        if let Some(auth) = &self.auth {
            auth.authenticate(request.headers())
                .map_err(|why| Rejection::unauthenticated(why, auth.challenge()))?;
        }
        let path = request.uri().path();
        let signal = signal(path).ok_or_else(|| Rejection::not_found(format!("no method {path} here")))?;
        self.doors.of(signal).ok_or_else(|| {
            Rejection::not_found(format!("{path}: no pipeline takes {signal} from this receiver"))
        })
    }
}

async fn export(door: &Door, held: &Held, message: Bytes) -> Result<tonic::Response<Bytes>, Status> {
    held.at_least(message.len()).map_err(Rejection::from)?;
    let warning = door.take(message).await?;
    Ok(tonic::Response::new(rpc::success(warning)))
}

fn signal(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|content_type| content_type.starts_with(b"application/grpc"))
}

/// Someone took this port for another: a browser, a health check, an OTLP/HTTP exporter.
fn not_grpc() -> Response {
    let mut response =
        Response::new(Body::from("this port speaks gRPC; OTLP/HTTP is on another (4318 by default)\n"));
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Tonic calls a message above the limit OUT_OF_RANGE, which OTLP's clients retry; OTLP wants RESOURCE_EXHAUSTED.
fn respond(response: http::Response<tonic::body::Body>) -> Response {
    let mut response = response.map(Body::new);
    let status = response.headers_mut().get_mut(Status::GRPC_STATUS);
    if let Some(status) = status.filter(|status| Code::from_bytes(status.as_bytes()) == Code::OutOfRange) {
        *status = HeaderValue::from(i32::from(Code::ResourceExhausted));
    }
    response
}

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = RawCodec;
    type Decoder = RawCodec;

    fn encoder(&mut self) -> RawCodec {
        RawCodec
    }

    fn decoder(&mut self) -> RawCodec {
        RawCodec
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }

    /// Answers are mostly empty.
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(64, 1024)
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    /// The transport's buffer itself, not a copy.
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
