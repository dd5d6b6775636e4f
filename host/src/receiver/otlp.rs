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
    config::{AuthConfig, GrpcConfig, HttpConfig, MiddlewareConfig, OtlpConfig, ProtocolsConfig},
    doors::Doors,
    gate::{Gate, Guards},
    grpc::Grpc,
    http::Http,
};
use crate::{
    component::{BuildContext, Factory, Receiver, ReceiverFactory},
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
    grpc_guards: Guards,
    http_guards: Guards,
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
        let grpc_guards =
            grpc.as_ref().map(|grpc| guards("grpc", grpc.auth.as_ref(), &grpc.middlewares, context));
        let http_guards =
            http.as_ref().map(|http| guards("http", http.auth.as_ref(), &http.middlewares, context));
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
        let doors = Doors::open(ingest, "grpc", self.config.acknowledge, self.config.max_request_items);
        let gate = Gate::new(&self.id, "grpc", self.grpc_guards.clone(), &self.telemetry);
        let grpc = Arc::new(Grpc::new(doors, gate, budget, config));
        Router::new().fallback(move |request| grpc.clone().answer(request))
    }

    fn http(&self, config: &HttpConfig, ingest: &Ingest, budget: Arc<Budget>) -> Router {
        let doors = Doors::open(ingest, "http", self.config.acknowledge, self.config.max_request_items);
        let gate = Gate::new(&self.id, "http", self.http_guards.clone(), &self.telemetry);
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
        let tls = match self.tls {
            Some(tls) => Some(ServerTls::load(tls.clone()).await.with_context(place)?),
            None => None,
        };
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

/// The extensions that a protocol's `auth` and `middlewares` name.
fn guards(
    protocol: &str,
    auth: Option<&AuthConfig>,
    middlewares: &[MiddlewareConfig],
    context: &BuildContext<'_>,
) -> Result<Guards, ConfigError> {
    let missing = |key: String, id: &str, does: &str| {
        ConfigError::on(
            &format!("protocols::{protocol}::{key}"),
            format!("no extension {id:?} that {does} is under `service.extensions`"),
        )
    };
    let mut guards = Guards::default();
    if let Some(AuthConfig { authenticator: id, .. }) = auth {
        let known = context.extensions.server_auth.get(id);
        let known =
            known.ok_or_else(|| missing("auth::authenticator".to_owned(), id, "authenticates requests"))?;
        guards.auth = Some(known.clone());
    }
    for (index, MiddlewareConfig { id }) in middlewares.iter().enumerate() {
        let known = context.extensions.limiters.get(id);
        let known =
            known.ok_or_else(|| missing(format!("middlewares::{index}::id"), id, "limits requests"))?;
        guards.limiters.push(known.clone());
    }
    Ok(guards)
}
