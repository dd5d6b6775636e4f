//! A loaded plugin, from which all its instances are made.

use std::sync::Arc;

use wire::Signal;

use super::{
    Shared, exports::Exports, failure::CallError, instance::Instance, interface::Listener, limits::Limits,
    runtime::Runtime,
};
use crate::{
    config::ConfigError,
    hash::Sha256,
    plugin::{
        config::SwapConfig,
        load::{
            card::{Card, CardError, Optional, Role},
            description::Description,
            file::PluginFile,
        },
    },
};

/// One plugin of a config: a component that was compiled, linked and asked for its description.
pub struct Plugin {
    /// The name in the config.
    pub name: String,
    pub role: Role,
    pub card: Card,
    pub description: Description,
    /// The signals that a connector or a receiver passes on.
    pub emits: Vec<Signal>,
    /// The listeners of a receiver.
    pub listens: Vec<Listener>,
    pub sha256: Sha256,
    pub(in crate::plugin) exports: Exports,
}

/// The reason why a plugin cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file was refused before it was compiled.
    #[error(transparent)]
    Card(#[from] CardError),
    #[error("the component cannot be compiled or linked: {0:#}")]
    Compile(wasmtime::Error),
    #[error("it cannot say what it is: {0}")]
    Describe(CallError),
}

impl Plugin {
    /// Compiles a component and asks for its description. Takes up to seconds.
    pub async fn load(
        runtime: &Runtime,
        name: &str,
        file: &PluginFile,
        limits: &Limits,
    ) -> Result<Arc<Plugin>, LoadError> {
        let card = Card::read(&file.bytes)?;
        let (role, version) = (card.admit()?, card.version()?.ok_or(CardError::NoRole)?);
        let pre = runtime.compile(name, file, card.code).await.map_err(LoadError::Compile)?;
        let exports = Exports::find(pre, version, runtime.ticker());
        let said = describe(&exports, name, limits).await.map_err(LoadError::Describe)?;
        let Said { description, emits, listens } = said;
        let (name, sha256) = (name.to_owned(), file.sha256);
        Ok(Arc::new(Plugin { name, role, card, description, emits, listens, sha256, exports }))
    }

    /// Checks whether the plugin can run as a canary or a shadow, if the config asks for it.
    pub(in crate::plugin) fn check_swap(&self, swap: &SwapConfig) -> Result<(), ConfigError> {
        let no = |key, why: &str| Err(ConfigError::on(key, why));
        match self.role {
            Role::Exporter | Role::Connector | Role::Receiver if swap.shadow => no(
                "swap::shadow",
                "only processors and samplers run on copies: what others make of them would be seen",
            ),
            _ if swap.canary.is_some() && self.answers_http() => {
                no("swap::canary", "it answers HTTP, and its answers would lack what the canary was given")
            }
            _ => Ok(()),
        }
    }

    pub(in crate::plugin) fn answers_http(&self) -> bool {
        self.exports.has(Optional::HttpHandler)
    }

    /// Returns enough of the hash to distinguish two versions.
    pub(in crate::plugin) fn short_hash(&self) -> String {
        self.sha256.0.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a plugin says of itself before it is configured.
struct Said {
    description: Description,
    emits: Vec<Signal>,
    listens: Vec<Listener>,
}

async fn describe(exports: &Exports, name: &str, limits: &Limits) -> Result<Said, CallError> {
    let mut guest = Instance::start(exports, &Shared::of_nobody("", name, limits)?).await?;
    let description = guest.describe().await?.unwrap_or_else(|| Description::assumed(name));
    Ok(Said { description, emits: guest.emits().await?, listens: guest.listens().await? })
}
