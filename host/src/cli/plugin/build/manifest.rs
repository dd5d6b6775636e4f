//! `spanloom-plugin.yaml`: says how a plugin that is not a crate is built.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use crate::config::ConfigError;

/// The name of the file, in the plugin's folder.
pub(super) const FILE: &str = "spanloom-plugin.yaml";

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ManifestConfig {
    /// The plugin's name. The component is `NAME.wasm`.
    pub(super) name: String,
    /// The folder of the interface.
    pub(super) wit: PathBuf,
    /// The world in it that the plugin is.
    pub(super) world: String,
    /// What is made of the interface before the steps.
    pub(super) bindings: Option<BindingsConfig>,
    /// The commands that make the component, or a core module that exports the world. Each is one line. Its words are
    /// divided by spaces, and no shell reads it. `{output}` is the file to write.
    pub(super) steps: Vec<String>,
    /// Environment variables of the steps.
    pub(super) environment: BTreeMap<String, String>,
    /// Where the programs of the steps come from.
    pub(super) programs: BTreeMap<String, ProgramConfig>,
}

impl Default for ManifestConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            wit: PathBuf::from("wit"),
            world: spanloom_plugin_build::WORLD.to_owned(),
            bindings: None,
            steps: Vec::new(),
            environment: BTreeMap::new(),
            programs: BTreeMap::new(),
        }
    }
}

/// The bindings that Spanloom makes itself. The tools of other languages make their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BindingsConfig {
    pub(super) language: BindingsLanguage,
    /// The folder that they are written to.
    pub(super) folder: PathBuf,
    /// In Go, the import path of that folder.
    #[serde(default)]
    pub(super) package: String,
    /// In Go, the import path below which the packages are that the world exports.
    #[serde(default)]
    pub(super) exports: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BindingsLanguage {
    C,
    Go,
}

/// Where a program comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProgramConfig {
    /// Other names that the program may have.
    pub(super) or: Vec<String>,
    /// The command that installs the program below the plugin's folder. A shell runs it.
    pub(super) install: Option<String>,
    /// Where a person gets the program, or what `install` needs.
    pub(super) from: Option<String>,
}

impl ManifestConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !self.name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !self.name.chars().all(is_plain) {
            return Err(ConfigError::on("name", "name: must be letters, digits, `-`, `_` and `.`"));
        }
        if !self.steps.iter().any(|step| step.contains("{output}")) {
            return Err(ConfigError::on("steps", "steps: one of them must write the file `{output}`"));
        }
        if self.steps.iter().any(|step| step.trim().is_empty()) {
            return Err(ConfigError::on("steps", "steps: a step must name a program"));
        }
        Ok(())
    }
}
