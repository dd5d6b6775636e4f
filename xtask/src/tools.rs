//! What the tests need beyond cargo. It is installed into folders of the project's own, once.

pub mod back_ends;
pub mod node;
pub mod peers;
pub mod python;
pub mod wasm;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{folders, shell};

/// Environment variables by which the tests find what was installed.
pub type Ready = Vec<(&'static str, PathBuf)>;

/// Makes `folder` hold what `manifest` (a list of exact versions) asks for, unless it does already.
///
/// A folder is complete when it holds a copy of the manifest; anything else is removed and made anew.
pub fn once(folder: &Path, manifest: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let complete = folder.join(".complete");
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == manifest) {
        println!("{} is up to date", folder.display());
        return Ok(());
    }
    println!("installing into {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    install()?;
    fs::write(&complete, manifest)?;
    Ok(())
}

/// A cargo subcommand of exactly this version: the user's own if it is that, else one compiled into the cache.
pub fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    if shell::ask(Command::new(name).arg("--version")).is_some_and(|said| said.ends_with(version)) {
        return Ok(PathBuf::from(name));
    }
    let folder = folders::cache()?.join(name);
    once(&folder, version, || {
        let mut install = shell::cargo();
        install.args(["install", "--locked", "--version", version, "--root"]).arg(&folder).arg(name);
        // Shared by every version of the tool, and not worth keeping.
        let build = folders::cache()?.join(format!("{name}-build"));
        let installed = shell::run(install.env("CARGO_TARGET_DIR", &build));
        if build.exists() {
            fs::remove_dir_all(&build)?;
        }
        installed
    })?;
    Ok(folder.join("bin").join(name))
}

/// Installs Debian packages where we may.
fn debian(packages: &[&str]) -> Result<()> {
    let root = shell::ask(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if !root || shell::ask(Command::new("apt-get").arg("--version")).is_none() {
        bail!("install {} first (not root on a Debian, so not done here)", packages.join(" "));
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        apt
    };
    shell::run(apt().arg("update"))?;
    shell::run(apt().args(["install", "--no-install-recommends", "--yes"]).args(packages))
}
