//! Plugins: wasm components that process, sample, export and connect what passes.
//!
//! A [`Runtime`] has what all plugins share, a [`Plugin`] is one file, loaded. Each component of a pipeline that uses it
//! has a `pool` of `instance`s, guests with a memory of their own. What a guest holds is in its `custody`, so that
//! a call that fails can be taken back.

mod bindings;
mod breaker;
pub mod builtin;
mod cache;
pub mod card;
mod compilers;
pub mod config;
mod configure;
mod connector;
mod custody;
mod deadline;
mod describe;
mod exporter;
mod exports;
pub mod factory;
mod failure;
pub mod file;
mod generation;
mod guest;
mod handler;
pub mod http;
mod imports;
mod instance;
mod last_words;
mod limits;
mod live;
mod made_up;
mod metrics;
mod outside;
mod pool;
mod probation;
mod processor;
mod runtime;
mod sampler;
pub mod schema;
mod see_through;
mod shadow;
mod stage;
pub mod store;
mod tending;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod ticker;
mod wasi;

use std::sync::Arc;

use wire::Signal;

pub(crate) use cache::check as check_cache;
pub use card::Role;
pub(crate) use compilers::data_passes;
pub use config::OnFailure;
pub use configure::Refusal;
pub use connector::PluginConnector;
pub use describe::{Concurrency, Description, Grant};
pub use exporter::PluginExporter;
pub use failure::{CallError, CallErrorKind};
use file::{PluginFile, Sha256};
pub use generation::Figures;
pub use limits::Limits;
pub use live::{Live, PrepareError, Prepared};
pub use outside::Outside;
pub use pool::GuestUsage;
pub use probation::{Probation, ProbationSettings, Verdict};
pub use processor::PluginProcessor;
pub use runtime::Runtime;
pub use sampler::{PluginSampler, SamplingDecision};
pub use shadow::Comparison;
pub use stage::StageSettings;

use crate::config::ConfigError;
use card::{Card, CardError};
use config::SwapConfig;
use exports::Exports;
use guest::Shared;
use instance::Instance;

/// One plugin of a config: a component, compiled, linked and asked who it is.
pub struct Plugin {
    /// In the config.
    pub name: String,
    pub role: Role,
    pub card: Card,
    pub description: Description,
    /// The signals of what a connector passes on.
    pub emits: Vec<Signal>,
    pub sha256: Sha256,
    exports: Exports,
}

/// Why a plugin cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing was compiled.
    #[error(transparent)]
    Card(#[from] CardError),
    #[error("the component cannot be compiled or linked: {0:#}")]
    Compile(wasmtime::Error),
    #[error("it cannot say what it is: {0}")]
    Describe(CallError),
}

impl Plugin {
    /// Compiles a component and asks it who it is. Takes up to seconds.
    pub async fn load(
        runtime: &Runtime,
        name: &str,
        file: &PluginFile,
        limits: &Limits,
    ) -> Result<Arc<Plugin>, LoadError> {
        let card = Card::read(&file.bytes)?;
        let role = card.admit()?;
        let pre = runtime.compile(name, file).await.map_err(LoadError::Compile)?;
        let exports = Exports::find(pre, runtime.ticker());
        let (description, emits) = describe(&exports, name, limits).await.map_err(LoadError::Describe)?;
        let (name, sha256) = (name.to_owned(), file.sha256);
        Ok(Arc::new(Plugin { name, role, card, description, emits, sha256, exports }))
    }

    /// Not every plugin can have its batches shared out, or copied.
    fn check_swap(&self, swap: &SwapConfig) -> Result<(), ConfigError> {
        let no = |key, why: &str| Err(ConfigError::on(key, why));
        match self.role {
            Role::Exporter | Role::Connector if swap.shadow => no(
                "swap::shadow",
                "only processors and samplers run on copies: what others make of them would be seen",
            ),
            _ if swap.canary.is_some() && self.answers_http() => {
                no("swap::canary", "it answers HTTP, and its answers would lack what the canary was given")
            }
            _ => Ok(()),
        }
    }

    fn answers_http(&self) -> bool {
        self.exports.http_handler.is_some()
    }

    /// Enough of the hash to tell two versions apart.
    fn short_hash(&self) -> String {
        self.sha256.0.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What it says of itself, and what it emits.
async fn describe(
    exports: &Exports,
    name: &str,
    limits: &Limits,
) -> Result<(Description, Vec<Signal>), CallError> {
    let mut guest = Instance::start(exports, &Shared::of_nobody("", name, limits)?).await?;
    let description = guest.describe().await?.unwrap_or_else(|| Description::assumed(name));
    Ok((description, guest.emits().await?))
}
