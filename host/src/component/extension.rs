//! What every extension does, and what others may ask of it.

use std::{collections::BTreeMap, sync::Arc};

use super::auth::{ClientAuth, ServerAuth};
use crate::{running::Running, telemetry::Health};

/// The authenticators of a running service, by component id as a config writes it (`bearertokenauth/team`).
#[derive(Default)]
pub struct Extensions {
    pub server_auth: BTreeMap<String, Arc<dyn ServerAuth>>,
    pub client_auth: BTreeMap<String, Arc<dyn ClientAuth>>,
}

/// What an extension turned out to be; most are one of these.
#[derive(Default)]
pub struct BuiltExtension {
    pub server_auth: Option<Arc<dyn ServerAuth>>,
    pub client_auth: Option<Arc<dyn ClientAuth>>,
    pub endpoint: Option<Box<dyn Endpoint>>,
}

/// An extension that listens.
#[async_trait::async_trait]
pub trait Endpoint: Send + Sync {
    /// Binds and serves on tasks of the tracker until `running.stop`. Returns once it listens.
    async fn start(&self, health: Arc<Health>, running: &Running) -> anyhow::Result<()>;
}
