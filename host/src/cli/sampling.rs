//! `spanloom sampling …`: why traces are kept or dropped.

pub mod explain;
pub mod recent;

use clap::{Args, Subcommand};

use super::{Exit, Terminal};
use crate::{
    component::Registry,
    log_line::clean::{VALUE_LIMIT_BYTES, one_line},
};

/// See why traces are kept or dropped.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Example: what would this config do with yesterday's traces, and what does it do now?
  spanloom sampling explain -c otel.yaml --traces traces.jsonl
  spanloom sampling recent"
)]
pub struct SamplingArgs {
    #[command(subcommand)]
    pub command: SamplingCommand,
}

#[derive(Debug, Subcommand)]
pub enum SamplingCommand {
    Explain(explain::ExplainArgs),
    Recent(recent::RecentArgs),
}

pub async fn run(
    args: &SamplingArgs,
    registry: &Registry,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Exit> {
    match &args.command {
        SamplingCommand::Explain(args) => explain::run(args, registry, terminal).await,
        SamplingCommand::Recent(args) => recent::run(args, terminal).await,
    }
}

/// Writes a rate without zeros at its end: `0.05`.
fn rate(rate: f64) -> String {
    let text = format!("{rate:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The text for a reason, which may be empty.
fn reason(reason: &str) -> String {
    if reason.is_empty() { "-".to_owned() } else { one_line(reason, VALUE_LIMIT_BYTES) }
}
