//! The processors `probabilistic_sampler` and `tail_sampling`: what is kept of the same traces.

mod probabilistic;
mod tail;

use anyhow::Result;

use crate::{observation::Case, side::Binaries};

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = probabilistic::run(binaries).await?;
    cases.extend(tail::run(binaries).await?);
    Ok(cases)
}
