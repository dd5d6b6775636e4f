//! Loads the plugins of a config and makes them component types.

use std::sync::Arc;

use wire::Signal;

use super::PluginType;
use crate::{
    component::{Factory as _, Registry},
    config::{Config, ConfigError, Finding, Node},
    id::Kind,
    plugin::{
        builtin::{BUILTINS, Builtin, BuiltinConfig},
        config::{LimitsConfig, OnFailure, PluginConfig},
        guest::{limits::Limits, plugin::Plugin, runtime::Runtime},
        load::{
            card::Role,
            description::Grant,
            file::{FileError, PluginFile},
            schema::ConfigSchema,
        },
        outside::{GrantsConfig, Outside},
    },
    telemetry::Telemetry,
};

/// The plugins of a config that could be loaded.
#[derive(Clone, Default)]
pub struct Plugins {
    types: Vec<Arc<PluginType>>,
}

impl Plugins {
    /// Reads and compiles each plugin, and asks for its description. This may take seconds for a plugin that
    /// was never compiled before. A plugin in `running` is used in that version, and its file is not read.
    /// The findings say what is wrong with plugins that are not loaded, and which grants a loaded plugin
    /// lacks.
    pub async fn load(config: &Config, running: &Plugins) -> (Plugins, Vec<Finding>) {
        let (entries, mut findings) = PluginConfig::read_all(config, Builtin::is_known);
        let mut plugins = Plugins::default();
        for (name, plugin) in &entries {
            let Some(node) = config.plugin_node(name) else { continue };
            let loaded = match running.of_file(name) {
                Some(running) => running.with(plugin).await,
                None => PluginType::of_file(name, plugin).await,
            };
            match loaded {
                Ok(loaded) => {
                    findings.extend(loaded.lacks(plugin, node));
                    plugins.types.push(Arc::new(loaded));
                }
                Err(error) => findings.extend(error.within(node).into_findings()),
            }
        }
        for builtin in &BUILTINS {
            let mut names = config.components(builtin.kind).keys().map(|id| &id.component_type);
            let is_used = names.any(|name| builtin.is_called(name));
            if !is_used || plugins.replaces(builtin, entries.keys()) {
                continue;
            }
            match PluginType::of_used(builtin, config, running).await {
                Ok(loaded) => plugins.types.push(Arc::new(loaded)),
                Err(error) => findings.extend(error.into_findings()),
            }
        }
        (plugins, findings)
    }

    fn of_file(&self, name: &str) -> Option<&Arc<PluginType>> {
        self.types.iter().find(|plugin| plugin.plugin.name == name && plugin.swap.is_some())
    }

    fn of_builtin(&self, builtin: &Builtin) -> Option<&Arc<PluginType>> {
        let is_it = |plugin: &&Arc<PluginType>| {
            plugin.swap.is_none() && plugin.kind() == builtin.kind && plugin.plugin.name == builtin.name()
        };
        self.types.iter().find(is_it)
    }

    /// Returns whether one of the config's own plugins, which have these names, takes the place of a built-in one. A
    /// plugin that could not be loaded counts too: nobody knows its kind.
    fn replaces<'a>(&self, builtin: &Builtin, mut names: impl Iterator<Item = &'a String>) -> bool {
        names.any(|name| {
            let loaded = self.of_file(name);
            builtin.is_called(name) && loaded.is_none_or(|plugin| plugin.kind() == builtin.kind)
        })
    }

    /// Returns the plugins.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PluginType>> {
        self.types.iter()
    }

    /// Returns the plugin of a component kind and type.
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Arc<PluginType>> {
        self.types.iter().find(|plugin| plugin.kind() == kind && plugin.is_called(name))
    }

    /// Replaces the config's own plugin of the same name.
    pub fn put(&mut self, plugin: Arc<PluginType>) {
        let is_it =
            |known: &&mut Arc<PluginType>| known.swap.is_some() && known.plugin.name == plugin.plugin.name;
        for known in self.types.iter_mut().filter(is_it) {
            known.clone_from(&plugin);
        }
    }

    pub fn register(&self, registry: &mut Registry) {
        for plugin in &self.types {
            match plugin.kind() {
                Kind::Exporter => registry.add_exporter(plugin.clone()),
                Kind::Connector => registry.add_connector(plugin.clone()),
                Kind::Receiver => registry.add_receiver(plugin.clone()),
                _ => registry.add_processor(plugin.clone()),
            }
        }
    }

    /// Returns warnings about settings that may not be meant.
    pub fn doubts(&self, config: &Config) -> Vec<Finding> {
        let passing = self.types.iter().filter(|plugin| {
            plugin.swap.is_some()
                && plugin.plugin.role == Role::Processor
                && plugin.on_failure == OnFailure::Pass
        });
        let finding = |plugin: &Arc<PluginType>| {
            let name = &plugin.plugin.name;
            let key = config.plugin_node(name)?.get("on_failure")?;
            let message = format!("what the plugin `{name}` fails on goes on unprocessed");
            let help = "a batch that it fails on, and every batch while it is not called because it keeps failing, goes on as \
                        it came; where it takes out secrets or personal data write `reject` or `drop`";
            Some(key.finding(message).help(help))
        };
        passing.filter_map(finding).collect()
    }

    /// Asks the plugins themselves about their components' configs, which have passed the schemas.
    pub async fn try_configure(&self, config: &Config) -> Vec<Finding> {
        let mut findings = Vec::new();
        for plugin in &self.types {
            for (id, node) in config.components(plugin.kind()) {
                if plugin.is_called(&id.component_type)
                    && let Err(error) = plugin.try_configure(id, node).await
                {
                    findings.extend(error.within(node).into_findings());
                }
            }
        }
        findings
    }
}

impl FromIterator<Arc<PluginType>> for Plugins {
    fn from_iter<I: IntoIterator<Item = Arc<PluginType>>>(types: I) -> Plugins {
        Plugins { types: types.into_iter().collect() }
    }
}

impl PluginType {
    async fn of_file(name: &str, config: &PluginConfig) -> Result<PluginType, ConfigError> {
        let file = PluginFile::read_whole(&config.path, config.sha256).await.map_err(unread)?;
        PluginType::of(name, config, file).await
    }

    /// Loads the plugin of a file, with its config.
    pub async fn of(name: &str, config: &PluginConfig, file: PluginFile) -> Result<PluginType, ConfigError> {
        let wrong = |what: String| {
            ConfigError::on("path", format!("the plugin {} cannot be used: {what}", config.path.display()))
        };
        PluginType::load(name, &file, &config.limits).await.map_err(wrong)?.with(config).await
    }

    /// Returns the same version with another config.
    pub async fn with(&self, config: &PluginConfig) -> Result<PluginType, ConfigError> {
        self.check_on_failure(config.on_failure)?;
        self.plugin.check_swap(&config.swap)?;
        let (name, limits) = (&self.plugin.name, Limits::from(&config.limits));
        Outside::open(name, &config.grants, limits.http_requests, &Telemetry::new())
            .await
            .map_err(|error| error.below("grants"))?;
        Ok(PluginType {
            limits,
            grants: config.grants.clone(),
            on_failure: config.on_failure,
            swap: Some(config.swap.clone()),
            ..self.clone()
        })
    }

    fn check_on_failure(&self, on_failure: OnFailure) -> Result<(), ConfigError> {
        let message = match (self.plugin.role, on_failure) {
            (Role::Receiver, OnFailure::Pass | OnFailure::Drop) => {
                "a receiver answers senders whose requests it fails on: write `reject`, or leave it out"
            }
            (Role::Connector, OnFailure::Pass) => {
                "a connector has nothing to pass on in the place of what it would make: write `reject` or `drop`"
            }
            _ => return Ok(()),
        };
        Err(ConfigError::on("on_failure", message))
    }

    /// Checks that a config suits the plugin: the grants that it needs are there, and it accepts the config
    /// of each of its components.
    pub fn check_use(&self, config: &Config) -> Result<(), ConfigError> {
        let name = &self.plugin.name;
        let mut findings = match (PluginConfig::of(config, name), config.plugin_node(name)) {
            (Some(plugin), Some(node)) => self.lacks(&plugin, node),
            _ => Vec::new(),
        };
        for (id, node) in config.components(self.kind()) {
            if self.is_called(&id.component_type)
                && let Err(error) = self.check(node)
            {
                findings.extend(error.within(node).into_findings());
            }
        }
        ConfigError::from_findings(findings)
    }

    /// Returns the config of a component, if the component is this plugin's.
    pub fn component<'a>(&self, config: &'a Config, id: &str) -> Option<&'a Node> {
        config.components(self.kind()).get(&id.parse().ok()?)
    }

    /// Returns a built-in plugin with what the config says of it.
    async fn of_used(
        builtin: &'static Builtin,
        config: &Config,
        running: &Plugins,
    ) -> Result<PluginType, ConfigError> {
        let own = BuiltinConfig::of(config, builtin)?;
        let loaded = match running.of_builtin(builtin) {
            Some(running) => PluginType::clone(running),
            None => PluginType::of_builtin(builtin).await?,
        };
        let at = |error: ConfigError| match config.plugin_node(builtin.name()) {
            Some(node) => error.within(node),
            None => error,
        };
        loaded.check_on_failure(own.on_failure).map_err(at)?;
        let limits = Limits::from(&own.limits);
        Ok(PluginType { limits, grants: own.grants, on_failure: own.on_failure, ..loaded })
    }

    pub(super) async fn of_builtin(builtin: &'static Builtin) -> Result<PluginType, ConfigError> {
        let name = builtin.name();
        let file = PluginFile::of_bytes(builtin.component);
        let loaded = PluginType::load(name, &file, &builtin.limits()).await;
        loaded.map_err(|what| ConfigError::new(format!("the built-in plugin {name} cannot be used: {what}")))
    }

    /// Loads a plugin. The error says what is wrong with the component.
    async fn load(name: &str, file: &PluginFile, limits: &LimitsConfig) -> Result<PluginType, String> {
        let runtime = Runtime::shared().map_err(|error| format!("{error:#}"))?;
        let limits = Limits::from(limits);
        let plugin = Plugin::load(&runtime, name, file, &limits).await.map_err(|error| error.to_string())?;
        let said = &plugin.description;
        let schema = said.config_schema.as_deref().map(ConfigSchema::new).transpose();
        let schema = schema.map_err(|error| error.to_string())?.map(Arc::new);
        let signals = match plugin.role {
            Role::Sampler => vec![Signal::Traces],
            Role::Processor | Role::Exporter | Role::Connector => said.signals.clone(),
            Role::Receiver => plugin.emits.clone(),
        };
        let label = format!("{} {}", said.name, said.version).trim().to_owned();
        let builtin = Builtin::find(PluginType::kind_of(plugin.role), name);
        let host_keys = PluginType::host_keys_of(&plugin, builtin);
        Ok(PluginType {
            plugin,
            host_keys,
            label,
            signals,
            schema,
            limits,
            grants: GrantsConfig::default(),
            on_failure: OnFailure::default(),
            swap: None,
            builtin,
        })
    }

    /// Returns a finding for each grant that the plugin needs and does not have.
    fn lacks(&self, config: &PluginConfig, node: &Node) -> Vec<Finding> {
        // A plugin that replaces a built-in one has the built-in one's grants.
        if self.builtin.is_some() {
            return Vec::new();
        }
        let needed = self.plugin.description.grants.iter();
        let lacking = needed.filter_map(|grant| match grant {
            Grant::Http => config.grants.http.is_empty().then_some(("http", "grants: { http: [https://…] }")),
            Grant::Store => (!config.grants.has_store()).then_some(("store", "grants: { store: true }")),
        });
        let finding = |(what, right): (&str, &str)| {
            let message = format!("the plugin `{}` needs `{what}` and is not granted it", self.plugin.name);
            node.finding(message).help(format!("to let it, write `{right}`"))
        };
        lacking.map(finding).collect()
    }
}

/// Reads the plugin's file as it is, and checks its pinned hash.
pub async fn read_file(config: &PluginConfig) -> Result<PluginFile, ConfigError> {
    PluginFile::read_in_time(&config.path, config.sha256).await.map_err(unread)
}

fn unread(error: FileError) -> ConfigError {
    ConfigError::on(error.key(), error.to_string())
}
