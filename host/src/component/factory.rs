//! What makes the components of one type.

use std::sync::Arc;

use wire::Signal;

use super::{
    BuildContext, BuiltExtension, Connector, Exporter, Processor, Receiver, SendingSettings, Stability,
};
use crate::{
    config::{ConfigError, Finding, Node},
    pipeline::{Consumer, Ingest},
};

/// A type of component, as a config names it: the part before the `/` of an id.
///
/// A factory has no state. `check` and `doubts` are called by `spanloom validate`, at a start and at every reload, for each
/// component of the type that the config defines, used or not; `build` of the traits below is called for those that a
/// pipeline or `service.extensions` names. `build` may rely on nothing that `check` has found: it reads the config again.
///
/// Errors name the key that is wrong, below the component, and what would be right.
pub trait Factory: Send + Sync {
    /// The type, as the Collector spells it today.
    fn name(&self) -> &str;

    /// Older spellings of the name, which configs may use.
    fn aliases(&self) -> &[&str] {
        &[]
    }

    /// None for extensions; of connectors those that they take.
    fn signals(&self) -> &[Signal] {
        &[]
    }

    /// Of connectors: the signals of what they pass on.
    fn emits(&self) -> &[Signal] {
        &[]
    }

    fn stability(&self) -> Stability {
        Stability::Alpha
    }

    /// What the plugin that it comes from calls itself, with its version: `redact 1.2.0`.
    fn plugin(&self) -> Option<&str> {
        None
    }

    /// Checks the config without building: opens no socket and no file that may block, and starts no task.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;

    /// Returns what a user is warned of though the config is valid: keys that have no effect, settings that are unsafe.
    fn doubts(&self, _config: &Node) -> Vec<Finding> {
        Vec::new()
    }
}

/// A type of receiver.
pub trait ReceiverFactory: Factory {
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<Box<dyn Receiver>, ConfigError>;
}

/// A type of processor; a sampler is one.
#[async_trait::async_trait]
pub trait ProcessorFactory: Factory {
    /// Called once for each pipeline that names the component: each has a processor of its own, before its own `next`.
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError>;
}

/// A type of exporter.
#[async_trait::async_trait]
pub trait ExporterFactory: Factory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError>;
}

/// An exporter and how it wants to be fed.
pub struct BuiltExporter {
    pub exporter: Arc<dyn Exporter>,
    pub sending: SendingSettings,
}

/// A type of connector.
#[async_trait::async_trait]
pub trait ConnectorFactory: Factory {
    /// Whether it makes the one signal of the other.
    fn connects(&self, from: Signal, to: Signal) -> bool {
        self.signals().contains(&from) && self.emits().contains(&to)
    }

    /// Called once for each id; `ingest` leads into the pipelines that name it as a receiver.
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError>;
}

/// A type of extension.
pub trait ExtensionFactory: Factory {
    /// Called on a thread that may block: it may read files.
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError>;
}
