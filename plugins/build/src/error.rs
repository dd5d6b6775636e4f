use std::{io, path::PathBuf};

use crate::TARGET;

/// Says why there is no component, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("no cargo: install Rust from https://rustup.rs")]
    NoCargo,
    #[error("cargo could not be started: {0}")]
    Cargo(io::Error),
    #[error("no standard library for {TARGET}: run `rustup target add {TARGET}`{}", detail(.0))]
    NoTarget(String),
    #[error("the crate does not compile")]
    Compile,
    #[error("the crate gives no wasm module: its Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`")]
    NoModule,
    #[error("{0} plugins are built here: name the folder of one")]
    Several(usize),
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error(
        "the module is no plugin: it exports nothing that the host calls. A crate names its plugin with \
         `spanloom_plugin::processor!(…)`, `sampler!`, `exporter!` or `connector!`"
    )]
    NoPlugin,
    #[error(
        "the module is no plugin: it exports nothing that the host calls. The export of its role is missing: for a \
         processor, `configure` and `process` of `spanloom:plugin/processing`"
    )]
    NoExports,
    #[error("no component can be made of the module: {0}")]
    Encode(String),
    #[error("the interface in {} cannot be read: {error}", path.display())]
    Interface { path: PathBuf, error: String },
    #[error("no bindings can be made of the interface: {0}")]
    Bindings(String),
}

impl BuildError {
    pub(crate) fn no_cargo(error: io::Error) -> BuildError {
        if error.kind() == io::ErrorKind::NotFound { BuildError::NoCargo } else { BuildError::Cargo(error) }
    }
}

fn detail(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; tried, and rustup said: {said}") }
}
