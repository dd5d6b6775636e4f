//! A Rust toolchain for `wasm32-unknown-unknown`: what plugins are compiled with.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::debian;
use crate::shell;

pub const TARGET: &str = "wasm32-unknown-unknown";

/// Where the target's standard library comes from.
pub enum Toolchain {
    /// It is installed beside the toolchain that runs us.
    Installed,
    /// Compiled from the sources of another compiler, by that compiler.
    FromSource { rustc: PathBuf, linker: PathBuf },
}

/// Finds the target or installs it: by rustup, else (rustup may not reach its server) from Debian's packages.
pub fn install() -> Result<Toolchain> {
    let added = || shell::run(Command::new("rustup").args(["target", "add", TARGET])).is_ok();
    if is_installed() || (added() && is_installed()) {
        return Ok(Toolchain::Installed);
    }
    let rustc = PathBuf::from("/usr/bin/rustc");
    if sources(&rustc).is_none() {
        debian(&["rustc-web", "rust-web-src"])?;
    }
    sources(&rustc).context("Debian's rustc-web came without its standard library's sources")?;
    let linker = sysroot("rustc").context("no rustc")?.join("lib/rustlib").join(host()?).join("bin/rust-lld");
    Ok(Toolchain::FromSource { rustc, linker })
}

impl Toolchain {
    /// `cargo COMMAND` for the target.
    pub fn cargo(&self, command: &str) -> Command {
        let mut cargo = shell::cargo();
        cargo.args([command, "--target", TARGET]);
        if let Toolchain::FromSource { rustc, linker } = self {
            // Building the standard library is what the bootstrap flag is for here.
            cargo.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }
}

fn is_installed() -> bool {
    let mut rustc = Command::new("rustc");
    let folder = shell::ask(rustc.args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| PathBuf::from(folder).is_dir())
}

/// The library's sources, if this compiler is new enough for the workspace and brings them.
fn sources(rustc: &PathBuf) -> Option<PathBuf> {
    let version = shell::ask(Command::new(rustc).arg("--version"))?;
    let minor: u32 = version.split('.').nth(1)?.parse().ok()?;
    let wanted: u32 = env!("CARGO_PKG_RUST_VERSION").split('.').nth(1)?.parse().ok()?;
    let library = sysroot(rustc)?.join("lib/rustlib/src/rust/library");
    (minor >= wanted && library.is_dir()).then_some(library)
}

fn sysroot(rustc: impl AsRef<std::ffi::OsStr>) -> Option<PathBuf> {
    shell::ask(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn host() -> Result<String> {
    shell::ask(Command::new("rustc").args(["--print", "host-tuple"])).context("rustc does not say its host")
}
