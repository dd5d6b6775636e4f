//! Plugins in Rust: members of the workspace, built together.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use spanloom_plugin_build::build;

use super::folder;
use crate::{
    folders,
    summary::{Outcome, Summary},
    tools::wasm,
};

/// Where they are, and what comes before their names in `target/plugins`.
const FOLDERS: [(&str, &str); 1] = [("examples/plugins/rust", "rust-")];

/// One step: what cargo finds changed is compiled, and every component written to `target/plugins`.
pub(super) fn steps(summary: &mut Summary) {
    summary.step("plugins in rust", || {
        let toolchain = match wasm::install() {
            Ok(toolchain) => toolchain,
            Err(error) => return Ok(Outcome::skipped(format!("no toolchain for plugins: {error:#}"))),
        };
        let mut crates = Vec::new();
        for (place, prefix) in FOLDERS {
            crates.extend(crates_in(&folders::root().join(place))?.into_iter().map(|name| (name, prefix)));
        }
        let names: Vec<&str> = crates.iter().map(|(name, _)| name.as_str()).collect();
        fs::create_dir_all(folder())?;
        for component in build(&toolchain, &folders::root(), &names)? {
            let prefix =
                crates.iter().find(|(name, _)| *name == component.package).map_or("", |(_, prefix)| prefix);
            let file = folder().join(format!("{prefix}{}.wasm", component.package));
            println!("{}: {} KiB", file.display(), component.bytes.len() / 1024);
            write_if_changed(&file, &component.bytes)?;
        }
        Ok(Outcome::READY)
    });
}

/// Each is in a folder of its name.
fn crates_in(place: &Path) -> Result<Vec<String>> {
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let folders: Vec<PathBuf> = fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let crates = folders.iter().filter(|folder| folder.join("Cargo.toml").is_file());
    let mut names: Vec<String> =
        crates.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// Whoever watches the file is not woken for nothing.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|old| old == bytes) { Ok(()) } else { Ok(fs::write(file, bytes)?) }
}
