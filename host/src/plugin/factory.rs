//! Makes plugins types of components.

mod builtin;
mod load;

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use wire::Signal;

pub use load::{Plugins, read_file};

use super::{
    builtin::{Adapted, Builtin, PROXY_SERVER, ProxyServerConfig},
    config::{OnFailure, SwapConfig},
    guest::{limits::Limits, plugin::Plugin},
    load::{
        card::Role,
        schema::{self, ConfigSchema},
    },
    outside::{GrantsConfig, Outside},
    pool::{
        live::{Live, PrepareError, Prepared},
        settings::StageSettings,
    },
    stage::{
        connector::PluginConnector,
        exporter::PluginExporter,
        processor::PluginProcessor,
        receiver::{PluginReceiver, ReceiverConfig},
        sampler::PluginSampler,
    },
};
use crate::{
    component::{
        BuildContext, BuiltExporter, Connector, ConnectorFactory, ExporterFactory, Factory, Processor,
        ProcessorFactory, Receiver, ReceiverFactory, SendingSettings,
    },
    config::{ConfigError, Finding, Node, keys_of},
    id::{ComponentId, Kind},
    pipeline::{Consumer, Ingest},
    sampling::recording::{Recording, RecordingConfig},
    sending::config::SendingConfig,
};

/// The built-in sampler whose reasons are the names of policies.
const POLICIES: &str = "tail_sampling_policies";

/// A plugin of a config, as a type of component.
#[derive(Clone)]
pub struct PluginType {
    plugin: Arc<Plugin>,
    /// The name and the version that the plugin gives itself.
    label: String,
    signals: Vec<Signal>,
    schema: Option<Arc<ConfigSchema>>,
    /// The keys of a component's config that the host reads.
    host_keys: Vec<&'static str>,
    limits: Limits,
    grants: GrantsConfig,
    on_failure: OnFailure,
    /// How the plugin is replaced; `None` if it comes from no file.
    swap: Option<SwapConfig>,
    /// The built-in plugin that this is or replaces.
    builtin: Option<&'static Builtin>,
}

impl PluginType {
    /// The kinds of components that a plugin may be.
    pub const KINDS: [Kind; 4] = [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector];

    /// Returns the kind of the plugin's components, which decides their section in a config.
    pub fn kind(&self) -> Kind {
        PluginType::kind_of(self.plugin.role)
    }

    fn kind_of(role: Role) -> Kind {
        match role {
            Role::Processor | Role::Sampler => Kind::Processor,
            Role::Exporter => Kind::Exporter,
            Role::Connector => Kind::Connector,
            Role::Receiver => Kind::Receiver,
        }
    }

    /// Returns the keys of a component's config that the host reads.
    fn host_keys(&self) -> &[&'static str] {
        &self.host_keys
    }

    /// Returns these keys for a plugin. `builtin` is the built-in plugin that it is or replaces.
    fn host_keys_of(plugin: &Plugin, builtin: Option<&Builtin>) -> Vec<&'static str> {
        let mut keys = match plugin.role {
            Role::Processor | Role::Connector => Vec::new(),
            Role::Sampler => keys_of::<RecordingConfig>().to_vec(),
            Role::Exporter => keys_of::<SendingConfig>().to_vec(),
            Role::Receiver => ReceiverConfig::keys(&plugin.listens),
        };
        if builtin.is_some_and(Builtin::has_proxy_server) {
            keys.push(PROXY_SERVER);
        }
        keys
    }

    /// Returns whether the host serves a proxy beside each of the plugin's components.
    fn has_proxy_server(&self) -> bool {
        self.builtin.is_some_and(Builtin::has_proxy_server)
    }

    /// Returns the part of a component's config that the plugin is given.
    ///
    /// # Errors
    /// The plugin's schema does not accept it.
    fn own_config(&self, config: &Node) -> Result<Value, ConfigError> {
        let own = config.without(self.host_keys());
        match &self.schema {
            Some(schema) => schema.read(&own, self.host_keys()),
            None => schema::json(&own),
        }
    }

    /// Returns what the plugin is given, and what the host acts on. `region` is used if the config needs a
    /// region and names none.
    fn adapted(&self, config: &Node, region: Option<&str>) -> Result<Adapted, ConfigError> {
        let own = self.own_config(config)?;
        let mut adapted = match self.builtin.and_then(|builtin| builtin.adapt) {
            Some(adapt) => adapt(own, region).map_err(|error| error.within(config))?,
            None => return Ok(Adapted::plain(own, self.grants.clone())),
        };
        if !self.grants.http.is_empty() {
            adapted.grants.http.clone_from(&self.grants.http);
        }
        adapted.grants.store = self.grants.store.or(adapted.grants.store);
        Ok(adapted)
    }

    /// Does the same as [`PluginType::adapted`], and asks the machine for what the config leaves to it.
    async fn fully_adapted(&self, config: &Node) -> Result<Adapted, ConfigError> {
        let adapted = self.adapted(config, None)?;
        match &adapted.lacks_region {
            Some(lacks) => self.adapted(config, Some(&lacks.ask().await?)),
            None => Ok(adapted),
        }
    }

    fn sending(&self, config: &Node, adapted: &Adapted) -> Result<SendingSettings, ConfigError> {
        let mut sending: SendingConfig = config.read_part()?;
        if let (Some(timeout), None) = (adapted.timeout, config.get("timeout")) {
            sending.timeout = crate::config::Duration(timeout);
        }
        let workers = config.get("sending_queue").and_then(|queue| queue.get("num_consumers"));
        if let (Some(num_consumers), None) = (adapted.num_consumers, workers) {
            sending.sending_queue.num_consumers = num_consumers;
        }
        sending.settings().map_err(|error| error.within(config))
    }

    /// Returns how the sending queue feeds this exporter.
    ///
    /// # Errors
    /// The config is wrong.
    pub fn sending_settings(&self, config: &Node) -> Result<SendingSettings, ConfigError> {
        self.sending(config, &self.adapted(config, None)?)
    }

    /// Returns true if the running component, which was started with `before`, is already a component of this
    /// type.
    pub fn is_run_by(&self, live: &Live, before: &PluginType) -> bool {
        let settings = |of: &PluginType| (of.limits.clone(), of.grants.clone(), of.on_failure);
        live.running().plugin.sha256 == self.plugin.sha256
            && settings(self) == settings(before)
            && self.builtin.map(Builtin::name) == before.builtin.map(Builtin::name)
    }

    fn is_called(&self, name: &str) -> bool {
        self.plugin.name == name || self.aliases().contains(&name)
    }

    /// Asks the plugin itself whether it accepts a component's config.
    async fn try_configure(&self, id: &ComponentId, config: &Node) -> Result<(), ConfigError> {
        let own = self.adapted(config, None)?.config.to_string();
        match self.plugin.try_configure(&id.to_string(), &own, &self.limits).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(schema::refusal(config, &refusal.path, &refusal.message).into()),
            Err(error) => Err(config.finding(format!("the plugin did not take its config: {error}")).into()),
        }
    }

    /// Returns how a sampler's reasons are recorded, if the config asks for it.
    fn recording(&self, config: &Node, own: &Value) -> Result<Option<Recording>, ConfigError> {
        if self.plugin.role != Role::Sampler {
            return Ok(None);
        }
        let RecordingConfig { record_reason } = config.read_part()?;
        let of_policies = self.builtin.is_some_and(|builtin| builtin.name() == POLICIES);
        Ok(record_reason.map(|place| match of_policies {
            true => Recording::of_policies(place, own),
            false => Recording::of_sampler(place),
        }))
    }

    async fn settings(
        &self,
        config: &Node,
        adapted: &Adapted,
        context: &BuildContext<'_>,
    ) -> Result<StageSettings, ConfigError> {
        let component = context.id.to_string();
        let http_requests = self.limits.http_requests;
        let outside = Outside::open(&component, &adapted.grants, http_requests, context.telemetry).await?;
        self.settings_with(component, config, adapted, outside)
    }

    fn settings_with(
        &self,
        component: String,
        config: &Node,
        adapted: &Adapted,
        outside: Outside,
    ) -> Result<StageSettings, ConfigError> {
        Ok(StageSettings {
            component,
            config: adapted.config.to_string(),
            limits: self.limits.clone(),
            outside,
            on_failure: self.on_failure,
            recording: self.recording(config, &adapted.config)?.map(Arc::new),
        })
    }

    /// Prepares this plugin and this config for a running component. The component keeps its ways out, unless
    /// the grants differ.
    ///
    /// # Errors
    /// The component would have to be built again, the plugin does not accept its config, or the plugin
    /// fails.
    pub async fn prepare(&self, live: &Live, config: &Node) -> Result<Prepared, PrepareError> {
        let adapted = self.fully_adapted(config).await?;
        let (grants, telemetry) = (&adapted.grants, live.telemetry());
        let (outside, http_requests) = (live.outside(), self.limits.http_requests);
        let outside = outside.with_grants(live.component(), grants, http_requests, telemetry).await?;
        let settings = self.settings_with(live.component().to_owned(), config, &adapted, outside)?;
        live.prepare(&self.plugin, settings).await
    }

    /// Builds a processor or a sampler, as [`ProcessorFactory::build`] does. Also returns its [`Live`], which
    /// can replace its version.
    ///
    /// # Errors
    /// The config is wrong, or no instance starts with it.
    pub async fn processor(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<(Arc<dyn Processor>, Live), ConfigError> {
        if self.plugin.role == Role::Sampler {
            let sampler = Arc::new(self.sampler(config, context, next).await?);
            let live = sampler.live();
            return Ok((sampler, live));
        }
        let settings = self.settings(config, &self.fully_adapted(config).await?, context).await?;
        let (plugin, telemetry) = (&self.plugin, context.telemetry);
        let processor = PluginProcessor::start(plugin, &settings, telemetry, next).await;
        let processor = Arc::new(processor.map_err(not_started)?);
        let live = processor.live();
        Ok((processor, live))
    }

    /// Builds a sampler.
    ///
    /// # Errors
    /// As [`PluginType::processor`].
    pub async fn sampler(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<PluginSampler, ConfigError> {
        let settings = self.settings(config, &self.fully_adapted(config).await?, context).await?;
        PluginSampler::start(&self.plugin, &settings, context.telemetry, next).await.map_err(not_started)
    }

    /// Builds an exporter, as [`ExporterFactory::build`] does, with its [`Live`].
    ///
    /// # Errors
    /// As [`PluginType::processor`].
    pub async fn exporter(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<(BuiltExporter, Live), ConfigError> {
        let adapted = self.fully_adapted(config).await?;
        let settings = self.settings(config, &adapted, context).await?;
        let exporter = PluginExporter::start(&self.plugin, &settings, context.telemetry).await;
        let exporter = Arc::new(exporter.map_err(not_started)?);
        let live = exporter.live();
        Ok((BuiltExporter { exporter, sending: self.sending(config, &adapted)? }, live))
    }

    /// Builds a connector, as [`ConnectorFactory::build`] does, with its [`Live`].
    ///
    /// # Errors
    /// As [`PluginType::processor`].
    pub async fn connector(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<(Arc<dyn Connector>, Live), ConfigError> {
        let settings = self.settings(config, &self.fully_adapted(config).await?, context).await?;
        let connector = PluginConnector::start(&self.plugin, &settings, context.telemetry, &ingest).await;
        let connector = Arc::new(connector.map_err(not_started)?);
        let live = connector.live();
        Ok((connector, live))
    }

    /// Builds a receiver, as [`ReceiverFactory::build`] does, with its [`Live`].
    ///
    /// # Errors
    /// As [`PluginType::processor`].
    pub async fn receiver(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<(Arc<dyn Receiver>, Live), ConfigError> {
        let settings = self.settings(config, &self.fully_adapted(config).await?, context).await?;
        let listening = self.listening(config)?;
        let guards = listening.guards(context.extensions)?;
        let receiver = PluginReceiver::build(&self.plugin, &settings, listening, guards, context).await;
        let receiver = Arc::new(receiver.map_err(not_started)?);
        let live = receiver.live();
        if self.has_proxy_server() {
            let proxy = ProxyServerConfig::read(config)?;
            return Ok((proxy.beside(receiver, &context.id.to_string()).await?, live));
        }
        Ok((receiver, live))
    }

    fn listening(&self, config: &Node) -> Result<ReceiverConfig, ConfigError> {
        ReceiverConfig::read(config, &self.plugin.listens, self.limits.memory_bytes)
    }

    /// Returns whether two configs of a receiver have the same keys for the host, so that its listeners can stay.
    pub fn listens_alike(&self, one: &Node, other: &Node) -> bool {
        one.only(&self.host_keys).says_as(&other.only(&self.host_keys))
    }

    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    pub fn swap(&self) -> Option<&SwapConfig> {
        self.swap.as_ref()
    }
}

impl Factory for PluginType {
    fn name(&self) -> &str {
        &self.plugin.name
    }

    fn aliases(&self) -> &[&str] {
        self.builtin.map_or(&[], Builtin::aliases)
    }

    fn signals(&self) -> &[Signal] {
        &self.signals
    }

    fn emits(&self) -> &[Signal] {
        // What a receiver makes are its signals.
        if self.kind() == Kind::Connector { &self.plugin.emits } else { &[] }
    }

    fn plugin(&self) -> Option<&str> {
        Some(&self.label)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        let own = config.without(self.host_keys());
        let mut doubts = self.schema.as_ref().map(|schema| schema.deprecated(&own)).unwrap_or_default();
        match self.kind() {
            Kind::Exporter => doubts.extend(config.unused::<SendingConfig>()),
            Kind::Receiver => doubts.extend(ReceiverConfig::doubts(config, &self.plugin.listens)),
            _ => {}
        }
        if self.has_proxy_server() {
            doubts.extend(ProxyServerConfig::doubts(config));
        }
        doubts
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        let (own, adapted) = match self.adapted(config, None) {
            Ok(adapted) => (Ok(()), adapted),
            Err(error) => (Err(error), Adapted::plain(Value::Null, GrantsConfig::default())),
        };
        let hosts = match self.kind() {
            Kind::Exporter => self.sending(config, &adapted).map(drop),
            Kind::Receiver => self.listening(config).map(drop),
            _ => self.recording(config, &Value::Null).map(drop),
        };
        let proxy = match self.has_proxy_server() {
            true => ProxyServerConfig::read(config).map(drop),
            false => Ok(()),
        };
        ConfigError::all([own, hosts, proxy])
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for PluginType {
    fn samples(&self) -> bool {
        self.plugin.role == Role::Sampler
    }

    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        self.processor(config, context, next).await.map(|(processor, _)| processor)
    }
}

#[async_trait::async_trait]
impl ExporterFactory for PluginType {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        self.exporter(config, context).await.map(|(exporter, _)| exporter)
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for PluginType {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<Arc<dyn Receiver>, ConfigError> {
        self.receiver(config, context).await.map(|(receiver, _)| receiver)
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
        self.connector(config, context, ingest).await.map(|(connector, _)| connector)
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
    async fn shutdown(&self, deadline: Instant) {
        by(deadline, PluginSampler::shutdown(self)).await;
    }
}

async fn by(deadline: Instant, shutdown: impl Future<Output = ()>) {
    if tokio::time::timeout_at(deadline, shutdown).await.is_err() {
        tracing::warn!("a plugin still held batches when its time to shut down was over");
    }
}

fn not_started(error: impl Into<anyhow::Error>) -> ConfigError {
    ConfigError::new(format!("{:#}", error.into()))
}
