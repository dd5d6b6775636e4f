//! `spanloom print-config`: prints the config that several configs, settings and references result in.

use clap::Args;

use super::{ConfigArgs, Exit, Terminal};
use crate::config::{expand::process_env, load::load, print::print};

/// Print the config after merging and expanding, as YAML, with secrets redacted.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --config it prints the config that `spanloom run` has then. The config is not checked. What comes from a \
variable or a file stays a reference: ${env:NAME}, ${file:path}. [REDACTED] are values of keys that name a secret \
(token, password, …), all headers, and passwords and queries in addresses.

Example:
  spanloom print-config -c base.yaml --set service::telemetry::logs::level=debug")]
pub struct PrintConfigArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub fn run(args: &PrintConfigArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let loaded = match load(&args.config.or_embedded(), &args.config.set, &process_env) {
        Ok(loaded) => loaded,
        Err(error) => return terminal.wrong(&error),
    };
    for warning in &loaded.warnings {
        writeln!(terminal.err, "{}\n", warning.warning(terminal.colour))?;
    }
    terminal.out.write_all(print(&loaded.root).as_bytes())?;
    Ok(Exit::Done)
}
