//! `spanloom reload`: makes a running Spanloom read its config again.

use clap::Args;

use super::{
    Exit, Terminal,
    operator::{AdminArgs, failed},
};
use crate::control::status::ReloadOutcome;

/// Have a running Spanloom read its config again, as SIGHUP does.
#[derive(Debug, Args)]
#[command(after_help = "\
What has not changed goes on as it is: receivers keep their connections, exporters their queues. A config that is wrong \
changes nothing; the exit code is 1 then, and standard error says why. So it is if a plugin's changed file is refused: the \
config is reloaded, and the plugin's previous version still runs.

Example: check a config before it is used.
  spanloom validate -c otel.yaml && spanloom reload")]
pub struct ReloadArgs {
    #[command(flatten)]
    pub admin: AdminArgs,
}

pub async fn run(args: &ReloadArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let reload = match args.admin.client()?.reload().await {
        Ok(reload) => reload,
        Err(error) => return failed(&error, terminal),
    };
    let why = reload.why.map(|why| format!(": {why}")).unwrap_or_default();
    match reload.outcome {
        ReloadOutcome::Reloaded => writeln!(terminal.out, "reloaded{why}")?,
        ReloadOutcome::Unchanged => writeln!(terminal.out, "unchanged{why}")?,
        ReloadOutcome::Rejected => {
            writeln!(terminal.err, "error: rejected, and what ran before still runs{why}")?;
            return Ok(Exit::Failed);
        }
    }
    if reload.refused_plugins.is_empty() {
        return Ok(Exit::Done);
    }
    let plugins = reload.refused_plugins.join(", ");
    writeln!(terminal.err, "error: refused, and the previous version still runs: plugin {plugins}")?;
    Ok(Exit::Failed)
}
