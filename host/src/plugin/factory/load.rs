//! From the `plugins:` section to component types.

use std::{path::PathBuf, sync::Arc};

use wire::Signal;

use super::PluginType;
use crate::{
    component::{Kind, Registry},
    config::{Config, ConfigError, Finding, Node},
    plugin::{
        Grant, Limits, OnFailure, Outside, Plugin, Role, Runtime,
        config::PluginConfig,
        file::{FileError, PluginFile},
        schema::ConfigSchema,
    },
    telemetry::Telemetry,
};

/// The plugins of a config that could be loaded.
#[derive(Default)]
pub struct Plugins {
    types: Vec<Arc<PluginType>>,
}

impl Plugins {
    /// Reads, compiles and asks each plugin who it is; takes up to seconds for one that was never seen before. The
    /// findings say what is wrong with the others.
    pub async fn load(config: &Config) -> (Plugins, Vec<Finding>) {
        let (mut plugins, mut findings) = (Plugins::default(), Vec::new());
        for (name, plugin) in &config.plugins {
            let Some(node) = config.plugin_node(name) else { continue };
            match PluginType::load(name, plugin).await {
                Ok(loaded) => {
                    findings.extend(loaded.lacks(plugin, node));
                    plugins.types.push(Arc::new(loaded));
                }
                Err(error) => findings.extend(error.within(node).into_findings()),
            }
        }
        (plugins, findings)
    }

    pub fn register(&self, registry: &mut Registry) {
        for plugin in &self.types {
            match plugin.kind() {
                Kind::Exporter => registry.add_exporter(plugin.clone()),
                Kind::Connector => registry.add_connector(plugin.clone()),
                _ => registry.add_processor(plugin.clone()),
            }
        }
    }

    /// Asks the plugins themselves what they say of their components' configs; those have passed the schemas.
    pub async fn try_configure(&self, config: &Config) -> Vec<Finding> {
        let mut findings = Vec::new();
        for plugin in &self.types {
            for (id, node) in config.components(plugin.kind()) {
                if id.kind == plugin.plugin.name
                    && let Err(error) = plugin.try_configure(id, node).await
                {
                    findings.extend(error.within(node).into_findings());
                }
            }
        }
        findings
    }
}

impl PluginType {
    async fn load(name: &str, config: &PluginConfig) -> Result<PluginType, ConfigError> {
        let wrong = |what: &dyn std::fmt::Display| {
            ConfigError::on("path", format!("the plugin {} cannot be used: {what}", config.path.display()))
        };
        let file = read(config.path.clone(), config).await?;
        let runtime = Runtime::shared().map_err(|error| wrong(&format!("{error:#}")))?;
        let limits = Limits::from(&config.limits);
        let plugin = Plugin::load(&runtime, name, &file, &limits).await.map_err(|error| wrong(&error))?;
        if (plugin.role, config.on_failure) == (Role::Connector, OnFailure::Pass) {
            let message = "a connector has nothing to pass on in the place of what it would make: write `reject` or `drop`";
            return Err(ConfigError::on("on_failure", message));
        }
        let said = &plugin.description;
        let schema = said.config_schema.as_deref().map(ConfigSchema::new).transpose();
        let schema = schema.map_err(|error| wrong(&error))?;
        let signals = match plugin.role {
            Role::Sampler => vec![Signal::Traces],
            Role::Processor | Role::Exporter | Role::Connector => said.signals.clone(),
        };
        Outside::new(name, &config.grants, &limits, &Telemetry::new())
            .map_err(|error| error.below("grants"))?;
        let label = format!("{} {}", said.name, said.version).trim().to_owned();
        Ok(PluginType {
            plugin,
            label,
            signals,
            schema,
            limits,
            grants: config.grants.clone(),
            on_failure: config.on_failure,
        })
    }

    /// What it says it cannot do without, and is not granted.
    fn lacks(&self, config: &PluginConfig, node: &Node) -> Vec<Finding> {
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

async fn read(path: PathBuf, config: &PluginConfig) -> Result<PluginFile, ConfigError> {
    let pinned = config.sha256;
    let reading = tokio::task::spawn_blocking(move || PluginFile::read(&path, pinned));
    let file = reading.await.map_err(|error| ConfigError::on("path", error.to_string()))?;
    file.map_err(|error: FileError| ConfigError::on(error.key(), error.to_string()))
}
