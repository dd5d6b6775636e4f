//! `spanloom run`: the collector itself.

use clap::Args;

use super::{ConfigArgs, Exit};

/// Run the collector until it is told to stop.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: one config for all, one for this place, and one value more.
  spanloom run -c base.yaml -c site.yaml --set exporters::otlp::endpoint=backend:4317")]
pub struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub async fn run(_args: RunArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("this build has no service to run")
}
