//! The `otlp` receiver: OTLP/gRPC on 4317 and OTLP/HTTP on 4318 (opentelemetry-proto docs/specification.md, 1.11).
//!
//! A request's bytes go to the pipeline as they came off the transport: checked, never decoded into objects.

pub mod config;
mod doors;
mod gate;
mod grpc;
mod http;
mod rejection;
mod rpc;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use axum::{Router, http::Method};
use wire::Signal;

use self::{
    config::{AuthConfig, GrpcConfig, HttpConfig, OtlpConfig, ProtocolsConfig},
    doors::Doors,
    gate::Gate,
    grpc::Grpc,
    http::Http,
};
use crate::{
    component::{BuildContext, Factory, Receiver, ReceiverFactory, auth::ServerAuth},
    config::{ConfigError, Finding, Node},
    pipeline::Ingest,
    running::Running,
    server::{self, ServerSettings, request_body::Budget},
    telemetry::Telemetry,
    tls::{
        self,
        server::{ServerTls, ServerTlsConfig},
    },
};

pub struct OtlpFactory;

pub struct OtlpReceiver {
    id: String,
    config: OtlpConfig,
    grpc_auth: Option<Arc<dyn ServerAuth>>,
    http_auth: Option<Arc<dyn ServerAuth>>,
    telemetry: Arc<Telemetry>,
    bound: OnceLock<Bound>,
}

/// Where a started receiver listens; empty where the protocol is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    pub grpc: Vec<SocketAddr>,
    pub http: Vec<SocketAddr>,
}

/// One protocol's part of the receiver, ready to be served.
struct Port<'a> {
    protocol: &'static str,
    endpoint: &'a str,
    tls: Option<&'a ServerTlsConfig>,
    router: Router,
    settings: ServerSettings,
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

impl ReceiverFactory for OtlpFactory {
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<Box<dyn Receiver>, ConfigError> {
        Ok(Box::new(OtlpReceiver::new(config.read_valid(OtlpConfig::validate)?, context)?))
    }
}

impl OtlpReceiver {
    /// # Errors
    /// When a value is out of its range, or an authenticator is not among the extensions.
    pub fn new(config: OtlpConfig, context: &BuildContext<'_>) -> Result<OtlpReceiver, ConfigError> {
        config.validate()?;
        let ProtocolsConfig { grpc, http } = &config.protocols;
        let grpc_auth = authenticator("grpc", grpc.as_ref().and_then(|grpc| grpc.auth.as_ref()), context)?;
        let http_auth = authenticator("http", http.as_ref().and_then(|http| http.auth.as_ref()), context)?;
        let id = context.id.to_string();
        let telemetry = context.telemetry.clone();
        Ok(OtlpReceiver { id, config, grpc_auth, http_auth, telemetry, bound: OnceLock::new() })
    }

    /// Where it listens, once it was started.
    pub fn bound(&self) -> Option<&Bound> {
        self.bound.get()
    }

    fn grpc(&self, config: &GrpcConfig, ingest: &Ingest, budget: Arc<Budget>) -> Router {
        let doors = Doors::open(ingest, "grpc", self.config.acknowledge, self.config.max_request_items);
        let gate = Gate::new(&self.id, "grpc", self.grpc_auth.clone(), &self.telemetry);
        let grpc = Arc::new(Grpc::new(doors, gate, budget, config));
        Router::new().fallback(move |request| grpc.clone().answer(request))
    }

    fn http(&self, config: &HttpConfig, ingest: &Ingest, budget: Arc<Budget>) -> Router {
        let doors = Doors::open(ingest, "http", self.config.acknowledge, self.config.max_request_items);
        let gate = Gate::new(&self.id, "http", self.http_auth.clone(), &self.telemetry);
        let http = Arc::new(Http::new(doors, gate, budget, config));
        let mut router = Router::new().fallback(move |request| http.clone().answer(request));
        if let Some(cors) = config.cors.as_ref().and_then(|cors| cors.layer(Method::POST)) {
            router = router.layer(cors);
        }
        server::with_headers(router, config.response_headers().unwrap_or_default())
    }
}

#[async_trait::async_trait]
impl Receiver for OtlpReceiver {
    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()> {
        let budget = self.config.budget();
        let mut bound = Bound::default();
        if let Some(config) = &self.config.protocols.grpc {
            let port = Port {
                protocol: "grpc",
                endpoint: &config.endpoint,
                tls: config.tls.as_ref(),
                router: self.grpc(config, &ingest, budget.clone()),
                settings: config.server_settings(),
            };
            bound.grpc = port.open(&self.id, running).await?;
        }
        if let Some(config) = &self.config.protocols.http {
            let port = Port {
                protocol: "http",
                endpoint: &config.endpoint,
                tls: config.tls.as_ref(),
                router: self.http(config, &ingest, budget.clone()),
                settings: config.server_settings(),
            };
            bound.http = port.open(&self.id, running).await?;
        }
        // Of the first start.
        let _ = self.bound.set(bound);
        Ok(())
    }
}

impl Port<'_> {
    async fn open(self, receiver: &str, running: &Running) -> anyhow::Result<Vec<SocketAddr>> {
        let place = || format!("{receiver}: protocols.{}", self.protocol);
        let tls = self.tls.map(|tls| ServerTls::load(tls.clone())).transpose().with_context(place)?;
        let listeners = server::listen(self.endpoint).await.with_context(place)?;
        let mut addresses = Vec::new();
        for listener in listeners {
            let address = listener.local_addr().with_context(place)?;
            tracing::info!(receiver, protocol = self.protocol, %address, tls = tls.is_some(), "listening");
            addresses.push(address);
            server::serve(listener, tls.clone(), self.router.clone(), self.settings.clone(), running);
        }
        Ok(addresses)
    }
}

fn authenticator(
    protocol: &str,
    auth: Option<&AuthConfig>,
    context: &BuildContext<'_>,
) -> Result<Option<Arc<dyn ServerAuth>>, ConfigError> {
    let Some(AuthConfig { authenticator, .. }) = auth else { return Ok(None) };
    let known = context.extensions.server_auth.get(authenticator).cloned();
    known.map(Some).ok_or_else(|| {
        ConfigError::new(format!(
            "protocols.{protocol}.auth.authenticator: no extension {authenticator:?} that authenticates requests"
        ))
    })
}
