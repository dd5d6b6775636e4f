//! `spanloom plugin …`: the commands for authors and operators of plugins.

pub mod bench;
pub mod build;
pub mod check;
mod embedded;
pub(super) mod fixture;
pub mod inspect;
pub mod new;
mod open;
pub mod operate;
pub mod test;
#[cfg(test)]
mod testing;

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Exit, Terminal};
use crate::plugin::{
    Limits, LoadError, Plugin, Runtime,
    config::LimitsConfig,
    load::file::{FileError, PluginFile},
};

/// Start, build, look at, check, try and replace plugins.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Example: what does this plugin take, may it run here, and what does it do?
  spanloom plugin inspect redact.wasm
  spanloom plugin check redact.wasm --config otel.yaml
  spanloom plugin test redact.wasm --fixtures shop.json"
)]
pub struct PluginArgs {
    #[command(subcommand)]
    pub command: PluginCommand,
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    New(new::NewArgs),
    Build(build::BuildArgs),
    Inspect(inspect::InspectArgs),
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Bench(bench::BenchArgs),
    Swap(operate::SwapArgs),
    Rollback(operate::RollbackArgs),
    Pause(operate::PauseArgs),
    Resume(operate::ResumeArgs),
}

/// Why a file is not a plugin. It is shown after the file's name.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: {error}")]
    Load { path: String, error: LoadError },
}

pub async fn run(args: &PluginArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    match &args.command {
        PluginCommand::New(args) => new::run(args, terminal),
        PluginCommand::Build(args) => build::run(args, terminal),
        PluginCommand::Inspect(args) => inspect::run(args, terminal).await,
        PluginCommand::Check(args) => check::run(args, terminal).await,
        PluginCommand::Test(args) => test::run(args, terminal).await,
        PluginCommand::Bench(args) => bench::run(args, terminal).await,
        PluginCommand::Swap(args) => operate::swap(args, terminal).await,
        PluginCommand::Rollback(args) => operate::rollback(args, terminal).await,
        PluginCommand::Pause(args) => operate::pause(args, terminal).await,
        PluginCommand::Resume(args) => operate::resume(args, terminal).await,
    }
}

/// Compiles the plugin and asks for its description.
async fn load(
    path: &Path,
    file: &PluginFile,
    limits: &LimitsConfig,
) -> anyhow::Result<Result<std::sync::Arc<Plugin>, Unusable>> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let runtime = Runtime::shared().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let loaded = Plugin::load(&runtime, &name, file, &Limits::from(limits)).await;
    Ok(loaded.map_err(|error| Unusable::Load { path: path.display().to_string(), error }))
}

fn refuse(terminal: &mut Terminal<'_>, why: &Unusable) -> anyhow::Result<Exit> {
    writeln!(terminal.err, "error: {why}")?;
    Ok(Exit::Wrong)
}

/// Writes a size: `41.2 KiB`.
fn size(bytes: usize) -> String {
    const KIB: f64 = 1024.0;
    match bytes as f64 {
        bytes if bytes < KIB => format!("{bytes} bytes"),
        bytes if bytes < KIB * KIB => format!("{:.1} KiB", bytes / KIB),
        bytes => format!("{:.1} MiB", bytes / KIB / KIB),
    }
}
