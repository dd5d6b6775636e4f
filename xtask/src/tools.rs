//! Installs the tools that the tests need beyond cargo, once, into folders of the project's own.

pub mod back_ends;
pub mod cluster;
pub mod cross;
pub mod node;
pub mod peers;
pub mod python;
pub mod wasm;
pub mod xray;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{folders, shell};

/// The environment variables by which the tests find what was installed.
pub type Ready = Vec<(&'static str, PathBuf)>;

/// Fills `folder` with the tools that `manifest` (a list of exact versions) names, unless they are there
/// already.
///
/// A complete folder holds a copy of the manifest. Any other folder is removed and filled again.
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

/// Returns a cargo subcommand of exactly this version.
///
/// The user's own subcommand is used if it has this version. Otherwise the subcommand is compiled into the
/// cache.
pub fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    if shell::ask(Command::new(name).arg("--version")).is_some_and(|said| said.ends_with(version)) {
        return Ok(PathBuf::from(name));
    }
    let folder = folders::cache()?.join(name);
    once(&folder, version, || {
        let mut install = shell::cargo();
        install.args(["install", "--locked", "--version", version, "--root"]).arg(&folder).arg(name);
        // Every version of the tool builds here. The folder is removed after the build.
        let build = folders::cache()?.join(format!("{name}-build"));
        let installed = shell::run(install.env("CARGO_TARGET_DIR", &build));
        if build.exists() {
            fs::remove_dir_all(&build)?;
        }
        installed
    })?;
    Ok(folder.join("bin").join(name))
}

/// Installs Debian packages. Returns an error unless this process is root on a Debian system.
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
