//! `spanloom components`: lists the types of components that a config may name.

use clap::Args;
use serde::Serialize;

use super::{ConfigArgs, Exit, Terminal, aligned};
use crate::{
    component::{Factory, Registry, Stability},
    config::expand::process_env,
    id::Kind,
    service,
};

/// List the types of components that a config may name.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --config: those that this binary has. With it: the config's plugins too.

Example: the names of all exporters.
  spanloom components --json | jq -r '.[] | select(.kind == \"exporter\") | .type'")]
pub struct ComponentsArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Write JSON: a list of {kind, type, aliases, signals, stability}, with emits for connectors, and plugin
    /// where a plugin provides the type.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    kind: Kind,
    r#type: &'a str,
    /// Older spellings of the type, which are accepted too.
    aliases: &'a [&'a str],
    signals: Vec<String>,
    /// For connectors: the signals that they emit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emits: Vec<String>,
    stability: Stability,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a str>,
}

pub async fn run(
    args: &ComponentsArgs,
    registry: &Registry,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Exit> {
    let with_plugins;
    let mut registry = registry;
    if !args.config.config.is_empty() {
        let opened = service::open(&args.config.config, &args.config.set, &process_env, registry).await;
        match opened {
            Ok(opened) => with_plugins = opened.registry,
            Err(error) => return terminal.wrong(&error),
        }
        registry = &with_plugins;
    }
    let of =
        |kind: &Kind| registry.types(*kind).into_iter().map(|known| row(*kind, known)).collect::<Vec<_>>();
    let rows: Vec<Row<'_>> = Kind::ALL.iter().flat_map(of).collect();
    if args.json {
        writeln!(terminal.out, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        terminal.out.write_all(table(&rows).as_bytes())?;
    }
    Ok(Exit::Done)
}

fn row(kind: Kind, known: &dyn Factory) -> Row<'_> {
    Row {
        kind,
        r#type: known.name(),
        aliases: known.aliases(),
        signals: known.signals().iter().map(ToString::to_string).collect(),
        emits: known.emits().iter().map(ToString::to_string).collect(),
        stability: known.stability(),
        plugin: known.plugin(),
    }
}

/// Returns the table as text. Without a type that a plugin provides, the column of plugins is absent.
fn table(rows: &[Row<'_>]) -> String {
    let plugins = if rows.iter().any(|row| row.plugin.is_some()) { "PLUGIN" } else { "" };
    let head = ["KIND", "TYPE", "ALSO", "SIGNALS", "STABILITY", plugins].map(str::to_owned);
    let lines = aligned(std::iter::once(head).chain(rows.iter().map(cells)).collect());
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Returns the signals: `traces`, or `traces to metrics` for a connector that emits other signals.
fn signals(row: &Row<'_>) -> String {
    let (takes, emits) = (row.signals.join(", "), row.emits.join(", "));
    if emits.is_empty() || emits == takes { takes } else { format!("{takes} to {emits}") }
}

fn cells(row: &Row<'_>) -> [String; 6] {
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        row.kind.to_string(),
        row.r#type.to_owned(),
        or_dash(row.aliases.join(", ")),
        or_dash(signals(row)),
        row.stability.to_string(),
        row.plugin.unwrap_or_default().to_owned(),
    ]
}
