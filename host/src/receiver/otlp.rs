//! The `otlp` receiver: OTLP/gRPC on 4317 and OTLP/HTTP on 4318 (opentelemetry-proto docs/specification.md, 1.11).
//!
//! A request's bytes go to the pipeline as they came off the transport: checked, never decoded into objects.

pub mod config;
mod grpc;
mod http;
mod message;
mod rpc;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::Router;
use wire::Signal;

use self::{
    config::{HttpConfig, OtlpConfig, ProtocolsConfig},
    grpc::OtlpGrpc,
    http::OtlpHttp,
};
use super::{
    grpc::{GrpcConfig, GrpcService},
    http::{Doors, Gate, Guards, HttpService, Port, check_files},
};
use crate::{
    component::{BuildContext, Factory, Receiver, ReceiverFactory},
    config::{ConfigError, Finding, Node},
    pipeline::Ingest,
    running::Running,
    server::{Measures, request_body::Budget},
    telemetry::Telemetry,
    tls,
};

/// The default endpoint of `protocols.grpc`.
const GRPC_ENDPOINT: &str = "localhost:4317";

pub struct OtlpFactory;

pub struct OtlpReceiver {
    id: String,
    config: OtlpConfig,
    grpc_guards: Guards,
    http_guards: Guards,
    telemetry: Arc<Telemetry>,
    bound: OnceLock<Bound>,
}

/// Where a started receiver listens; empty where the protocol is off, or listens on a Unix socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    pub grpc: Vec<SocketAddr>,
    pub http: Vec<SocketAddr>,
}

impl Factory for OtlpFactory {
    fn name(&self) -> &str {
        "otlp"
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Metrics, Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(OtlpConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let mut doubts = config.unused::<OtlpConfig>();
        for protocol in config.get("protocols").into_iter().flat_map(Node::entries) {
            doubts.extend(protocol.node.get("tls").into_iter().flat_map(tls::doubts));
        }
        doubts
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for OtlpFactory {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<Arc<dyn Receiver>, ConfigError> {
        Ok(Arc::new(OtlpReceiver::new(config.read_valid(OtlpConfig::validate)?, context)?))
    }
}

impl OtlpReceiver {
    /// # Errors
    /// When a value is out of its range, or an authenticator is not among the extensions.
    pub fn new(config: OtlpConfig, context: &BuildContext<'_>) -> Result<OtlpReceiver, ConfigError> {
        config.validate()?;
        let ProtocolsConfig { grpc, http } = &config.protocols;
        let find = |auth: Option<&_>, middlewares: &[_], keys| {
            Guards::find(auth, middlewares, context.extensions).map_err(|wrong| wrong.below(keys))
        };
        let grpc_guards =
            grpc.as_ref().map(|grpc| find(grpc.auth.as_ref(), &grpc.middlewares, "protocols::grpc"));
        let http = http.as_ref().map(|http| &http.server);
        let http_guards = http.map(|http| find(http.auth.as_ref(), &http.middlewares, "protocols::http"));
        let grpc_guards = grpc_guards.transpose()?.unwrap_or_default();
        let http_guards = http_guards.transpose()?.unwrap_or_default();
        let id = context.id.to_string();
        let telemetry = context.telemetry.clone();
        Ok(OtlpReceiver { id, config, grpc_guards, http_guards, telemetry, bound: OnceLock::new() })
    }

    /// Where it listens, once it was started.
    pub fn bound(&self) -> Option<&Bound> {
        self.bound.get()
    }

    fn grpc(&self, config: &GrpcConfig, ingest: &Ingest, budget: Arc<Budget>) -> Router {
        let doors = Doors::open(ingest, "grpc", &self.config.requests);
        let gate = Gate::new(&self.id, "grpc", self.grpc_guards.clone(), &self.telemetry);
        let grpc = Arc::new(GrpcService::new(OtlpGrpc, gate, doors, budget, config));
        Router::new().fallback(move |request| grpc.clone().answer(request))
    }

    fn http(&self, config: &HttpConfig, ingest: &Ingest, budget: Arc<Budget>) -> Router {
        let doors = Doors::open(ingest, "http", &self.config.requests);
        let gate = Gate::new(&self.id, "http", self.http_guards.clone(), &self.telemetry);
        let otlp = OtlpHttp::new(config.paths());
        let service = Arc::new(HttpService::new(otlp, gate, doors, budget, &config.server));
        let router = Router::new().fallback(move |request| http::answer(service.clone(), request));
        config.server.around(|_| "POST".to_owned(), router)
    }
}

#[async_trait::async_trait]
impl Receiver for OtlpReceiver {
    async fn check_files(&self) -> anyhow::Result<()> {
        let ProtocolsConfig { grpc, http } = &self.config.protocols;
        let grpc = grpc.as_ref().and_then(|grpc| grpc.tls.as_ref());
        let http = http.as_ref().and_then(|http| http.server.tls.as_ref());
        check_files(&self.id, "protocols.grpc", grpc).await?;
        check_files(&self.id, "protocols.http", http).await
    }

    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()> {
        let budget = self.config.budget();
        let mut bound = Bound::default();
        if let Some(config) = &self.config.protocols.grpc {
            let port = Port {
                receiver: &self.id,
                protocol: "grpc",
                keys: "protocols.grpc",
                endpoint: config.endpoint.as_deref().unwrap_or(GRPC_ENDPOINT),
                transport: &config.transport,
                tls: config.tls.as_ref(),
                router: self.grpc(config, &ingest, budget.clone()),
                settings: config.server_settings(),
                telemetry: &self.telemetry,
                measures: Measures::Grpc,
            };
            bound.grpc = port.open(running).await?;
        }
        if let Some(config) = &self.config.protocols.http {
            let (server, paths) = (&config.server, config.paths());
            let port = Port {
                receiver: &self.id,
                protocol: "http",
                keys: "protocols.http",
                endpoint: server.endpoint.as_deref().unwrap_or(OtlpHttp::DEFAULT_ENDPOINT),
                transport: &server.transport,
                tls: server.tls.as_ref(),
                router: self.http(config, &ingest, budget),
                settings: server.server_settings(),
                telemetry: &self.telemetry,
                measures: Measures::http(move |path| paths.signal(path).is_some()),
            };
            bound.http = port.open(running).await?;
        }
        // Of the first start.
        let _ = self.bound.set(bound);
        Ok(())
    }
}
