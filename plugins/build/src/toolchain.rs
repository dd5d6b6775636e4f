//! Finds a Rust toolchain for plugins.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::BuildError;

/// The target that plugins are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The path of Debian's `rustc-web`.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// The source of the target's standard library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The library is installed beside our toolchain.
    Installed,
    /// The library is compiled from the sources of another compiler, by that compiler.
    FromSource { rustc: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// Returns the toolchain that is present. Installs nothing.
    pub fn find() -> Option<Toolchain> {
        if is_installed() {
            return Some(Toolchain::Installed);
        }
        let rustc = PathBuf::from(DEBIAN_RUSTC);
        sources(&rustc)?;
        // That compiler's own linker may be missing, and the linker of any LLVM works.
        let linker = sysroot("rustc")?.join("lib/rustlib").join(host()?).join("bin/rust-lld");
        linker.is_file().then_some(Toolchain::FromSource { rustc, linker })
    }

    /// Returns the toolchain that is present, else adds the target with rustup.
    pub fn find_or_add() -> Result<Toolchain, BuildError> {
        if let Some(found) = Toolchain::find() {
            return Ok(found);
        }
        Command::new("cargo").arg("--version").output().map_err(BuildError::no_cargo)?;
        let added = Command::new("rustup").args(["target", "add", TARGET]).output();
        let said = added.map(|added| String::from_utf8_lossy(&added.stderr).trim().to_owned());
        Toolchain::find().ok_or_else(|| BuildError::NoTarget(said.unwrap_or_default()))
    }

    /// Returns `cargo COMMAND` for the target.
    pub fn cargo(&self, command: &str) -> Command {
        // Cargo sets `CARGO` to its own path for programs that it runs.
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([command, "--target", TARGET]);
        if let Toolchain::FromSource { rustc, linker } = self {
            // The bootstrap flag allows a stable compiler to build the standard library.
            cargo.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", rustc);
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }
}

/// Returns the folder in which cargo keeps the sources of other crates: `$CARGO_HOME`, else `.cargo` in the user's home.
/// Returns `None` if neither is known.
pub fn cargo_home() -> Option<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("CARGO_HOME").or_else(|| Some(given("HOME")?.join(".cargo")))
}

fn is_installed() -> bool {
    let folder = ask(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Returns the library's sources, if this compiler has them and is new enough for the SDK.
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

/// Returns the standard output of a program, if it exists and succeeds.
fn ask(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
