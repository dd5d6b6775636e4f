//! Builds a Rust crate, or the module that another language's compiler wrote, into a component that the host can
//! load.
//!
//! Cargo compiles the crate to a core module. wit-bindgen describes the module's imports and exports in
//! custom sections, and wit-component makes a component of the module with these sections. The component has
//! no WASI: a plugin reaches the host and nothing else.

mod artifact;
mod error;
mod interface;
pub mod sources;
mod toolchain;

use std::path::{Path, PathBuf};
use std::{fs, process::Stdio};

pub use error::BuildError;
pub use interface::{Interface, WORLD};
pub use toolchain::{TARGET, Toolchain, cargo_home};

/// A component with the package that it was made from.
#[derive(Clone, Debug)]
pub struct Component {
    /// The package's name in its `Cargo.toml`.
    pub package: String,
    pub bytes: Vec<u8>,
}

/// The cargo profile of plugins. Plugins are built once and called often, so it optimizes for speed. Function
/// names are kept for backtraces.
const PROFILE: [&str; 7] = [
    "profile.plugin.inherits=\"release\"",
    "profile.plugin.opt-level=3",
    "profile.plugin.debug=false",
    "profile.plugin.strip=\"debuginfo\"",
    "profile.plugin.lto=\"fat\"",
    "profile.plugin.codegen-units=1",
    "profile.plugin.panic=\"abort\"",
];

/// Builds the named packages of the workspace at `folder`, or the package there if none is named. Cargo
/// prints its own progress and errors.
pub fn build(toolchain: &Toolchain, folder: &Path, packages: &[&str]) -> Result<Vec<Component>, BuildError> {
    let mut cargo = toolchain.cargo("build");
    cargo.current_dir(folder).args(["--profile", "plugin", "--message-format", "json-render-diagnostics"]);
    cargo.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    cargo.args(remapped().iter().flat_map(|setting| ["--config", setting]));
    cargo.args(packages.iter().flat_map(|package| ["--package", package]));
    let built = cargo.stderr(Stdio::inherit()).output().map_err(BuildError::no_cargo)?;
    if !built.status.success() {
        return Err(BuildError::Compile);
    }
    let modules = artifact::modules(&built.stdout);
    if modules.is_empty() {
        return Err(BuildError::NoModule);
    }
    modules.into_iter().map(|(package, module)| component(package, &module)).collect()
}

/// Returns the setting that replaces the path of cargo's folder in the messages of panics: the same sources give the same
/// bytes for every author.
fn remapped() -> Option<String> {
    let flag = format!("--remap-path-prefix={}=/cargo", cargo_home()?.display());
    // A string of JSON is a string of TOML.
    Some(format!("target.{TARGET}.rustflags=[{}]", serde_json::Value::from(flag)))
}

/// Makes a component of a core module.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    if !artifact::is_plugin(module) {
        return Err(BuildError::NoPlugin);
    }
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(module);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| BuildError::Encode(format!("{error:#}")))
}

fn component(package: String, module: &PathBuf) -> Result<Component, BuildError> {
    let bytes = fs::read(module).map_err(|error| BuildError::Read { path: module.clone(), error })?;
    Ok(Component { package, bytes: encode(&bytes)? })
}
