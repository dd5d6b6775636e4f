//! `spanloom plugin build`: builds a component from a crate.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use spanloom_plugin_build::{BuildError, Component, Toolchain};

use super::{Exit, Terminal, size};
use crate::plugin::load::card::Card;

/// Build a plugin written in Rust: compile it for wasm32-unknown-unknown and make a component of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code 1: the crate does not compile, or is not a plugin; 2: there is no crate, or no compiler.

Example: into the folder that a running Spanloom takes it from.
  spanloom plugin build redact --output plugins/redact.wasm")]
pub struct BuildArgs {
    /// The folder of the crate.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,

    /// The file to write; NAME.wasm in the folder unless it is given.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub fn run(args: &BuildArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let folder = args.folder.display();
    if !args.folder.join("Cargo.toml").is_file() {
        writeln!(terminal.err, "error: no Cargo.toml in {folder}; `spanloom plugin new` starts a plugin")?;
        return Ok(Exit::Wrong);
    }
    let component = match compile(&args.folder) {
        Ok(component) => component,
        Err(error) => {
            writeln!(terminal.err, "error: {folder}: {error}")?;
            let is_missing = matches!(error, BuildError::NoCargo | BuildError::NoTarget(_));
            return Ok(if is_missing { Exit::Wrong } else { Exit::Failed });
        }
    };
    let role = Card::read(&component.bytes).and_then(|card| card.admit());
    let role = match role {
        Ok(role) => role,
        Err(error) => {
            writeln!(terminal.err, "error: {folder}: it compiles, but {error}")?;
            return Ok(Exit::Failed);
        }
    };
    let output =
        args.output.clone().unwrap_or_else(|| args.folder.join(format!("{}.wasm", component.package)));
    replace(&output, &component.bytes).with_context(|| output.display().to_string())?;
    let (output, size) = (output.display(), size(component.bytes.len()));
    writeln!(terminal.out, "{output}: {}, {role}, {size}", component.package)?;
    Ok(Exit::Done)
}

fn compile(folder: &Path) -> Result<Component, BuildError> {
    let toolchain = Toolchain::find_or_add()?;
    let mut components = spanloom_plugin_build::build(&toolchain, folder, &[])?;
    match (components.pop(), components.len()) {
        (Some(component), 0) => Ok(component),
        (_, others) => Err(BuildError::Several(others + 1)),
    }
}

/// Replaces the file in one step, since a running Spanloom may watch it.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = file.with_extension("wasm.new");
    fs::write(&new, bytes)?;
    fs::rename(&new, file)
}
