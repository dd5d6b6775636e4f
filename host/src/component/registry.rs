//! The registry of all types of components that a config may name.

use std::sync::Arc;

use super::{
    ConnectorFactory, ExporterFactory, ExtensionFactory, Factory, ProcessorFactory, ReceiverFactory,
};
use crate::{
    config::{ConfigError, Node},
    id::Kind,
};

/// The types that this binary has ([`builtin`](crate::builtin)), and those of the config's plugins.
#[derive(Clone, Default)]
pub struct Registry {
    pub receivers: Vec<Arc<dyn ReceiverFactory>>,
    pub processors: Vec<Arc<dyn ProcessorFactory>>,
    pub exporters: Vec<Arc<dyn ExporterFactory>>,
    pub connectors: Vec<Arc<dyn ConnectorFactory>>,
    pub extensions: Vec<Arc<dyn ExtensionFactory>>,
}

impl Registry {
    /// Returns the types of one kind.
    pub fn types(&self, kind: Kind) -> Vec<&dyn Factory> {
        match kind {
            Kind::Receiver => self.receivers.iter().map(|known| &**known as &dyn Factory).collect(),
            Kind::Processor => self.processors.iter().map(|known| &**known as &dyn Factory).collect(),
            Kind::Exporter => self.exporters.iter().map(|known| &**known as &dyn Factory).collect(),
            Kind::Extension => self.extensions.iter().map(|known| &**known as &dyn Factory).collect(),
            Kind::Connector => self.connectors.iter().map(|known| &**known as &dyn Factory).collect(),
        }
    }

    pub fn find(&self, kind: Kind, name: &str) -> Option<&dyn Factory> {
        match kind {
            Kind::Receiver => self.receiver(name).map(|known| known as &dyn Factory),
            Kind::Processor => self.processor(name).map(|known| known as &dyn Factory),
            Kind::Exporter => self.exporter(name).map(|known| known as &dyn Factory),
            Kind::Extension => self.extension(name).map(|known| known as &dyn Factory),
            Kind::Connector => self.connector(name).map(|known| known as &dyn Factory),
        }
    }

    pub fn receiver(&self, name: &str) -> Option<&dyn ReceiverFactory> {
        named(&self.receivers, name)
    }

    pub fn processor(&self, name: &str) -> Option<&dyn ProcessorFactory> {
        named(&self.processors, name)
    }

    pub fn exporter(&self, name: &str) -> Option<&dyn ExporterFactory> {
        named(&self.exporters, name)
    }

    pub fn connector(&self, name: &str) -> Option<&dyn ConnectorFactory> {
        named(&self.connectors, name)
    }

    pub fn extension(&self, name: &str) -> Option<&dyn ExtensionFactory> {
        named(&self.extensions, name)
    }

    /// Adds a type. It replaces a type with the same name.
    pub fn add_receiver(&mut self, factory: Arc<dyn ReceiverFactory>) {
        self.receivers.retain(|known| known.name() != factory.name());
        self.receivers.push(factory);
    }

    /// Adds a type. It replaces a type with the same name.
    pub fn add_processor(&mut self, factory: Arc<dyn ProcessorFactory>) {
        self.processors.retain(|known| known.name() != factory.name());
        self.processors.push(factory);
    }

    /// Adds a type. It replaces a type with the same name.
    pub fn add_exporter(&mut self, factory: Arc<dyn ExporterFactory>) {
        self.exporters.retain(|known| known.name() != factory.name());
        self.exporters.push(factory);
    }

    /// Adds a type. It replaces a type with the same name.
    pub fn add_connector(&mut self, factory: Arc<dyn ConnectorFactory>) {
        self.connectors.retain(|known| known.name() != factory.name());
        self.connectors.push(factory);
    }

    /// Checks a config with its type. Returns no findings if there is no such type.
    pub fn check(&self, kind: Kind, name: &str, config: &Node) -> Result<(), ConfigError> {
        self.find(kind, name)
            .map_or(Ok(()), |known| known.check(config).map_err(|error| error.within(config)))
    }
}

/// A name has precedence over another type's older spelling.
fn named<'a, F: Factory + ?Sized>(types: &'a [Arc<F>], name: &str) -> Option<&'a F> {
    let by_name = types.iter().find(|known| known.name() == name);
    let found = by_name.or_else(|| types.iter().find(|known| known.aliases().contains(&name)));
    found.map(|known| &**known)
}
