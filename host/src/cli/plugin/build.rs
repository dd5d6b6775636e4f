//! `spanloom plugin build`: builds a component from a plugin's folder.

mod manifest;
mod programs;
pub(super) mod project;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use spanloom_plugin_build::{BuildError, Toolchain};

use super::{Exit, Terminal, size};
use crate::plugin::load::card::Card;
use project::{Project, ProjectError};

/// Build a plugin: run its language's compiler, and make a component of what it writes.
#[derive(Debug, Args)]
#[command(after_help = "\
A folder with spanloom-plugin.yaml is built by the steps in that file. A folder with a Cargo.toml
is compiled by cargo, for wasm32-unknown-unknown.

Exit code 1: it does not compile, or is not a plugin; 2: there is no plugin, or no compiler.

Example: into the folder that a running Spanloom takes it from.
  spanloom plugin build redact --output plugins/redact.wasm")]
pub struct BuildArgs {
    /// The plugin's folder.
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,

    /// The file to write; NAME.wasm in the folder unless it is given.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Install missing tools into the plugin's folder first (node_modules, .venv), as spanloom-plugin.yaml says.
    #[arg(long)]
    pub install: bool,
}

/// A component that was built, and the plugin's name.
type Built = (String, Vec<u8>);

/// Why there is no component, and the exit code.
struct Unbuilt(Exit, String);

pub fn run(args: &BuildArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let folder = args.folder.display();
    let built = match Project::open(&args.folder) {
        Some(Ok(project)) => {
            let built = project.build(args.install, terminal)?;
            built.map(|component| (project.name().to_owned(), component)).map_err(Unbuilt::from)
        }
        Some(Err(error)) => return terminal.wrong(&error),
        None if args.folder.join("Cargo.toml").is_file() => compile(&args.folder).map_err(Unbuilt::from),
        None => {
            let why = "no spanloom-plugin.yaml and no Cargo.toml; `spanloom plugin new` starts a plugin";
            Err(Unbuilt(Exit::Wrong, why.to_owned()))
        }
    };
    let (name, component) = match built {
        Ok(built) => built,
        Err(Unbuilt(exit, why)) => {
            writeln!(terminal.err, "error: {folder}: {why}")?;
            return Ok(exit);
        }
    };
    let role = match Card::read(&component).and_then(|card| card.admit()) {
        Ok(role) => role,
        Err(error) => {
            writeln!(terminal.err, "error: {folder}: it compiles, but {error}")?;
            return Ok(Exit::Failed);
        }
    };
    let output = args.output.clone().unwrap_or_else(|| args.folder.join(format!("{name}.wasm")));
    replace(&output, &component).with_context(|| output.display().to_string())?;
    writeln!(terminal.out, "{}: {name}, {role}, {}", output.display(), size(component.len()))?;
    Ok(Exit::Done)
}

fn compile(folder: &Path) -> Result<Built, BuildError> {
    let toolchain = Toolchain::find_or_add()?;
    let mut components = spanloom_plugin_build::build(&toolchain, folder, &[])?;
    match (components.pop(), components.len()) {
        (Some(component), 0) => Ok((component.package, component.bytes)),
        (_, others) => Err(BuildError::Several(others + 1)),
    }
}

/// Replaces the file in one step, since a running Spanloom may watch it.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = file.with_extension("wasm.new");
    fs::write(&new, bytes)?;
    fs::rename(&new, file)
}

impl From<BuildError> for Unbuilt {
    fn from(error: BuildError) -> Unbuilt {
        let is_missing = matches!(error, BuildError::NoCargo | BuildError::NoTarget(_));
        Unbuilt(if is_missing { Exit::Wrong } else { Exit::Failed }, error.to_string())
    }
}

impl From<ProjectError> for Unbuilt {
    fn from(error: ProjectError) -> Unbuilt {
        let is_missing = matches!(error, ProjectError::Missing(_));
        Unbuilt(if is_missing { Exit::Wrong } else { Exit::Failed }, error.to_string())
    }
}

#[cfg(test)]
mod tests;
