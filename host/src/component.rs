//! Component kinds and factories: how the names in a config become the parts of a pipeline.

use std::sync::Arc;

use wire::Signal;

use crate::{
    config::{ConfigError, Node},
    exporter::Exporter,
    extension::Extensions,
    receiver::Receiver,
    sending::SendingSettings,
    telemetry::Telemetry,
};

/// `type` or `type/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    pub kind: String,
    pub name: Option<String>,
}

/// What a factory may use to build a component.
pub struct BuildContext<'a> {
    pub id: &'a ComponentId,
    pub telemetry: &'a Arc<Telemetry>,
    pub extensions: &'a Extensions,
}

/// A type of receiver, as a config names it.
pub trait ReceiverFactory: Sync {
    /// The type's name, then its older spellings.
    fn names(&self) -> &'static [&'static str];
    fn signals(&self) -> &'static [Signal];
    /// Checks the config without building.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<Box<dyn Receiver>, ConfigError>;
}

/// A type of exporter, as a config names it.
pub trait ExporterFactory: Sync {
    /// The type's name, then its older spellings.
    fn names(&self) -> &'static [&'static str];
    fn signals(&self) -> &'static [Signal];
    /// Checks the config without building.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError>;
}

/// An exporter and how it wants to be fed.
pub struct BuiltExporter {
    pub exporter: Arc<dyn Exporter>,
    pub sending: SendingSettings,
}

/// Every type of component that this binary has.
pub struct Registry {
    pub receivers: Vec<&'static dyn ReceiverFactory>,
    pub exporters: Vec<&'static dyn ExporterFactory>,
}
