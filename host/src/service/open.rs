//! Opens the config that the command line names: reads it, loads its plugins, and checks everything.

use super::{check::check, samplers};
use crate::{
    component::Registry,
    config::{
        Config, ConfigError, Finding,
        expand::Env,
        load::{Loaded, LoadedFile, load},
    },
    plugin::factory::Plugins,
};

/// A config that is valid, and the warnings about it.
pub struct Opened {
    pub config: Config,
    /// The components that the config may name: those of the registry that it was opened with, and its
    /// plugins.
    pub registry: Registry,
    /// The plugins that the config's components use.
    pub plugins: Plugins,
    pub warnings: Vec<Finding>,
    /// The files that the config was read from.
    pub files: Vec<LoadedFile>,
}

/// Loads ([`load`]) and reads a config, loads its plugins, and checks ([`check`]) the rest against the
/// plugins and the registry.
///
/// # Errors
/// The error holds everything that is wrong with the config.
pub async fn open(
    configs: &[String],
    sets: &[String],
    env: Env<'_>,
    registry: &Registry,
) -> Result<Opened, ConfigError> {
    open_loaded(load(configs, sets, env)?, registry, &Plugins::default()).await
}

/// Opens a config that has been loaded. Each plugin in `running` is used in that version, and its file is not
/// read.
///
/// # Errors
/// As for [`open`]. Also fails if the config does not suit the versions in `running`.
pub async fn open_loaded(
    loaded: Loaded,
    registry: &Registry,
    running: &Plugins,
) -> Result<Opened, ConfigError> {
    let Loaded { root, mut warnings, files } = loaded;
    let (mut config, mut findings) = Config::read(&root);
    samplers::add(&mut config, registry);
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
    // If the config is known to be wrong, the plugins would report the same mistakes again.
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
