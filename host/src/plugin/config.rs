//! Reads the `plugins:` section. Each name in it becomes a component type.

mod limits;
mod swap;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub use limits::LimitsConfig;
pub use swap::{Share, SwapConfig};

use super::outside::{GrantsConfig, http::grant};
use crate::{
    config::{Config, ConfigError, Finding, Node},
    hash::Sha256,
};

/// The config of one plugin, an entry of the `plugins:` section.
///
/// ```yaml
/// plugins:
///   redact:                       # processors: { redact/pci: { keys: [card] } }
///     path: ./redact.wasm
///     sha256: 64 hex digits       # of the file; if given, no other file is run
///     limits: { memory_mib: 64, call_timeout: 100ms }
///     grants: { http: [https://api.example.com], store: true }
///     on_failure: reject
///     swap: { probation: 30s }    # a new version of the file takes its place
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginConfig {
    /// The path of the wasm component. It is relative to the folder of the config file that names it, or to
    /// the working folder if no file does (`--set`, `env:`, `yaml:`).
    pub path: PathBuf,
    pub sha256: Option<Sha256>,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub grants: GrantsConfig,
    #[serde(default)]
    pub on_failure: OnFailure,
    #[serde(default)]
    pub swap: SwapConfig,
}

/// What happens to a batch on which the plugin failed, after a second attempt if one may help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The batch goes back to the sender, who keeps it.
    #[default]
    Reject,
    /// The batch goes on unchanged.
    Pass,
    /// The batch is dropped and counted.
    Drop,
}

impl PluginConfig {
    /// Reads every entry of the section. Returns the valid entries, and what is wrong with the others. An entry without
    /// `path` is left out if a plugin of its name is built in.
    pub fn read_all(
        config: &Config,
        is_built_in: impl Fn(&str) -> bool,
    ) -> (BTreeMap<String, PluginConfig>, Vec<Finding>) {
        let (mut entries, mut findings) = (BTreeMap::new(), Vec::new());
        let is_of_file = |node: &Node| !node.is_map() || node.get("path").is_some();
        for (name, node) in
            config.plugins.iter().filter(|(name, node)| is_of_file(node) || !is_built_in(name))
        {
            match PluginConfig::read(node) {
                Ok(entry) => {
                    entries.insert(name.clone(), entry);
                }
                Err(error) => findings.extend(error.into_findings()),
            }
        }
        (entries, findings)
    }

    /// Returns a plugin's entry in a config that has been checked; `None` if there is none, or none with a file.
    pub fn of(config: &Config, name: &str) -> Option<PluginConfig> {
        PluginConfig::read(config.plugins.get(name)?).ok()
    }

    /// Reads one entry of the section.
    pub fn read(node: &Node) -> Result<PluginConfig, ConfigError> {
        let mut config: PluginConfig = node.read()?;
        config.validate().map_err(|error| error.within(node))?;
        let named_in = node.get("path").and_then(|path| path.at()?.source.folder.as_deref());
        config.path = named_in.unwrap_or(Path::new("")).join(&config.path);
        Ok(config)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if self.path.as_os_str().is_empty() {
            return Err(ConfigError::on(
                "path",
                "`path` is empty: name the plugin's file, as `./redact.wasm`",
            ));
        }
        let grants = &self.grants;
        let parts = [
            self.limits.validate(),
            self.swap.validate(),
            grant::validate(&grants.http).map_err(|error| error.below("grants::http")),
            grants
                .store
                .map_or(Ok(()), |store| store.open().map(drop))
                .map_err(|error| error.below("grants::store")),
        ];
        ConfigError::all(parts)
    }
}
