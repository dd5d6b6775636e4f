//! The exporter `otlp_grpc` sends OTLP over gRPC. A batch's chunks become the frames of the request, and
//! their bytes are not copied here.

mod channel;
mod config;
mod status;

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::Service as _;
use wire::Signal;

use self::config::OtlpGrpcConfig;
use super::otlp::{
    answer, body::Chunks, check_size, compression::Compression, headers::Headers, with_causes,
};
use crate::{
    component::{
        BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory, ServerLabels,
    },
    config::{ConfigError, Finding, Node},
    telemetry::requests::{RpcRequests, rpc_method},
    tls,
};

pub struct OtlpGrpcFactory;

/// Sends to one endpoint over one or more HTTP/2 connections, which are made on first use.
struct OtlpGrpc {
    channels: Vec<Channel>,
    turn: AtomicUsize,
    compression: Compression,
    headers: Headers,
    /// Tells the destination how long the exporter waits.
    grpc_timeout: Option<HeaderValue>,
    server: ServerLabels,
    calls: RpcRequests,
}

impl Factory for OtlpGrpcFactory {
    fn name(&self) -> &str {
        "otlp_grpc"
    }

    fn aliases(&self) -> &[&str] {
        &["otlp"]
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Metrics, Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(OtlpGrpcConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<OtlpGrpcConfig>();
        doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
        doubts
    }
}

#[async_trait::async_trait]
impl ExporterFactory for OtlpGrpcFactory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let config = config.read_valid(OtlpGrpcConfig::validate)?;
        let channels = channel::connect(&config).await?;
        let server = config.server()?;
        let exporter = OtlpGrpc {
            channels,
            turn: AtomicUsize::new(0),
            compression: config.compression.read(&Compression::GRPC)?,
            headers: Headers::new(&config.headers, config.auth.as_ref(), context.extensions)?,
            grpc_timeout: grpc_timeout(config.timeout.0),
            calls: RpcRequests::client(context.telemetry, &server.address, server.port),
            server,
        };
        Ok(BuiltExporter { exporter: std::sync::Arc::new(exporter), sending: config.sending()? })
    }
}

#[async_trait::async_trait]
impl Exporter for OtlpGrpc {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        check_size(data)?;
        let request = self.request(data).await?;
        let mut channel = self.channel()?;
        let mut call = self.calls.begin(rpc_method(data.signal()));
        let mut ended = |code: Code| call.ended(code as i32);
        let ready = poll_fn(|context| channel.poll_ready(context)).await;
        ready.inspect_err(|_| ended(Code::Unavailable)).map_err(unreachable)?;
        let response = channel.call(request).await;
        let response = response.inspect_err(|_| ended(Code::Unavailable)).map_err(unreachable)?;
        let (head, body) = response.into_parts();
        if let Some(status) = status::read(&head.headers) {
            ended(status.code());
            // The answer has only headers. With OK it is empty, which means full success.
            return status::check(&status).map(|()| Exported::default());
        }
        status::check_http(head.status, &head.headers).inspect_err(|_| ended(Code::Unknown))?;
        let answer = answer::read(body).await.inspect_err(|_| ended(Code::Unavailable))?;
        let status = answer.trailers().and_then(status::read);
        let status = status.unwrap_or_else(|| Status::unavailable("the answer ended without a status"));
        ended(status.code());
        status::check(&status)?;
        Ok(answer::exported(message(&answer.to_bytes())))
    }

    fn server(&self, _: Signal) -> Option<ServerLabels> {
        Some(self.server.clone())
    }
}

impl OtlpGrpc {
    async fn request(&self, data: &wire::Batch) -> Result<Request<Body>, ExportError> {
        let chunks = self.compression.compress(data.chunks()).await;
        let chunks =
            chunks.map_err(|error| ExportError::retryable(format!("could not compress: {error}")))?;
        let prefix = prefix(self.compression != Compression::None, chunks.iter().map(Bytes::len).sum())?;
        let body = Chunks::new(std::iter::once(prefix).chain(chunks));
        let mut request = Request::post(path(data.signal()))
            .body(Body::new(body))
            .map_err(|error| ExportError::permanent(error.to_string()))?;
        self.fill(request.headers_mut());
        Ok(request)
    }

    fn fill(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        if let Some(timeout) = &self.grpc_timeout {
            headers.insert("grpc-timeout", timeout.clone());
        }
        if let Some(encoding) = self.compression.name() {
            headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
        }
        self.headers.apply(headers);
    }

    fn channel(&self) -> Result<Channel, ExportError> {
        let turn = self.turn.fetch_add(1, Relaxed).checked_rem(self.channels.len());
        let channel = turn.and_then(|turn| self.channels.get(turn)).cloned();
        channel.ok_or_else(|| ExportError::permanent("there is no connection"))
    }
}

/// Converts an error without an answer: the connection could not be made, or broke.
fn unreachable(error: tonic::transport::Error) -> ExportError {
    ExportError::retryable(with_causes(&error))
}

fn path(signal: Signal) -> Uri {
    Uri::from_static(match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    })
}

/// Returns the prefix of a message (gRPC over HTTP/2, `Length-Prefixed-Message`).
fn prefix(compressed: bool, len: usize) -> Result<Bytes, ExportError> {
    let Ok(len) = u32::try_from(len) else {
        return Err(ExportError::too_large(format!("{len} bytes do not fit a gRPC message")));
    };
    let mut prefix = BytesMut::with_capacity(5);
    prefix.put_u8(u8::from(compressed));
    prefix.put_u32(len);
    Ok(prefix.freeze())
}

/// Returns the message of an answer. The flag before it is 0, because the exporter accepts no compression.
fn message(answer: &Bytes) -> &[u8] {
    answer.get(5..).unwrap_or_default()
}

/// Returns the timeout in milliseconds, or in seconds if the eight digits of the header are too few.
fn grpc_timeout(timeout: Duration) -> Option<HeaderValue> {
    let text = match timeout.as_millis() {
        0 => return None,
        millis @ ..=99_999_999 => format!("{millis}m"),
        _ => format!("{}S", timeout.as_secs().min(99_999_999)),
    };
    HeaderValue::try_from(text).ok()
}
