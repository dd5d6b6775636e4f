//! The command line, with a module for each command.

pub mod components;
pub mod generate;
pub mod operator;
pub mod plugin;
pub mod print_config;
pub mod reload;
pub mod run;
pub mod sampling;
pub mod status;
pub mod validate;
pub mod xray_daemon;

use std::{io::Write, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{builtin, config::ConfigError};

/// The version, the target that the binary is compiled for, and the commit of a release.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SPANLOOM_BUILD"), ")");

/// An OpenTelemetry collector whose processing is done by WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(
    name = "spanloom",
    version = VERSION,
    arg_required_else_help = true,
    after_help = "\
Exit codes: 0 done, 1 failed while running, 2 wrong usage or config.

Example: see what a config comes to, then run it.
  spanloom validate -c otel.yaml
  spanloom run -c otel.yaml"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::RunArgs),
    Status(status::StatusArgs),
    Reload(reload::ReloadArgs),
    Validate(validate::ValidateArgs),
    Components(components::ComponentsArgs),
    PrintConfig(print_config::PrintConfigArgs),
    Plugin(plugin::PluginArgs),
    Sampling(sampling::SamplingArgs),
    Generate(Box<generate::GenerateArgs>),
    XrayDaemon(Box<xray_daemon::XrayDaemonArgs>),
}

/// The config that runs without `--config`: it receives OTLP and shows all data.
const EMBEDDED_CONFIG: &str = include_str!("../embedded.yaml");

/// The arguments that name a config.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// A config: a path, file:PATH, env:NAME or yaml:TEXT. Several are merged, the later over the earlier.
    #[arg(short, long, value_name = "CONFIG")]
    pub config: Vec<String>,

    /// One value that overrides the configs, such as processors::batch::timeout=2s. The value is YAML; `.`
    /// separates keys too.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Returns the configs of `--config`, or the embedded config if there are none.
    fn or_embedded(&self) -> Vec<String> {
        if self.config.is_empty() { vec![format!("yaml:{EMBEDDED_CONFIG}")] } else { self.config.clone() }
    }
}

/// The outputs that a command writes to.
pub struct Terminal<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    /// True if the text for `err` may be coloured.
    pub colour: bool,
    /// True if the text for `out` may be coloured.
    pub colour_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The command failed at run time.
    Failed = 1,
    /// The usage or the config is wrong.
    Wrong = 2,
}

impl Cli {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// The command failed at run time.
    pub async fn execute(self, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
        let registry = builtin::registry();
        match self.command {
            Command::Run(args) => run::run(&args, &registry, terminal).await,
            Command::Status(args) => status::run(&args, terminal).await,
            Command::Reload(args) => reload::run(&args, terminal).await,
            Command::Validate(args) => validate::run(&args, &registry, terminal).await,
            Command::Components(args) => components::run(&args, &registry, terminal).await,
            Command::PrintConfig(args) => print_config::run(&args, terminal),
            Command::Plugin(args) => plugin::run(&args, terminal).await,
            Command::Sampling(args) => sampling::run(&args, &registry, terminal).await,
            Command::Generate(args) => generate::run(*args, terminal).await,
            Command::XrayDaemon(args) => xray_daemon::run(&args, &registry, terminal).await,
        }
    }
}

impl Terminal<'_> {
    fn wrong(&mut self, error: &ConfigError) -> anyhow::Result<Exit> {
        writeln!(self.err, "{}", error.render(self.colour))?;
        Ok(Exit::Wrong)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Returns the lines of a table, with each column as wide as its widest cell.
fn aligned<const COLUMNS: usize>(lines: Vec<[String; COLUMNS]>) -> Vec<String> {
    let widths = std::array::from_fn::<usize, COLUMNS, _>(|column| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let shown = |line: &[String; COLUMNS]| {
        let cells: Vec<String> =
            std::iter::zip(line, widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(shown).collect()
}

#[cfg(test)]
mod tests;
