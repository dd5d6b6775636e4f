//! Opens a plugin and its configs without a collector's config.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context as _;
use wire::Signal;

use crate::{
    cli::{Exit, Terminal},
    config::{ConfigError, Node},
    plugin::{
        Limits, Plugin, Role,
        config::LimitsConfig,
        load::{
            file::PluginFile,
            schema::{self, ConfigSchema},
        },
    },
};

/// A plugin whose file was given to a command.
pub(super) struct OpenPlugin {
    pub(super) plugin: Arc<Plugin>,
    schema: Option<ConfigSchema>,
    limits: Limits,
}

const CONFIG_LIMIT_BYTES: u64 = 4 << 20;

impl OpenPlugin {
    /// Reads and compiles the plugin, and asks for its description. Its configs are tried within `limits`.
    pub(super) async fn load(path: &Path, limits: Limits) -> anyhow::Result<OpenPlugin> {
        let file = PluginFile::read(path, None)?;
        let plugin = super::load(path, &file, &LimitsConfig::default()).await??;
        let schema = plugin.description.config_schema.as_deref().map(ConfigSchema::new).transpose();
        let schema = schema.with_context(|| path.display().to_string())?;
        Ok(OpenPlugin { plugin, schema, limits })
    }

    /// Returns the title: `redactor 0.1.0 (processor)`.
    pub(super) fn title(&self) -> String {
        let said = &self.plugin.description;
        format!("{} {} ({})", said.name, said.version, self.plugin.role).replace("  ", " ")
    }

    /// Returns why the plugin does not take a signal; `None` if it does.
    pub(super) fn does_not_take(&self, signal: Signal) -> Option<String> {
        let taken = match self.plugin.role {
            Role::Sampler => &[Signal::Traces][..],
            // A receiver is given requests.
            Role::Receiver => &[],
            Role::Processor | Role::Exporter | Role::Connector => &self.plugin.description.signals,
        };
        let words: Vec<&str> = taken.iter().map(|signal| signal.name()).collect();
        (!taken.contains(&signal)).then(|| format!("{signal}: the plugin takes {}", words.join(", ")))
    }

    /// Returns a config as JSON that the plugin accepts. `given` is a file's path or the config's text.
    pub(super) async fn config(&self, given: &str) -> anyhow::Result<String> {
        let path = Path::new(given);
        if path.is_file() { self.config_file(path).await } else { self.read("--config", given).await }
    }

    pub(super) async fn config_file(&self, path: &Path) -> anyhow::Result<String> {
        let cannot = || format!("cannot read {}", path.display());
        if fs::metadata(path).with_context(cannot)?.len() > CONFIG_LIMIT_BYTES {
            anyhow::bail!("{} is larger than {CONFIG_LIMIT_BYTES} bytes", path.display());
        }
        let text = fs::read_to_string(path).with_context(cannot)?;
        self.read(&path.display().to_string(), &text).await
    }

    async fn read(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let node = Node::parse(name, text)?;
        let config = match &self.schema {
            Some(schema) => schema.read(&node, &[])?,
            None => schema::json(&node)?,
        };
        let config = config.to_string();
        match self.plugin.try_configure("test", &config, &self.limits).await? {
            Ok(()) => Ok(config),
            Err(refusal) => {
                let finding = schema::refusal(&node, &refusal.path, &refusal.message);
                Err(ConfigError::from(finding).into())
            }
        }
    }
}

/// Writes what is wrong with the command's arguments.
pub(super) fn wrong(error: &anyhow::Error, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    match error.downcast_ref::<ConfigError>() {
        Some(error) => terminal.wrong(error),
        None => {
            writeln!(terminal.err, "error: {error:#}")?;
            Ok(Exit::Wrong)
        }
    }
}
