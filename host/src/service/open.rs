//! From what the command line names to a config that may be run: read, its plugins loaded, all of it checked.

use super::check::check;
use crate::{
    component::Registry,
    config::{
        Config, ConfigError, Finding,
        expand::Env,
        load::{Loaded, LoadedFile, load},
    },
    plugin::factory::Plugins,
};

/// A config that is right, and what is doubtful about it.
pub struct Opened {
    pub config: Config,
    /// What it may name: the registry that it was opened with, and its plugins.
    pub registry: Registry,
    /// Those that its components use.
    pub plugins: Plugins,
    pub warnings: Vec<Finding>,
    /// What it was read from.
    pub files: Vec<LoadedFile>,
}

/// Loads ([`load`]) and reads a config, loads its plugins, and checks ([`check`]) all else against them and what
/// the registry has. The error holds everything that is wrong with it.
pub async fn open(
    configs: &[String],
    sets: &[String],
    env: Env<'_>,
    registry: &Registry,
) -> Result<Opened, ConfigError> {
    open_loaded(load(configs, sets, env)?, registry, &Plugins::default()).await
}

/// As [`open`], of a config that has been loaded, for a process in which these versions of plugins run: their
/// files are not read.
///
/// # Errors
/// Also where the config is not one that these versions take.
pub async fn open_loaded(
    loaded: Loaded,
    registry: &Registry,
    running: &Plugins,
) -> Result<Opened, ConfigError> {
    let Loaded { root, mut warnings, files } = loaded;
    let (config, mut findings) = Config::read(&root);
    let mut registry = registry.clone();
    let (plugins, wrong) = Plugins::load(&config, running).await;
    findings.extend(wrong);
    plugins.register(&mut registry);
    let doubts = match check(&config, &registry) {
        Ok(doubts) => doubts,
        Err(error) => {
            findings.extend(error.into_findings());
            Vec::new()
        }
    };
    // What a plugin says of a config that is wrong anyway would be said twice.
    if findings.is_empty() {
        findings = plugins.try_configure(&config).await;
    }
    match ConfigError::from_findings(findings) {
        Ok(()) => {
            warnings.extend(doubts);
            warnings.extend(plugins.doubts(&config));
            Ok(Opened { config, registry, plugins, warnings, files })
        }
        Err(error) => Err(error.after(warnings)),
    }
}
