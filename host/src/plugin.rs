//! Plugins: wasm components that process, sample and export what passes.
//!
//! A [`Runtime`] has what all plugins share, a [`Plugin`] is one file, loaded. Each component of a pipeline that uses it
//! has a [`pool`] of [`instance`]s, guests with a memory of their own. What a guest holds is in its [`custody`], so that
//! a call that fails can be taken back.

mod bindings;
mod breaker;
mod custody;
mod describe;
mod exporter;
mod failure;
mod guest;
mod imports;
mod instance;
mod limits;
mod metrics;
mod pool;
mod processor;
mod runtime;
mod sampler;
mod stage;

use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use describe::{Concurrency, Description, Grant, Role};
pub use exporter::PluginExporter;
pub use failure::{CallError, CallErrorKind};
pub use limits::Limits;
pub use processor::PluginProcessor;
pub use runtime::Runtime;
pub use sampler::PluginSampler;
pub use stage::{OnFailure, StageSettings};

use guest::Shared;
use instance::{Exports, Instance};

/// One plugin of a config: a component, compiled, linked and asked who it is.
pub struct Plugin {
    /// In the config.
    pub name: String,
    pub description: Description,
    pub sha256: [u8; 32],
    exports: Exports,
}

/// Why a plugin cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the component cannot be compiled or linked: {0:#}")]
    Compile(wasmtime::Error),
    #[error("its `describe` failed: {0}")]
    Describe(CallError),
}

impl Plugin {
    /// Compiles a component and asks it who it is. Takes up to seconds.
    pub async fn load(runtime: &Runtime, name: &str, bytes: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        let pre = runtime.compile(bytes).map_err(LoadError::Compile)?;
        let exports = Exports::find(pre);
        let description = describe(&exports, name).await.map_err(LoadError::Describe)?;
        let sha256 = Sha256::digest(bytes).into();
        Ok(Arc::new(Plugin { name: name.to_owned(), description, sha256, exports }))
    }

    /// What it can be in a pipeline.
    pub fn roles(&self) -> Vec<Role> {
        let has = [
            (Role::Processor, self.exports.processing.is_some()),
            (Role::Sampler, self.exports.sampling.is_some()),
            (Role::Exporter, self.exports.exporting.is_some()),
        ];
        has.into_iter().filter(|(_, has)| *has).map(|(role, _)| role).collect()
    }

    /// Enough of the hash to tell two versions apart.
    fn short_hash(&self) -> String {
        self.sha256.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

async fn describe(exports: &Exports, name: &str) -> Result<Description, CallError> {
    let mut guest = Instance::start(exports, &Arc::new(Shared::of_nobody(name))).await?;
    Ok(guest.describe().await?.unwrap_or_else(|| Description::assumed(name)))
}
