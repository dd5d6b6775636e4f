//! `cargo xtask plugins`: every plugin of the clone as a component, `target/plugins/NAME.wasm`.

mod guests;
mod rust;
mod scripted;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;

use crate::{
    folders,
    summary::{Outcome, Summary},
};

#[derive(Args, Default)]
pub struct PluginsArgs {
    /// Only those that the binary embeds: what plain `cargo build` needs
    #[arg(long)]
    builtin: bool,
}

pub fn run(args: &PluginsArgs) -> Result<ExitCode> {
    let mut summary = Summary::default();
    builtins(&mut summary);
    if !args.builtin {
        steps(&mut summary);
    }
    Ok(summary.finish())
}

/// Builds what the binary embeds, as a step of a longer run, before anything of `host/` is compiled.
pub fn builtins(summary: &mut Summary) {
    summary.step("built-in plugins", || embedded().map(|()| Outcome::READY));
}

/// As [`builtins`], of no longer run.
pub fn embedded() -> Result<()> {
    rust::builtins()
}

/// Builds what changed of all others, as steps of a longer run.
pub fn steps(summary: &mut Summary) {
    summary.step("plugins in rust", rust::examples);
    scripted::steps(summary);
    guests::step(summary);
}

/// Where components are put.
pub fn folder() -> PathBuf {
    folders::target().join("plugins")
}
