//! The factories, each of which builds the components of one type.

use std::sync::Arc;

use wire::Signal;

use super::{
    BuildContext, BuiltExtension, Connector, Exporter, Processor, Receiver, Sampler, SendingSettings,
    Stability,
};
use crate::{
    config::{ConfigError, Finding, Node},
    id::ComponentId,
    pipeline::{Consumer, Ingest},
};

/// A type of component, as a config names it: the part before the `/` of an id.
///
/// A factory has no state. `check` and `doubts` are called by `spanloom validate`, at a start and at every
/// reload, for each component of the type that the config defines, used or not; `build` of the traits below
/// is called only for those that a pipeline or `service.extensions` names. `build` must not rely on `check`:
/// it reads the config again.
///
/// Errors name the key that is wrong, relative to the component's config, and what would be right.
pub trait Factory: Send + Sync {
    /// Returns the name of the type, as the Collector spells it today.
    fn name(&self) -> &str;

    /// Returns older spellings of the name, which configs may use.
    fn aliases(&self) -> &[&str] {
        &[]
    }

    /// Returns the signals that the components take; for receivers, those that they make. Extensions take none.
    fn signals(&self) -> &[Signal] {
        &[]
    }

    /// Returns the signals that a connector emits.
    fn emits(&self) -> &[Signal] {
        &[]
    }

    fn stability(&self) -> Stability {
        Stability::Alpha
    }

    /// Returns the name and version of the plugin that provides the type: `redact 1.2.0`.
    fn plugin(&self) -> Option<&str> {
        None
    }

    /// Checks the config without building: opens no socket and no file that may block, and starts no task.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;

    /// Returns warnings about a valid config: keys that have no effect, settings that are unsafe.
    fn doubts(&self, _config: &Node) -> Vec<Finding> {
        Vec::new()
    }
}

/// A type of receiver.
#[async_trait::async_trait]
pub trait ReceiverFactory: Factory {
    /// Builds a receiver. Called once for each id.
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<Arc<dyn Receiver>, ConfigError>;
}

/// A type of processor. Samplers are processors.
#[async_trait::async_trait]
pub trait ProcessorFactory: Factory {
    /// Returns whether the processors are samplers: each decides which of the traces that it is given together go
    /// on, and changes nothing else.
    fn samples(&self) -> bool {
        false
    }

    /// Returns the sampler that stands behind the processor, if the config names one. Processors of this type then
    /// [gather](Processor::gathers) data for it.
    fn sampler(&self, _id: &ComponentId, _config: &Node) -> Option<Sampler> {
        None
    }

    /// Builds a processor. Called once for each pipeline that names the component, with that pipeline's
    /// `next`.
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

/// An exporter, and the settings of its queue.
pub struct BuiltExporter {
    pub exporter: Arc<dyn Exporter>,
    pub sending: SendingSettings,
}

/// A type of connector.
#[async_trait::async_trait]
pub trait ConnectorFactory: Factory {
    /// Returns whether the connector makes data of signal `to` from data of signal `from`.
    fn connects(&self, from: Signal, to: Signal) -> bool {
        self.signals().contains(&from) && self.emits().contains(&to)
    }

    /// Builds a connector. Called once for each id. `ingest` leads into the pipelines that name the id as a
    /// receiver.
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError>;
}

/// A type of extension.
pub trait ExtensionFactory: Factory {
    /// Builds an extension. Called on a thread that may block, so it may read files.
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError>;
}
