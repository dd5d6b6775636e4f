//! Installs packages for Node into the cache: the OpenTelemetry SDK, and the tools that build plugins in
//! JavaScript.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{Ready, debian, once};
use crate::{folders, shell};

/// Installs what `tests/clients/node/package-lock.json` pins; `SPANLOOM_NODE_MODULES` is its `node_modules`.
pub fn install() -> Result<Ready> {
    Ok(vec![("SPANLOOM_NODE_MODULES", modules("node-clients", "tests/clients/node")?)])
}

/// Installs what builds new plugins in JavaScript and TypeScript; `SPANLOOM_NODE_TOOLCHAIN` is its `node_modules`.
pub fn toolchain() -> Result<Ready> {
    Ok(vec![("SPANLOOM_NODE_TOOLCHAIN", modules("node-toolchain", "tests/toolchains/node")?)])
}

/// Returns a `node_modules` in the cache with the packages that the lock file in `source` (a folder of the
/// clone) pins.
pub fn modules(name: &str, source: &str) -> Result<PathBuf> {
    let lock = folders::root().join(source).join("package-lock.json");
    let wanted = fs::read_to_string(&lock).with_context(|| format!("{source}/package-lock.json"))?;
    if shell::ask(Command::new("node").arg("--version")).is_none()
        || shell::ask(Command::new("npm").arg("--version")).is_none()
    {
        debian(&["nodejs", "npm"])?;
    }
    let folder = folders::cache()?.join(name);
    once(&folder, &wanted, || {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(lock.with_file_name(file), folder.join(file))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
        shell::run(npm.current_dir(&folder))
    })?;
    Ok(folder.join("node_modules"))
}
