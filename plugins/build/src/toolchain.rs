//! A Rust toolchain for plugins.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::BuildError;

/// What plugins are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Where Debian's `rustc-web` is.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Where the target's standard library comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// It is installed beside the toolchain that runs us.
    Installed,
    /// Compiled from the sources of another compiler, by that compiler.
    FromSource { rustc: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// What is there. Nothing is installed.
    pub fn find() -> Option<Toolchain> {
        if is_installed() {
            return Some(Toolchain::Installed);
        }
        let rustc = PathBuf::from(DEBIAN_RUSTC);
        sources(&rustc)?;
        // Its own linker may be missing; any LLVM's will do.
        let linker = sysroot("rustc")?.join("lib/rustlib").join(host()?).join("bin/rust-lld");
        linker.is_file().then_some(Toolchain::FromSource { rustc, linker })
    }

    /// What is there, else what rustup can add.
    pub fn find_or_add() -> Result<Toolchain, BuildError> {
        if let Some(found) = Toolchain::find() {
            return Ok(found);
        }
        Command::new("cargo").arg("--version").output().map_err(BuildError::no_cargo)?;
        let added = Command::new("rustup").args(["target", "add", TARGET]).output();
        let said = added.map(|added| String::from_utf8_lossy(&added.stderr).trim().to_owned());
        Toolchain::find().ok_or_else(|| BuildError::NoTarget(said.unwrap_or_default()))
    }

    /// `cargo COMMAND` for the target.
    pub fn cargo(&self, command: &str) -> Command {
        // Cargo says which one it is to what it runs.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
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
    let folder = ask(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

/// The library's sources, if this compiler is new enough for the SDK and brings them.
fn sources(rustc: &Path) -> Option<PathBuf> {
    let version = ask(Command::new(rustc).arg("--version"))?;
    let minor: u32 = version.split('.').nth(1)?.parse().ok()?;
    let wanted: u32 = env!("CARGO_PKG_RUST_VERSION").split('.').nth(1)?.parse().ok()?;
    let library = sysroot(rustc)?.join("lib/rustlib/src/rust/library");
    (minor >= wanted && library.is_dir()).then_some(library)
}

fn sysroot(rustc: impl AsRef<OsStr>) -> Option<PathBuf> {
    ask(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn host() -> Option<String> {
    ask(Command::new("rustc").args(["--print", "host-tuple"]))
}

/// What a program says on its standard output, if it is there and succeeds.
fn ask(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
