//! The contract of extensions, and what they provide to other components.

use std::{collections::BTreeMap, sync::Arc};

use super::auth::{ClientAuth, RequestSigner, ServerAuth};
use crate::{pipeline::limiter::Limiter, running::Running, telemetry::Health};

/// What the extensions of a running service provide to components, by component id as in the config
/// (`bearertokenauth/team`).
#[derive(Default)]
pub struct Extensions {
    pub server_auth: BTreeMap<String, Arc<dyn ServerAuth>>,
    pub client_auth: BTreeMap<String, Arc<dyn ClientAuth>>,
    pub signers: BTreeMap<String, Arc<dyn RequestSigner>>,
    pub limiters: BTreeMap<String, Arc<Limiter>>,
}

/// What an extension provides. Most provide only one of these.
#[derive(Default)]
pub struct BuiltExtension {
    pub server_auth: Option<Arc<dyn ServerAuth>>,
    pub client_auth: Option<Arc<dyn ClientAuth>>,
    pub signer: Option<Arc<dyn RequestSigner>>,
    pub limiter: Option<Arc<Limiter>>,
    pub endpoint: Option<Box<dyn Endpoint>>,
}

/// An extension that listens, for operators and probes.
///
/// Extensions are built and started before all components, in the order of `service.extensions`, and stopped
/// after them. A reload does not change them: if the config of one changes, the reload is refused, and the
/// message asks for a restart.
#[async_trait::async_trait]
pub trait Endpoint: Send + Sync {
    /// Binds the sockets, serves them on `running.tasks` until `running.stop` is cancelled, and returns once
    /// clients can connect. Called once.
    ///
    /// # Errors
    /// An address cannot be bound. The service then does not start.
    async fn start(&self, health: Arc<Health>, running: &Running) -> anyhow::Result<()>;
}
