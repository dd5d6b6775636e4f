//! The component types that plugins are.

mod load;

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use wire::Signal;

pub use load::Plugins;

use super::{
    Limits, OnFailure, Outside, Plugin, PluginConnector, PluginExporter, PluginProcessor, PluginSampler,
    Role, StageSettings,
    config::GrantsConfig,
    schema::{self, ConfigSchema},
};
use crate::{
    component::{
        BuildContext, BuiltExporter, ComponentId, ConnectorFactory, ExporterFactory, Factory, Kind,
        ProcessorFactory,
    },
    config::{ConfigError, Node},
    connector::Connector,
    pipeline::{Consumer, Ingest},
    processor::Processor,
    sending::{SendingSettings, config::SendingConfig},
};

/// A plugin of a config as a type of component.
pub struct PluginType {
    plugin: Arc<Plugin>,
    /// What it calls itself, with its version.
    label: String,
    signals: Vec<Signal>,
    schema: Option<ConfigSchema>,
    limits: Limits,
    grants: GrantsConfig,
    on_failure: OnFailure,
}

impl PluginType {
    /// What a plugin may be in a config.
    pub const KINDS: [Kind; 3] = [Kind::Processor, Kind::Exporter, Kind::Connector];

    /// The sections that its components stand in.
    fn kind(&self) -> Kind {
        match self.plugin.role {
            Role::Processor | Role::Sampler => Kind::Processor,
            Role::Exporter => Kind::Exporter,
            Role::Connector => Kind::Connector,
        }
    }

    /// The keys of a component's config that are the host's.
    fn host_keys(&self) -> &'static [&'static str] {
        match self.plugin.role {
            Role::Processor | Role::Sampler | Role::Connector => &[],
            Role::Exporter => &SendingConfig::KEYS,
        }
    }

    /// What the plugin is given of a component's config, if its schema takes it.
    fn own_config(&self, config: &Node) -> Result<Value, ConfigError> {
        let own = config.without(self.host_keys());
        match &self.schema {
            Some(schema) => schema.read(&own, self.host_keys()),
            None => schema::json(&own),
        }
    }

    fn sending(&self, config: &Node) -> Result<SendingSettings, ConfigError> {
        let sending: SendingConfig = config.only(self.host_keys()).read()?;
        sending.settings().map_err(|error| error.within(config))
    }

    /// Asks the plugin itself what it says of a component's config.
    async fn try_configure(&self, id: &ComponentId, config: &Node) -> Result<(), ConfigError> {
        let own = self.own_config(config)?;
        match self.plugin.try_configure(&id.to_string(), &own.to_string(), &self.limits).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(schema::refusal(config, &refusal.path, &refusal.message).into()),
            Err(error) => Err(config.finding(format!("the plugin did not take its config: {error}")).into()),
        }
    }

    fn settings(&self, config: &Node, context: &BuildContext<'_>) -> Result<StageSettings, ConfigError> {
        let component = context.id.to_string();
        let outside = Outside::new(&component, &self.grants, &self.limits, context.telemetry)?;
        Ok(StageSettings {
            component,
            config: self.own_config(config)?.to_string(),
            limits: self.limits.clone(),
            outside,
            on_failure: self.on_failure,
        })
    }
}

impl Factory for PluginType {
    fn name(&self) -> &str {
        &self.plugin.name
    }

    fn signals(&self) -> &[Signal] {
        &self.signals
    }

    fn emits(&self) -> &[Signal] {
        &self.plugin.emits
    }

    fn plugin(&self) -> Option<&str> {
        Some(&self.label)
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        let own = self.own_config(config).map(drop);
        let hosts = match self.kind() {
            Kind::Exporter => self.sending(config).map(drop),
            _ => Ok(()),
        };
        let findings = [own, hosts].into_iter().filter_map(Result::err).flat_map(ConfigError::into_findings);
        ConfigError::from_findings(findings.collect())
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for PluginType {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        let settings = self.settings(config, context)?;
        let (plugin, telemetry) = (&self.plugin, context.telemetry);
        Ok(match plugin.role {
            Role::Sampler => {
                Arc::new(PluginSampler::start(plugin, &settings, telemetry, next).await.map_err(not_started)?)
            }
            _ => Arc::new(
                PluginProcessor::start(plugin, &settings, telemetry, next).await.map_err(not_started)?,
            ),
        })
    }
}

#[async_trait::async_trait]
impl ExporterFactory for PluginType {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let settings = self.settings(config, context)?;
        let exporter = PluginExporter::start(&self.plugin, &settings, context.telemetry).await;
        let exporter = Arc::new(exporter.map_err(not_started)?);
        Ok(BuiltExporter { exporter, sending: self.sending(config)? })
    }
}

#[async_trait::async_trait]
impl ConnectorFactory for PluginType {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError> {
        let settings = self.settings(config, context)?;
        let connector = PluginConnector::start(&self.plugin, &settings, context.telemetry, &ingest).await;
        Ok(Arc::new(connector.map_err(not_started)?))
    }
}

#[async_trait::async_trait]
impl Processor for PluginProcessor {
    async fn shutdown(&self, deadline: Instant) {
        by(deadline, PluginProcessor::shutdown(self)).await;
    }
}

#[async_trait::async_trait]
impl Connector for PluginConnector {
    async fn shutdown(&self, deadline: Instant) {
        by(deadline, PluginConnector::shutdown(self)).await;
    }
}

#[async_trait::async_trait]
impl Processor for PluginSampler {
    /// It holds nothing.
    async fn shutdown(&self, _: Instant) {}
}

async fn by(deadline: Instant, shutdown: impl Future<Output = ()>) {
    if tokio::time::timeout_at(deadline, shutdown).await.is_err() {
        tracing::warn!("a plugin had not let go of what it holds when its time was over");
    }
}

fn not_started(error: impl Into<anyhow::Error>) -> ConfigError {
    ConfigError::new(format!("{:#}", error.into()))
}
