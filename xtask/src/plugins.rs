//! `cargo xtask plugins`: every plugin of the clone as a component, `target/plugins/NAME.wasm`.

mod guests;
mod rust;
mod scripted;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

use crate::{folders, summary::Summary};

pub fn run() -> Result<ExitCode> {
    let mut summary = Summary::default();
    steps(&mut summary);
    Ok(summary.finish())
}

/// Builds what changed, as steps of a longer run.
pub fn steps(summary: &mut Summary) {
    rust::steps(summary);
    scripted::steps(summary);
    guests::step(summary);
}

/// Where components are put.
pub fn folder() -> PathBuf {
    folders::target().join("plugins")
}
