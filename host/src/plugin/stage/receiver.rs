//! A receiver plugin: the host listens, and gives a guest what comes.

mod config;
mod datagrams;
mod exchange;
mod frames;
mod grpc;
mod http;
mod rejections;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use tokio_util::task::TaskTracker;

pub use config::ReceiverConfig;

use self::{
    config::{ListenConfig, PortConfig},
    datagrams::PluginDatagrams,
    exchange::Exchange,
    frames::PluginFrames,
    grpc::PluginGrpc,
    http::PluginHttp,
};
use crate::{
    component::{BuildContext, Extensions, Receiver},
    id::ComponentId,
    pipeline::{Batch, Ingest},
    plugin::{
        guest::{
            interface::{Answer, Listener, Reply, Request, Takes},
            plugin::Plugin,
        },
        load::card::Role,
        pool::{GuestUsage, live::Live, settings::StageSettings, tending::Tending},
    },
    receiver::{
        datagrams::{DatagramPort, DatagramsConfig},
        frames::{FramePort, FramesConfig},
        grpc::{GrpcConfig, GrpcService},
        http::{Doors, Gate, Guards, HttpServerConfig, HttpService, Port, check_files},
    },
    running::Running,
    server::{Measures, request_body::Budget},
    telemetry::Telemetry,
};

/// Gives requests to guests, and passes the guests' telemetry into the pipelines.
pub struct PluginReceiver {
    id: String,
    config: ReceiverConfig,
    /// The guards of each port.
    guards: Vec<Guards>,
    listeners: Vec<Listener>,
    exchange: Arc<Exchange>,
    telemetry: Arc<Telemetry>,
    bound: OnceLock<Vec<Vec<SocketAddr>>>,
}

impl PluginReceiver {
    /// Builds the receiver, with its first guest. No port is open yet. `guards` are those of the config.
    ///
    /// # Errors
    /// The guest does not start, or refuses the config.
    pub async fn build(
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        config: ReceiverConfig,
        guards: Vec<Guards>,
        context: &BuildContext<'_>,
    ) -> anyhow::Result<PluginReceiver> {
        let pool = settings.pool(plugin, Role::Receiver, context.telemetry).await?;
        Ok(PluginReceiver {
            id: context.id.to_string(),
            config,
            guards,
            listeners: plugin.listens.clone(),
            exchange: Arc::new(Exchange::new(pool)),
            telemetry: context.telemetry.clone(),
            bound: OnceLock::new(),
        })
    }

    /// Returns the handle by which the version is replaced.
    pub fn live(&self) -> Live {
        self.exchange.pool().live()
    }

    /// Returns what the guests use now.
    pub fn usage(&self) -> GuestUsage {
        self.exchange.pool().usage()
    }

    /// Returns the addresses of each listener that the config opens, since the first start.
    pub fn bound(&self) -> Option<&[Vec<SocketAddr>]> {
        self.bound.get().map(Vec::as_slice)
    }

    /// Builds the receiver with no port, for trying out the plugin: [`PluginReceiver::try_on`] gives it requests.
    ///
    /// # Errors
    /// The guest does not start, or refuses the config.
    pub async fn without_ports(
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<PluginReceiver> {
        let id: ComponentId = settings.component.parse().map_err(anyhow::Error::msg)?;
        let extensions = Extensions::default();
        let context = BuildContext { id: &id, telemetry, extensions: &extensions, former: None };
        PluginReceiver::build(plugin, settings, ReceiverConfig::closed(), Vec::new(), &context).await
    }

    /// Gives a guest one request, as from the plugin's first listener, and returns its reply. `path` is that of the request
    /// over HTTP, or `None` for that of the listener's first route. Nothing enters a pipeline.
    ///
    /// # Errors
    /// The plugin failed. The error says how.
    pub async fn try_on(&self, path: Option<&str>, body: Bytes) -> Result<Tried, String> {
        let mut head = self.listeners.first().and_then(|listener| listener.takes.made_up_head());
        if let (Some(head), Some(path)) = (&mut head, path) {
            path.clone_into(&mut head.path);
        }
        let request = Request { listener: 0, peer: "127.0.0.1".to_owned(), head, body };
        let replies = self.exchange.ask([request].into()).await.map_err(|refusal| refusal.message)?;
        let (answer, rejected, batches) = match replies.into_iter().next() {
            Some(Reply::Taken(taken)) => (taken.answer, None, taken.batches),
            Some(Reply::Rejected { answer, reason }) => (answer, Some(reason), Vec::new()),
            None => return Err("there is no reply".to_owned()),
        };
        let Answer { status, headers, body } = answer;
        Ok(Tried { status, headers, body, rejected, batches })
    }

    /// Flushes the guests, and returns what they pass on.
    pub async fn flush(&self) -> Vec<wire::Batch> {
        let flushed = self.exchange.pool().flush().await;
        let onward = flushed.into_iter().flat_map(|outcome| outcome.passed.onward);
        onward.map(Batch::into_data).collect()
    }

    async fn open(&self, ingest: &Ingest, running: &Running) -> anyhow::Result<()> {
        let budget = self.config.requests.budget(self.config.largest_bytes());
        let mut bound = Vec::new();
        for (port, guards) in std::iter::zip(&self.config.ports, &self.guards) {
            let Some(listener) = self.listeners.get(port.listener) else { continue };
            let opening = Opening { receiver: self, port, listener, ingest, budget: &budget, running };
            bound.push(match &port.listens {
                ListenConfig::Http(config) => opening.http(config, guards).await?,
                ListenConfig::Datagrams(config) => opening.datagrams(config).await?,
                ListenConfig::Frames(config) => opening.frames(config).await?,
                ListenConfig::Grpc(config) => opening.grpc(config, guards).await?,
            });
        }
        // A later start leaves the addresses of the first.
        let _ = self.bound.set(bound);
        Ok(())
    }
}

/// A reply to a request, for trying out a plugin.
#[derive(Debug)]
pub struct Tried {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The reason, if the request was rejected.
    pub rejected: Option<String>,
    pub batches: Vec<wire::Batch>,
}

/// A port that is being opened.
struct Opening<'a> {
    receiver: &'a PluginReceiver,
    port: &'a PortConfig,
    listener: &'a Listener,
    ingest: &'a Ingest,
    budget: &'a Arc<Budget>,
    running: &'a Running,
}

impl Opening<'_> {
    async fn http(self, config: &HttpServerConfig, guards: &Guards) -> anyhow::Result<Vec<SocketAddr>> {
        let PluginReceiver { id, telemetry, exchange, .. } = self.receiver;
        let gate = Gate::new(id, http::TRANSPORT, guards.clone(), telemetry);
        let protocol = PluginHttp::new(self.port.listener, self.listener, exchange.clone(), telemetry);
        let (is_fixed, methods) = (protocol.fixed_paths(), protocol.methods_of());
        let service =
            HttpService::new(protocol, gate, self.doors(http::TRANSPORT), self.budget.clone(), config);
        let service = Arc::new(service);
        let router = axum::Router::new().fallback(move |request| service.clone().answer(request));
        let port = Port {
            receiver: id,
            protocol: http::TRANSPORT,
            keys: &self.port.keys,
            endpoint: config.endpoint.as_deref().unwrap_or(&self.listener.endpoint),
            transport: &config.transport,
            tls: config.tls.as_ref(),
            router: config.around(methods, router),
            settings: config.server_settings(),
            telemetry,
            measures: Measures::http(is_fixed),
        };
        port.open(self.running).await
    }

    async fn grpc(self, config: &GrpcConfig, guards: &Guards) -> anyhow::Result<Vec<SocketAddr>> {
        let PluginReceiver { id, telemetry, exchange, .. } = self.receiver;
        let Takes::Grpc(methods) = &self.listener.takes else { return Ok(Vec::new()) };
        let gate = Gate::new(id, grpc::TRANSPORT, guards.clone(), telemetry);
        let unary = PluginGrpc::new(self.port.listener, methods.clone(), exchange.clone(), telemetry);
        let service = GrpcService::new(unary, gate, self.doors(grpc::TRANSPORT), self.budget.clone(), config);
        let service = Arc::new(service);
        let port = Port {
            receiver: id,
            protocol: grpc::TRANSPORT,
            keys: &self.port.keys,
            endpoint: config.endpoint.as_deref().unwrap_or(&self.listener.endpoint),
            transport: &config.transport,
            tls: config.tls.as_ref(),
            router: axum::Router::new().fallback(move |request| service.clone().answer(request)),
            settings: config.server_settings(),
            telemetry,
            measures: Measures::Grpc,
        };
        port.open(self.running).await
    }

    async fn datagrams(self, config: &DatagramsConfig) -> anyhow::Result<Vec<SocketAddr>> {
        let PluginReceiver { id, telemetry, exchange, .. } = self.receiver;
        let doors = self.doors(datagrams::TRANSPORT);
        let to = PluginDatagrams::new(self.port.listener, doors, exchange.clone(), telemetry);
        let port = DatagramPort {
            receiver: id,
            keys: &self.port.keys,
            default_endpoint: &self.listener.endpoint,
            config,
            workers: exchange.pool().slots(),
            telemetry,
        };
        port.open(Arc::new(to), self.running).await
    }

    async fn frames(self, config: &FramesConfig) -> anyhow::Result<Vec<SocketAddr>> {
        let PluginReceiver { id, telemetry, exchange, .. } = self.receiver;
        let Takes::Frames(framing) = self.listener.takes else { return Ok(Vec::new()) };
        let doors = self.doors(frames::TRANSPORT);
        let to = PluginFrames::new(self.port.listener, doors, exchange.clone(), telemetry);
        let port = FramePort {
            receiver: id,
            keys: &self.port.keys,
            default_endpoint: &self.listener.endpoint,
            config,
            framing,
            budget: self.budget,
            telemetry,
        };
        port.open(Arc::new(to), self.running).await
    }

    fn doors(&self, transport: &'static str) -> Doors {
        Doors::open(self.ingest, transport, &self.receiver.config.requests)
    }
}

#[async_trait::async_trait]
impl Receiver for PluginReceiver {
    async fn check_files(&self) -> anyhow::Result<()> {
        for port in &self.config.ports {
            check_files(&self.id, &port.keys, port.tls()).await?;
        }
        Ok(())
    }

    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()> {
        self.exchange.lead_to(&ingest);
        let tending = Tending::start(self.exchange.pool(), self.exchange.clone()).await?;
        // The tasks that serve senders end before the guests are flushed.
        let serving = Running {
            stop: running.stop.child_token(),
            tasks: TaskTracker::new(),
            listeners: running.listeners.clone(),
            sockets: running.sockets.clone(),
        };
        let opened = self.open(&ingest, &serving).await;
        if opened.is_err() {
            serving.stop.cancel();
        }
        running.tasks.spawn(async move {
            serving.stop.cancelled().await;
            serving.tasks.close();
            serving.tasks.wait().await;
            tending.shutdown().await;
        });
        opened
    }
}
