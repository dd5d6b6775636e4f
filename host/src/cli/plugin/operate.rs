//! `spanloom plugin swap`, `rollback`, `pause` and `resume`: an operator's requests to a running Spanloom.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::{
    cli::{
        Exit, Terminal,
        operator::{AdminArgs, failed},
    },
    control::operator::{Allowance, SwapRequest},
    swap::attempt::{Attempt, Outcome},
};

/// Have a running Spanloom run another version of a plugin.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is checked and tried first; batches go through the old version until the new one is ready, and none is lost. A \
file that is refused changes nothing; the exit code is 1 then, and standard error says why.

Example: bring a new version in, and back out.
  spanloom plugin swap redact ./redact-2.wasm
  spanloom plugin rollback redact")]
pub struct SwapArgs {
    /// The plugin's name in the config.
    pub name: String,

    /// The file to use instead of the configured one, which it replaces. Without it, the configured file is
    /// used as it is now.
    pub file: Option<PathBuf>,

    /// Allow another role than the running version's, or fewer signals.
    #[arg(long)]
    pub allow_role_change: bool,

    #[command(flatten)]
    pub admin: AdminArgs,
}

/// Have a running Spanloom return to the previous version of a plugin.
#[derive(Debug, Args)]
#[command(after_help = "\
The file stays as it is, and is left alone until it changes.

Example: the new version does too much.
  spanloom plugin rollback redact")]
pub struct RollbackArgs {
    #[command(flatten)]
    pub plugin: PluginOf,
}

/// Have a running Spanloom ignore changes of a plugin's file.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: copy several files, then use them at once.
  spanloom plugin pause redact
  spanloom plugin resume redact")]
pub struct PauseArgs {
    #[command(flatten)]
    pub plugin: PluginOf,
}

/// Have a running Spanloom act on changes of a plugin's file again, the latest included.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: use what was copied meanwhile.
  spanloom plugin resume redact")]
pub struct ResumeArgs {
    #[command(flatten)]
    pub plugin: PluginOf,
}

/// Which plugin, and where it runs.
#[derive(Clone, Debug, Args)]
pub struct PluginOf {
    /// The plugin's name in the config.
    pub name: String,

    #[command(flatten)]
    pub admin: AdminArgs,
}

const SHORT_HASH_DIGITS: usize = 12;

pub async fn swap(args: &SwapArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    // The running Spanloom has another working directory.
    let file = args.file.as_ref().map(std::path::absolute).transpose().context("the file's path")?;
    let allow = args.allow_role_change.then_some(Allowance::RoleChange).into_iter().collect();
    match args.admin.client()?.swap(&args.name, &SwapRequest { file, allow }).await {
        Ok(attempt) => report(&args.name, &attempt, terminal),
        Err(error) => failed(&error, terminal),
    }
}

pub async fn rollback(args: &RollbackArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let PluginOf { name, admin } = &args.plugin;
    match admin.client()?.rollback(name).await {
        Ok(attempt) => report(name, &attempt, terminal),
        Err(error) => failed(&error, terminal),
    }
}

pub async fn pause(args: &PauseArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let PluginOf { name, admin } = &args.plugin;
    if let Err(error) = admin.client()?.pause(name).await {
        return failed(&error, terminal);
    }
    writeln!(terminal.out, "paused: changes of its file wait for `spanloom plugin resume {name}`")?;
    Ok(Exit::Done)
}

pub async fn resume(args: &ResumeArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let PluginOf { name, admin } = &args.plugin;
    let attempt = match admin.client()?.resume(name).await {
        Ok(attempt) => attempt,
        Err(error) => return failed(&error, terminal),
    };
    writeln!(terminal.out, "resumed: changes of its file are acted on again")?;
    attempt.map_or(Ok(Exit::Done), |attempt| report(name, &attempt, terminal))
}

/// Writes the outcome. It is a failure if another version runs than was asked for.
fn report(name: &str, attempt: &Attempt, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let hash: String = attempt.sha256.chars().take(SHORT_HASH_DIGITS).collect();
    let words = [attempt.version.as_deref().unwrap_or_default(), &hash];
    let version: String =
        words.iter().filter(|word| !word.is_empty()).map(|word| format!(" {word}")).collect();
    let why = attempt.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let took = attempt.took_ms;
    match attempt.outcome {
        Outcome::Swapped => {
            writeln!(terminal.out, "swapped: {name} runs{version} now, after {took} ms{why}")?
        }
        Outcome::Unchanged => writeln!(terminal.out, "unchanged: {name} runs{version} already{why}")?,
        Outcome::Canary => writeln!(
            terminal.out,
            "canary: {name} runs{version} for a share of the batches, and for all of them if its trial succeeds{why}"
        )?,
        Outcome::Shadowing => {
            writeln!(
                terminal.out,
                "shadowing: {name} runs{version} on copies; `spanloom status` compares{why}"
            )?;
        }
        Outcome::Rejected => {
            writeln!(terminal.err, "error: rejected, {name} runs the same version as before{why}")?;
            return Ok(Exit::Failed);
        }
        Outcome::RolledBack => {
            writeln!(
                terminal.err,
                "error: rolled back, {name} ran{version} and runs the previous version again{why}"
            )?;
            return Ok(Exit::Failed);
        }
    }
    Ok(Exit::Done)
}
