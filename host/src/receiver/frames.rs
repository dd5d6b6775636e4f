//! The parts of receivers that take messages over TCP.
//!
//! The messages of a connection are taken in their order: those that have arrived are handed to [`Frames`]
//! together, and nothing more is read until they are answered. So a sender is slowed down by TCP itself.

mod config;
mod connection;
mod framing;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use bytes::Bytes;
use metrics::Counter;

pub use config::FramesConfig;
pub use framing::Framing;

use self::connection::FrameServer;
use crate::{
    log_line::throttle::Throttle,
    running::Running,
    server::{self, Peer, Transport, request_body::Budget, streams::serve_streams},
    telemetry::{Labels, Telemetry},
    tls::server::ServerTls,
};

/// The name of the transport in metrics and in the log.
pub const TRANSPORT: &str = "tcp";

/// Takes the messages of one port. Called from as many tasks as there are connections; the calls of one
/// connection do not overlap.
#[async_trait::async_trait]
pub trait Frames: Send + Sync + 'static {
    /// Takes messages of a connection, and returns the answers, in their order and without framing. If the
    /// connection is closed, the call is dropped where it waits.
    async fn take(&self, messages: Vec<Bytes>, peer: &Arc<Peer>) -> Vec<Vec<u8>>;
}

/// A port of a receiver, ready to be opened.
pub struct FramePort<'a> {
    /// The id of the receiver.
    pub receiver: &'a str,
    /// The keys of the receiver that lead to the port's config. Empty if the receiver has one port.
    pub keys: &'a str,
    /// The endpoint, unless the config has one: `localhost:5140`.
    pub default_endpoint: &'a str,
    pub config: &'a FramesConfig,
    pub framing: Framing,
    /// What all messages under way may hold together.
    pub budget: &'a Arc<Budget>,
    pub telemetry: &'a Telemetry,
}

/// Counts connections that were ended for a reason, and logs some of them.
struct Ended {
    receiver: String,
    reason: &'static str,
    count: Counter,
    throttle: Throttle,
}

impl FramePort<'_> {
    /// Binds each address of the endpoint, and serves it until `running.stop`. Returns the addresses; a Unix
    /// socket has none.
    ///
    /// # Errors
    /// A certificate cannot be read, or an address cannot be bound. The error names the receiver and the keys.
    pub async fn open(self, to: Arc<dyn Frames>, running: &Running) -> anyhow::Result<Vec<SocketAddr>> {
        let FramePort { receiver, keys, config, framing, budget, telemetry, default_endpoint } = self;
        let place = || if keys.is_empty() { receiver.to_owned() } else { format!("{receiver}: {keys}") };
        let tls = match &config.tls {
            Some(tls) => Some(ServerTls::load(tls.clone()).await.with_context(place)?),
            None => None,
        };
        let endpoint = config.endpoint.as_deref().unwrap_or(default_endpoint);
        let transport = Transport::from_name(&config.transport).unwrap_or(Transport::Tcp);
        let listeners = server::listen_on(endpoint, transport, &running.sockets).await.with_context(place)?;
        let server = Arc::new(FrameServer {
            settings: config.settings(),
            framing,
            budget: budget.clone(),
            to,
            malformed: Ended::new(receiver, "malformed_frame", telemetry),
            slow: Ended::new(receiver, "slow", telemetry),
        });
        let connections = config.connections();
        let mut addresses = Vec::new();
        for listener in listeners {
            let protocol = TRANSPORT;
            tracing::info!(receiver, protocol, address = %listener, tls = tls.is_some(), "listening");
            addresses.extend(listener.address().with_context(place)?);
            serve_streams(listener, tls.clone(), connections.clone(), server.clone(), running);
        }
        Ok(addresses)
    }
}

impl Ended {
    fn new(receiver: &str, reason: &'static str, telemetry: &Telemetry) -> Ended {
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", TRANSPORT), ("reason", reason)];
        let count = telemetry.counter("spanloom_receiver_refused_requests", labels);
        Ended { receiver: receiver.to_owned(), reason, count, throttle: Throttle::default() }
    }

    fn add(&self, peer: &Peer, why: &str) {
        self.count.increment(1);
        if let Some(withheld) = self.throttle.admit() {
            let (receiver, reason) = (self.receiver.as_str(), self.reason);
            tracing::warn!(receiver, peer = peer.name(), reason, withheld, "closed a connection: {why}");
        }
    }
}
