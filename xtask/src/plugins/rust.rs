//! Builds the plugins that are written in Rust. They are members of the workspace and are built together.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use spanloom_plugin_build::{Toolchain, build, sources};

use super::folder;
use crate::{folders, summary::Outcome, tools::wasm};

/// A crate that becomes a component.
struct Crate {
    /// The name in its `Cargo.toml`.
    package: String,
    /// The component's file name in `target/plugins`.
    file: String,
}

/// Builds the plugins that the binary embeds.
///
/// A missing toolchain for wasm is an error, because the binary cannot be built without these plugins.
pub(super) fn builtins() -> Result<()> {
    let toolchain = wasm::install().context("the built-in plugins need a toolchain for wasm")?;
    // The state is read before the build: a source that changes during the build then counts as not built.
    let state = sources::state(&folders::root())?;
    let noted = folder().join(sources::STATE_FILE);
    // The state is recorded only after every component was written.
    let _ = fs::remove_file(&noted);
    components(&toolchain, &crates_in("plugins", "builtin-")?)?;
    Ok(fs::write(noted, state)?)
}

/// Compiles the examples that cargo finds changed, and writes their components to `target/plugins`.
pub(super) fn examples() -> Result<Outcome> {
    match wasm::install() {
        Ok(toolchain) => {
            components(&toolchain, &crates_in("examples/plugins/rust", "rust-")?)?;
            components(&toolchain, &crates_in("examples/hot-swap", "hot-swap-")?)?;
            Ok(Outcome::READY)
        }
        Err(error) => Ok(Outcome::skipped(format!("no toolchain for plugins: {error:#}"))),
    }
}

fn components(toolchain: &Toolchain, crates: &[Crate]) -> Result<()> {
    let packages: Vec<&str> = crates.iter().map(|of| of.package.as_str()).collect();
    fs::create_dir_all(folder())?;
    for component in build(toolchain, &folders::root(), &packages)? {
        let Some(of) = crates.iter().find(|of| of.package == component.package) else { continue };
        let file = folder().join(&of.file);
        println!("{}: {} KiB", file.display(), component.bytes.len() / 1024);
        write_if_changed(&file, &component.bytes)?;
    }
    Ok(())
}

/// Lists the crates of a folder that make a wasm module. Each component is named after its crate's folder.
fn crates_in(place: &str, prefix: &str) -> Result<Vec<Crate>> {
    let mut crates = Vec::new();
    for entry in fs::read_dir(folders::root().join(place))? {
        let folder = entry?.path();
        let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        let package = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        if let Some(package) = package.filter(|_| manifest.contains("\"cdylib\"")) {
            let (package, file) = (package.to_owned(), format!("{prefix}{name}.wasm"));
            crates.push(Crate { package, file });
        }
    }
    crates.sort_by(|one, other| one.package.cmp(&other.package));
    Ok(crates)
}

/// Writes the file unless it holds these bytes already, so that a process that watches the file is not woken.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|old| old == bytes) { Ok(()) } else { Ok(fs::write(file, bytes)?) }
}
