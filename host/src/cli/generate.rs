//! `spanloom generate`: a telemetry generator.

use clap::Args;

use super::Exit;

/// Send made-up telemetry to a collector.
#[derive(Debug, Args)]
pub struct GenerateArgs {}

pub async fn run(_args: GenerateArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("this build has no generator")
}
