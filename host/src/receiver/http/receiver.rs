//! A receiver with one port.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::Router;

use super::{
    Doors, Gate, Guards, HttpServerConfig, HttpService, Port, Protocol, RequestsConfig, check_files,
};
use crate::{
    component::{BuildContext, Receiver},
    config::ConfigError,
    pipeline::Ingest,
    running::Running,
    server::Measures,
    telemetry::Telemetry,
};

/// The name of the transport in metrics and in the log.
const TRANSPORT: &str = "http";

/// A receiver that takes one protocol over HTTP, on one port.
pub struct HttpReceiver<P> {
    id: String,
    protocol: P,
    /// The endpoint, if the config has none: `localhost:4318`.
    default_endpoint: &'static str,
    server: HttpServerConfig,
    requests: RequestsConfig,
    guards: Guards,
    telemetry: Arc<Telemetry>,
    bound: OnceLock<Vec<SocketAddr>>,
}

impl<P: Protocol + Clone> HttpReceiver<P> {
    /// Builds a receiver of a config that was validated. Each start of the receiver uses a clone of the
    /// protocol.
    ///
    /// # Errors
    /// An extension that `auth` or `middlewares` names is not there.
    pub fn new(
        protocol: P,
        default_endpoint: &'static str,
        server: HttpServerConfig,
        requests: RequestsConfig,
        context: &BuildContext<'_>,
    ) -> Result<HttpReceiver<P>, ConfigError> {
        let guards = Guards::find(server.auth.as_ref(), &server.middlewares, context.extensions)?;
        let (id, telemetry) = (context.id.to_string(), context.telemetry.clone());
        let bound = OnceLock::new();
        Ok(HttpReceiver { id, protocol, default_endpoint, server, requests, guards, telemetry, bound })
    }

    /// Returns the addresses that the receiver listens on since its first start.
    pub fn bound(&self) -> Option<&[SocketAddr]> {
        self.bound.get().map(Vec::as_slice)
    }

    fn measures(&self) -> Measures {
        let protocol = self.protocol.clone();
        Measures::http(move |path| protocol.serves(path))
    }

    fn router(&self, ingest: &Ingest) -> Router {
        let gate = Gate::new(&self.id, TRANSPORT, self.guards.clone(), &self.telemetry);
        let doors = Doors::open(ingest, TRANSPORT, &self.requests);
        let budget = self.requests.budget(self.server.limit_bytes());
        let service = HttpService::new(self.protocol.clone(), gate, doors, budget, &self.server);
        let service = Arc::new(service);
        let protocol = self.protocol.clone();
        let methods = move |path: &str| protocol.methods(path).into_owned();
        self.server.around(methods, Router::new().fallback(move |request| service.clone().answer(request)))
    }
}

#[async_trait::async_trait]
impl<P: Protocol + Clone> Receiver for HttpReceiver<P> {
    async fn check_files(&self) -> anyhow::Result<()> {
        check_files(&self.id, "", self.server.tls.as_ref()).await
    }

    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()> {
        let port = Port {
            receiver: &self.id,
            protocol: TRANSPORT,
            keys: "",
            endpoint: self.server.endpoint.as_deref().unwrap_or(self.default_endpoint),
            transport: &self.server.transport,
            tls: self.server.tls.as_ref(),
            router: self.router(&ingest),
            settings: self.server.server_settings(),
            telemetry: &self.telemetry,
            measures: self.measures(),
        };
        let bound = port.open(running).await?;
        // A later start leaves the addresses of the first.
        let _ = self.bound.set(bound);
        Ok(())
    }
}
