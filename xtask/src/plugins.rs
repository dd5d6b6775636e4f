//! `cargo xtask plugins`: builds every plugin of the clone as a component, `target/plugins/NAME.wasm`.

mod c;
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
    /// Build only the plugins that the binary embeds; a plain `cargo build` needs them
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

/// Builds the plugins that the binary embeds, as a step of a longer run.
///
/// This step comes before the step that compiles `host/`.
pub fn builtins(summary: &mut Summary) {
    summary.step("built-in plugins", || embedded().map(|()| Outcome::READY));
}

/// Builds the plugins that the binary embeds, without a summary.
pub fn embedded() -> Result<()> {
    rust::builtins()
}

/// Builds the other plugins that changed, as steps of a longer run.
pub fn steps(summary: &mut Summary) {
    summary.step("plugins in rust", rust::examples);
    scripted::steps(summary);
    guests::step(summary);
}

/// Returns the folder that holds the components.
pub fn folder() -> PathBuf {
    folders::target().join("plugins")
}
