//! `spanloom validate`: checks a config.

use clap::Args;

use super::{ConfigArgs, Exit, Terminal};
use crate::{
    component::Registry,
    config::{Config, expand::process_env},
    id::Kind,
    service,
};

/// Check a config without running it: every error at once, each with its place.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints what the config holds, or its errors with exit code 2. Warnings do not fail it. Plugins are loaded and \
asked about their part; nothing is listened on or connected to.

Example:
  spanloom validate -c base.yaml -c site.yaml")]
pub struct ValidateArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub async fn run(
    args: &ValidateArgs,
    registry: &Registry,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Exit> {
    if args.config.config.is_empty() {
        writeln!(terminal.err, "error: no config is given; name one with `--config`")?;
        return Ok(Exit::Wrong);
    }
    let opened = match service::open(&args.config.config, &args.config.set, &process_env, registry).await {
        Ok(opened) => opened,
        Err(error) => return terminal.wrong(&error),
    };
    for warning in &opened.warnings {
        writeln!(terminal.err, "{}\n", warning.warning(terminal.colour))?;
    }
    writeln!(terminal.out, "ok: {}", summary(&opened.config))?;
    Ok(Exit::Done)
}

/// Writes what the config holds: `2 pipelines, 1 receiver, 3 exporters`.
fn summary(config: &Config) -> String {
    let counted = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    };
    let kinds = Kind::ALL.iter().map(|kind| counted(config.components(*kind).len(), &kind.to_string()));
    let pipelines = counted(config.service.pipelines.len(), "pipeline");
    let plugins = counted(config.plugins.len(), "plugin");
    let parts: Vec<String> = std::iter::once(pipelines).chain(kinds).chain([plugins]).flatten().collect();
    parts.join(", ")
}
