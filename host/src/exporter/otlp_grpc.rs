//! The exporter `otlp_grpc` sends OTLP over gRPC. A batch's chunks become the frames of the request, and
//! their bytes are not copied here.

mod balancer;
mod config;
mod dial;
mod status;
mod target;
mod tunnel;

use std::{io, net::SocketAddr, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, header};
use tokio::net::lookup_host;
use tonic::{Code, Status};
use wire::Signal;

use self::{
    balancer::{Balancer, Settings},
    config::OtlpGrpcConfig,
    dial::{Dialer, Place},
    target::{Address, Target},
};
use super::otlp::{
    answer, body::Chunks, check_size, compression::Compression, headers::Headers, proxy::Proxies,
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
    balancer: Balancer,
    /// The scheme and the authority, which begin the address of each request.
    origin: String,
    user_agent: HeaderValue,
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
        doubts.extend(config::doubts(config));
        doubts.extend(config.get("tls").into_iter().flat_map(tls::doubts));
        doubts
    }
}

#[async_trait::async_trait]
impl ExporterFactory for OtlpGrpcFactory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let config = config.read_valid(OtlpGrpcConfig::validate)?;
        let server = config.server()?;
        let target = config.target()?;
        let dialer = Dialer::new(&config, &target, &Proxies::of_environment()).await?;
        let scheme = if target.tls { "https" } else { "http" };
        let exporter = OtlpGrpc {
            origin: format!("{scheme}://{}", target.authority),
            balancer: balancer(&config, target, dialer),
            user_agent: config.user_agent()?,
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
        let mut call = self.calls.begin(rpc_method(data.signal()));
        let mut ended = |code: Code| call.ended(code as i32);
        let response = self.balancer.call(request).await.inspect_err(|_| ended(Code::Unavailable))?;
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
    async fn request(&self, data: &wire::Batch) -> Result<Request<Chunks>, ExportError> {
        let chunks = self.compression.compress(data.chunks()).await;
        let chunks =
            chunks.map_err(|error| ExportError::retryable(format!("could not compress: {error}")))?;
        let prefix = prefix(self.compression != Compression::None, chunks.iter().map(Bytes::len).sum())?;
        let body = Chunks::new(std::iter::once(prefix).chain(chunks));
        let mut request = Request::post(format!("{}{}", self.origin, path(data.signal())))
            .body(body)
            .map_err(|error| ExportError::permanent(error.to_string()))?;
        self.fill(request.headers_mut());
        Ok(request)
    }

    fn fill(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        if let Some(timeout) = &self.grpc_timeout {
            headers.insert("grpc-timeout", timeout.clone());
        }
        if let Some(encoding) = self.compression.name() {
            headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
        }
        self.headers.apply(headers);
    }
}

/// Returns the connections to a target. A name is looked up for the addresses that it has, unless the config
/// asks for the first that answers, or a proxy does the looking up.
fn balancer(config: &OtlpGrpcConfig, target: Target, dialer: Dialer) -> Balancer {
    let settings = Settings { connections: config.connections, wait_for_ready: config.wait_for_ready };
    match target.address {
        Address::Unix(path) => Balancer::of_place(Place::Unix(path), dialer, settings),
        Address::Tcp { host, port, is_opaque } if is_opaque || dialer.has_proxy() || !config.is_spread() => {
            Balancer::of_place(Place::Host { host, port }, dialer, settings)
        }
        Address::Tcp { host, port, .. } => {
            let look_up = move || -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
                let host = host.clone();
                Box::pin(async move { Ok(lookup_host((host.as_str(), port)).await?.collect()) })
            };
            Balancer::of_name(Box::new(look_up), dialer, settings)
        }
    }
}

fn path(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
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
