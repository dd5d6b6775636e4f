//! Builds the binary of a release.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use spanloom_plugin_build::cargo_home;

use crate::{folders, plugins, shell, tools::cross};

/// The profile in `Cargo.toml`.
const PROFILE: &str = "dist";

/// Returns the target of this machine.
pub(super) fn host() -> Result<String> {
    shell::ask(Command::new("rustc").args(["--print", "host-tuple"])).context("rustc does not say its target")
}

/// Builds the binary for a target, with the commit in its version and none of this machine's paths.
pub(super) fn binary(target: &str, epoch: &str) -> Result<PathBuf> {
    plugins::embedded()?;
    let mut cargo = shell::cargo();
    // With `--target`, the flags are not those of build scripts and macros, and `target/dist` is left to the packages.
    cargo.args(["build", "--locked", "--package", "spanloom", "--profile", PROFILE, "--target", target]);
    if target != host()? {
        let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
        let compiler = cross::compiler(target)?;
        if env::var_os(&linker).is_none() {
            cargo.env(linker, compiler);
        }
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped("--remap-path-prefix=")?.join("\u{1f}"));
    cargo.env("CFLAGS", remapped("-ffile-prefix-map=")?.join(" "));
    cargo.env("SOURCE_DATE_EPOCH", epoch).env("SPANLOOM_COMMIT", commit().unwrap_or_default());
    shell::run(&mut cargo)?;
    Ok(folders::target().join(target).join(PROFILE).join("spanloom"))
}

/// Returns flags that replace the folders of this machine by names that are the same on each.
fn remapped(flag: &str) -> Result<Vec<String>> {
    let home = cargo_home().context("neither CARGO_HOME nor HOME is set")?;
    // Where two fit, the compilers take the last.
    let places = [(folders::root(), "/spanloom"), (folders::target(), "/target"), (home, "/cargo")];
    Ok(places.iter().map(|(folder, name)| format!("{flag}{}={name}", folder.display())).collect())
}

/// Returns the commit, with a mark if a file differs from it. Returns `None` outside of a clone of git.
fn commit() -> Option<String> {
    let git = |args: &[&str]| shell::ask(Command::new("git").current_dir(folders::root()).args(args));
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-changed") })
}
