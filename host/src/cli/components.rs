//! `spanloom components`: what a config may name.

use clap::Args;
use serde::Serialize;

use super::{Exit, Terminal};
use crate::component::{ComponentType, Kind, Registry, Stability};

/// List the types of components that this binary has.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: the names of all exporters.
  spanloom components --json | jq -r '.[] | select(.kind == \"exporter\") | .type'")]
pub struct ComponentsArgs {
    /// As JSON: a list of {kind, type, aliases, signals, stability}.
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Row {
    kind: Kind,
    r#type: &'static str,
    /// Older spellings, accepted too.
    aliases: &'static [&'static str],
    signals: Vec<String>,
    stability: Stability,
}

pub fn run(args: &ComponentsArgs, registry: &Registry, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let rows: Vec<Row> = Kind::ALL.iter().flat_map(|kind| registry.types(*kind)).filter_map(row).collect();
    if args.json {
        writeln!(terminal.out, "{}", serde_json::to_string_pretty(&rows)?)?;
    } else {
        terminal.out.write_all(table(&rows).as_bytes())?;
    }
    Ok(Exit::Done)
}

fn row(known: ComponentType) -> Option<Row> {
    let (name, aliases) = known.names.split_first()?;
    let signals = known.signals.iter().map(ToString::to_string).collect();
    Some(Row { kind: known.kind, r#type: name, aliases, signals, stability: known.stability })
}

fn table(rows: &[Row]) -> String {
    let head = ["KIND", "TYPE", "ALSO", "SIGNALS", "STABILITY"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let widths = std::array::from_fn::<usize, 5, _>(|column| {
        lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0)
    });
    let mut table = String::new();
    for line in &lines {
        let padded: Vec<String> =
            std::iter::zip(line, widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        table.push_str(padded.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn cells(row: &Row) -> [String; 5] {
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        row.kind.to_string(),
        row.r#type.to_owned(),
        or_dash(row.aliases.join(", ")),
        or_dash(row.signals.join(", ")),
        row.stability.to_string(),
    ]
}
