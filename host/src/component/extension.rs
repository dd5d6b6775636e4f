//! What every extension does, and what others may ask of it.

use std::{collections::BTreeMap, sync::Arc};

use super::auth::{ClientAuth, ServerAuth};
use crate::{pipeline::limiter::Limiter, running::Running, telemetry::Health};

/// What the extensions of a running service do for components, by component id as a config writes it
/// (`bearertokenauth/team`).
#[derive(Default)]
pub struct Extensions {
    pub server_auth: BTreeMap<String, Arc<dyn ServerAuth>>,
    pub client_auth: BTreeMap<String, Arc<dyn ClientAuth>>,
    pub limiters: BTreeMap<String, Arc<Limiter>>,
}

/// What an extension turned out to be; most are one of these.
#[derive(Default)]
pub struct BuiltExtension {
    pub server_auth: Option<Arc<dyn ServerAuth>>,
    pub client_auth: Option<Arc<dyn ClientAuth>>,
    pub limiter: Option<Arc<Limiter>>,
    pub endpoint: Option<Box<dyn Endpoint>>,
}

/// An extension that listens, for operators and probes.
///
/// Extensions are built and started before all components, in the order of `service.extensions`, and stopped after them. A
/// reload leaves them alone: a config that changes one is refused, and says that a restart is due.
#[async_trait::async_trait]
pub trait Endpoint: Send + Sync {
    /// Binds the sockets, serves them on `running.tasks` until `running.stop` is cancelled, and returns once clients can
    /// connect. Called once.
    ///
    /// # Errors
    /// When an address cannot be bound; then the service does not start.
    async fn start(&self, health: Arc<Health>, running: &Running) -> anyhow::Result<()>;
}
