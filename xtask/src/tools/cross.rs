//! Finds or installs what compiles for a Linux of another architecture.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::debian;
use crate::shell;

/// Returns the C compiler for a target, which is its linker too. Adds the target's standard library of Rust, with
/// rustup, and the compiler, from Debian's packages, where they are missing.
pub fn compiler(target: &str) -> Result<PathBuf> {
    let mut library = Command::new("rustc");
    let library = shell::ask(library.args(["--print", "target-libdir", "--target", target]));
    let library = library.with_context(|| format!("rustc knows no target {target}"))?;
    if !Path::new(&library).is_dir() {
        shell::run(Command::new("rustup").args(["target", "add", target]))
            .with_context(|| format!("no standard library for {target}"))?;
    }
    let machine = target.split('-').next().unwrap_or_default();
    let compiler = format!("{machine}-linux-gnu-gcc");
    if shell::ask(Command::new(&compiler).arg("--version")).is_none() {
        let headers = if machine == "aarch64" { "libc6-dev-arm64-cross" } else { "libc6-dev-amd64-cross" };
        debian(&[&format!("gcc-{}-linux-gnu", machine.replace('_', "-")), headers])?;
    }
    Ok(PathBuf::from(compiler))
}
