//! `spanloom plugin`: what authors of plugins need.

pub mod bench;
mod fixture;
mod open;
pub mod test;
#[cfg(test)]
mod testing;

use clap::{Args, Subcommand};

use super::{Exit, Terminal};

/// Make plugins and try them.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: see what a plugin does to a request.
  spanloom plugin test redact.wasm --fixtures shop.json")]
pub struct PluginArgs {
    #[command(subcommand)]
    pub command: PluginCommand,
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    Test(test::TestArgs),
    Bench(bench::BenchArgs),
}

pub async fn run(args: PluginArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    match args.command {
        PluginCommand::Test(args) => test::run(&args, terminal).await,
        PluginCommand::Bench(args) => bench::run(&args, terminal).await,
    }
}
