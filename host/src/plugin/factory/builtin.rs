//! Makes the built-in plugins types of components.

use std::sync::Arc;

use wire::Signal;

use super::PluginType;
use crate::{
    component::{
        BuildContext, BuiltExporter, Connector, ConnectorFactory, ExporterFactory, Factory, Processor,
        ProcessorFactory, Receiver, ReceiverFactory,
    },
    config::{ConfigError, Node},
    pipeline::{Consumer, Ingest},
    plugin::builtin::Builtin,
};

/// The registry's entry of a built-in plugin, until a config that uses it has been read. Then the loaded
/// plugin replaces it.
impl Factory for &'static Builtin {
    fn name(&self) -> &str {
        Builtin::name(self)
    }

    fn aliases(&self) -> &[&str] {
        Builtin::aliases(self)
    }

    fn signals(&self) -> &[Signal] {
        self.signals
    }

    fn emits(&self) -> &[Signal] {
        self.emits
    }

    fn plugin(&self) -> Option<&str> {
        Some("built in")
    }

    /// Accepts every config. This is only asked if the plugin could not be loaded, which is reported
    /// elsewhere.
    fn check(&self, _: &Node) -> Result<(), ConfigError> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for &'static Builtin {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<Arc<dyn Receiver>, ConfigError> {
        ReceiverFactory::build(&PluginType::of_builtin(self).await?, config, context).await
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for &'static Builtin {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        ProcessorFactory::build(&PluginType::of_builtin(self).await?, config, context, next).await
    }
}

#[async_trait::async_trait]
impl ExporterFactory for &'static Builtin {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        ExporterFactory::build(&PluginType::of_builtin(self).await?, config, context).await
    }
}

#[async_trait::async_trait]
impl ConnectorFactory for &'static Builtin {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError> {
        ConnectorFactory::build(&PluginType::of_builtin(self).await?, config, context, ingest).await
    }
}
