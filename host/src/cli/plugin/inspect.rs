//! `spanloom plugin inspect`: shows a plugin's description of itself.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Exit, Terminal, load, refuse, size};
use crate::{
    cli::aligned,
    config::Duration,
    plugin::{
        Concurrency, Grant, Plugin, Role,
        config::LimitsConfig,
        load::{
            card::{Card, ExternName, Producer},
            file::PluginFile,
            schema::{ConfigSchema, Key},
        },
    },
};

/// Show a plugin's card: role, version, imports, exports, and what its config takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The plugin is compiled and asked to describe itself, with nothing granted to it. Exit code 2: it is no plugin that \
this Spanloom can run; standard error says why.

Example: the keys of its config.
  spanloom plugin inspect redact.wasm --format json | jq '.config_keys'")]
pub struct InspectArgs {
    /// The wasm component.
    pub file: PathBuf,

    /// The format of the card.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// All that is shown of a plugin.
#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    name: &'a str,
    version: &'a str,
    summary: &'a str,
    role: Role,
    size_bytes: usize,
    sha256: String,
    interface_versions: Vec<&'a str>,
    optional: Vec<&'static str>,
    signals: Vec<String>,
    /// For a connector or a receiver: the signals that it emits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emits: Vec<String>,
    /// For a receiver: what it listens to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listens: Vec<String>,
    concurrency: &'static str,
    /// The grants that the plugin needs.
    grants: Vec<&'static str>,
    imports: &'a [ExternName],
    exports: &'a [ExternName],
    producers: &'a [Producer],
    config_schema: Option<&'a serde_json::Value>,
    config_keys: Vec<Key>,
}

pub async fn run(args: &InspectArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let file = match PluginFile::read(&args.file, None) {
        Ok(file) => file,
        Err(error) => return refuse(terminal, &error.into()),
    };
    // An inspected plugin does not run in a pipeline. Some languages need much memory and time to start.
    let limits =
        LimitsConfig { memory_mib: 1024, call_timeout: Duration::from_secs(30), ..LimitsConfig::default() };
    let plugin = match load(&args.file, &file, &limits).await? {
        Ok(plugin) => plugin,
        Err(why) => return refuse(terminal, &why),
    };
    let schema = plugin.description.config_schema.as_deref().map(ConfigSchema::new).transpose();
    let wrong_schema = schema.as_ref().err().map(ToString::to_string);
    let schema = schema.ok().flatten();
    let shown = shown(args, &plugin, schema.as_ref());
    match args.format {
        Format::Json => writeln!(terminal.out, "{}", serde_json::to_string_pretty(&shown)?)?,
        Format::Text => terminal.out.write_all(text(&shown, &plugin.card).as_bytes())?,
    }
    match wrong_schema {
        None => Ok(Exit::Done),
        Some(wrong) => {
            writeln!(terminal.err, "error: {}: {wrong}", args.file.display())?;
            Ok(Exit::Wrong)
        }
    }
}

fn shown<'a>(args: &InspectArgs, plugin: &'a Plugin, schema: Option<&'a ConfigSchema>) -> Shown<'a> {
    let Plugin { card, description, .. } = plugin;
    Shown {
        file: args.file.display().to_string(),
        name: &description.name,
        version: &description.version,
        summary: &description.summary,
        role: plugin.role,
        size_bytes: card.size_bytes,
        sha256: plugin.sha256.to_string(),
        interface_versions: card.interface_versions().into_iter().collect(),
        optional: card.optional(),
        // A receiver is given none.
        signals: match plugin.role {
            Role::Receiver => Vec::new(),
            _ => description.signals.iter().map(ToString::to_string).collect(),
        },
        emits: plugin.emits.iter().map(ToString::to_string).collect(),
        listens: plugin.listens.iter().map(ToString::to_string).collect(),
        concurrency: match description.concurrency {
            Concurrency::Stateless => "stateless",
            Concurrency::ByTrace => "by_trace",
            Concurrency::Single => "single",
        },
        grants: (description.grants.iter())
            .map(|grant| match grant {
                Grant::Http => "http",
                Grant::Store => "store",
            })
            .collect(),
        imports: &card.imports,
        exports: &card.exports,
        producers: &card.producers,
        config_schema: schema.map(ConfigSchema::as_json),
        config_keys: schema.map(ConfigSchema::outline).unwrap_or_default(),
    }
}

fn text(shown: &Shown<'_>, card: &Card) -> String {
    let title = format!("{} {}", shown.name, shown.version);
    let mut lines = vec![format!("{}: {}", title.trim(), shown.role)];
    if !shown.summary.is_empty() {
        lines.push(shown.summary.to_owned());
    }
    lines.push(String::new());
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{name:<12} {value}"));
        }
    };
    field("file", format!("{}, {}", shown.file, size(shown.size_bytes)));
    field("sha256", shown.sha256.clone());
    field("written in", card.languages().join(", "));
    field("signals", shown.signals.join(", "));
    field("emits", shown.emits.join(", "));
    for (index, listener) in shown.listens.iter().enumerate() {
        field(if index == 0 { "listens" } else { "" }, listener.clone());
    }
    field("concurrency", shown.concurrency.to_owned());
    field("needs", shown.grants.join(", "));
    for (title, names) in [("exports", shown.exports), ("imports", shown.imports)] {
        for (index, group) in groups(names).into_iter().enumerate() {
            field(if index == 0 { title } else { "" }, group);
        }
    }
    lines.push(String::new());
    lines.extend(config(shown));
    lines.iter().map(|line| printable(line).trim_end().to_owned() + "\n").collect()
}

/// Returns the names by package, in the order of the packages: `spanloom:plugin@0.1.0: types, spans`.
fn groups(names: &[ExternName]) -> Vec<String> {
    let mut order = Vec::new();
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names {
        let version = name.version().map(|version| format!("@{version}")).unwrap_or_default();
        let package = format!("{}{version}", name.package());
        if !groups.contains_key(&package) {
            order.push(package.clone());
        }
        groups.entry(package).or_default().push(name.interface());
    }
    let shown = |package: &String| {
        let names = groups.get(package)?.join(", ");
        Some(if package.is_empty() { names } else { format!("{package}: {names}") })
    };
    order.iter().filter_map(shown).collect()
}

/// Returns the keys of the config as a table.
fn config(shown: &Shown<'_>) -> Vec<String> {
    if shown.config_schema.is_none() {
        return vec!["config: the plugin does not describe its keys".to_owned()];
    }
    if shown.config_keys.is_empty() {
        return vec!["config: no keys".to_owned()];
    }
    let cells = |key: &Key| {
        let default = match (&key.default, key.required) {
            (_, true) => "(required)",
            (Some(default), _) => default,
            (None, _) => "-",
        };
        [key.key.clone(), key.takes.clone(), default.to_owned(), key.description.clone().unwrap_or_default()]
    };
    let head = ["CONFIG KEY", "TAKES", "DEFAULT", ""].map(str::to_owned);
    aligned(std::iter::once(head).chain(shown.config_keys.iter().map(cells)).collect())
}

/// Replaces control characters, so that a plugin's text does not affect the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
