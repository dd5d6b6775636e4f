//! `spanloom plugin check`: checks whether a plugin can run here.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Terminal, load, refuse, size};
use crate::{
    cli::ConfigArgs,
    component::Registry,
    config::{Config, ConfigError, Finding, expand::process_env, load as loading},
    plugin::{
        Plugin,
        builtin::Builtin,
        config::{LimitsConfig, PluginConfig},
        factory::{PluginType, Plugins},
        load::{card::PACKAGE, file::PluginFile, schema::ConfigSchema},
    },
};

/// Check that a plugin can run: its world, version, imports, size; with a config also its grants and
/// components.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 2: it is refused; standard error says why.

Example: before a new version is put in place.
  spanloom plugin check redact.wasm --config otel.yaml")]
pub struct CheckArgs {
    /// The wasm component.
    pub file: PathBuf,

    #[command(flatten)]
    pub config: ConfigArgs,
}

pub async fn run(args: &CheckArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let file = match PluginFile::read(&args.file, None) {
        Ok(file) => file,
        Err(error) => return refuse(terminal, &error.into()),
    };
    let entries = match entries(args) {
        Ok(entries) => entries,
        Err(error) => return terminal.wrong(&error),
    };
    let limits = entries
        .as_ref()
        .and_then(|config| PluginConfig::read_all(config, Builtin::is_known).0.into_values().next());
    let limits = limits.map_or_else(LimitsConfig::default, |plugin| plugin.limits);
    let plugin = match load(&args.file, &file, &limits).await? {
        Ok(plugin) => plugin,
        Err(why) => return refuse(terminal, &why),
    };
    if let Some(Err(error)) = plugin.description.config_schema.as_deref().map(ConfigSchema::new) {
        writeln!(terminal.err, "error: {}: {error}", args.file.display())?;
        return Ok(Exit::Wrong);
    }
    let mut notes = Vec::new();
    if let Some(config) = &entries {
        if let Err(error) = in_config(config).await {
            return terminal.wrong(&error);
        }
        for (name, entry) in PluginConfig::read_all(config, Builtin::is_known).0 {
            notes.extend(denied(&name, &plugin, &entry));
        }
    }
    writeln!(terminal.out, "ok: {}", summary(&plugin, entries.as_ref()))?;
    for note in notes {
        writeln!(terminal.out, "note: {note}")?;
    }
    Ok(Exit::Done)
}

/// Returns the config with only those plugins that have this file; `None` if no config is given.
fn entries(args: &CheckArgs) -> Result<Option<Config>, ConfigError> {
    if args.config.config.is_empty() {
        return Ok(None);
    }
    let root = loading::load(&args.config.config, &args.config.set, &process_env)?.root;
    let (mut config, mut findings) = Config::read(&root);
    let (entries, wrong) = PluginConfig::read_all(&config, Builtin::is_known);
    findings.extend(wrong);
    ConfigError::from_findings(findings)?;
    config.plugins.retain(|name, _| entries.get(name).is_some_and(|entry| is_same(&entry.path, &args.file)));
    if config.plugins.is_empty() {
        let message = format!("no plugin in the config has the file {}", args.file.display());
        return Err(Finding::new(message).help("name it: `plugins: { NAME: { path: … } }`").into());
    }
    Ok(Some(config))
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// Checks the plugin's entry in the config, and its components, against the plugin's description.
async fn in_config(config: &Config) -> Result<(), ConfigError> {
    let (plugins, mut findings) = Plugins::load(config, &Plugins::default()).await;
    let mut registry = Registry::default();
    plugins.register(&mut registry);
    for kind in PluginType::KINDS {
        for (id, node) in config.components(kind) {
            if let Err(error) = registry.check(kind, &id.component_type, node) {
                findings.extend(error.into_findings());
            }
        }
    }
    if findings.is_empty() {
        findings = plugins.try_configure(config).await;
    }
    ConfigError::from_findings(findings)
}

/// Returns the interfaces that the plugin imports without a grant. A plugin may import an interface and not
/// use it.
fn denied(name: &str, plugin: &Plugin, entry: &PluginConfig) -> Vec<String> {
    let http = plugin.card.imports("http") || plugin.card.imports_package("wasi:http");
    let wants = [
        ("http", http, !entry.grants.http.is_empty()),
        ("store", plugin.card.imports("store"), entry.grants.has_store()),
    ];
    let denied = wants.into_iter().filter(|(_, wanted, granted)| *wanted && !granted);
    denied
        .map(|(what, ..)| {
            format!("it imports `{what}`, which `plugins.{name}` does not grant: calls are denied")
        })
        .collect()
}

/// Writes the result: `redactor 1.0.0, a plugin for spanloom:plugin@0.1.0 with the role processor, 41.2 KiB;
/// in the config as redact, with 2 components`.
fn summary(plugin: &Plugin, config: Option<&Config>) -> String {
    let said = &plugin.description;
    let title = format!("{} {}", said.name, said.version);
    let versions: Vec<&str> = plugin.card.interface_versions().into_iter().collect();
    let card = format!(
        "{}, a plugin for {PACKAGE}@{} with the role {}, {}",
        title.trim(),
        versions.join(", "),
        plugin.role,
        size(plugin.card.size_bytes)
    );
    let Some(config) = config else { return card };
    let names: Vec<&str> = config.plugins.keys().map(String::as_str).collect();
    let ids = PluginType::KINDS.into_iter().flat_map(|kind| config.components(kind).keys());
    let count = ids.filter(|id| names.contains(&id.component_type.as_str())).count();
    let components = if count == 1 { "1 component".to_owned() } else { format!("{count} components") };
    format!("{card}; in the config as {}, with {components}", names.join(", "))
}
