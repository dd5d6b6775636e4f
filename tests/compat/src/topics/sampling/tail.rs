//! The processor `tail_sampling`: which traces its policies keep, which configs it takes, and what becomes of spans that
//! come late, or of traces that there is no room for.
//!
//! The policies and their traces are those of the tests of `plugins/tail-policies`. Here the Collector itself decides, and
//! each policy is asked about the traces of all.

mod kept;
mod life;
mod policies;
#[path = "../../../../../plugins/tail-policies/tests/collector/traces.rs"]
mod traces;

use anyhow::Result;

use crate::{observation::Case, side::Binaries};

pub(super) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = policies::run(binaries).await?;
    cases.extend(life::run(binaries).await?);
    Ok(cases)
}
