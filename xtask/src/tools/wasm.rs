//! Finds or installs a Rust toolchain for `wasm32-unknown-unknown`, with which plugins are compiled.

use anyhow::{Context, Result};
use spanloom_plugin_build::Toolchain;

use super::debian;

/// Finds the target or installs it with rustup, or else from Debian's packages (rustup may not reach its
/// server).
pub fn install() -> Result<Toolchain> {
    if let Ok(toolchain) = Toolchain::find_or_add() {
        return Ok(toolchain);
    }
    debian(&["rustc-web", "rust-web-src"])?;
    Toolchain::find()
        .context("Debian's rustc-web came without its standard library's sources, or rustc without rust-lld")
}
