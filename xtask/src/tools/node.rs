//! The OpenTelemetry SDK for Node, in a folder of the project's own.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use super::{Ready, debian, once};
use crate::{folders, shell};

/// `SPANLOOM_NODE_MODULES`: a `node_modules` with what `tests/clients/node/package-lock.json` pins.
pub fn install() -> Result<Ready> {
    let source = folders::root().join("tests/clients/node");
    let lock = fs::read_to_string(source.join("package-lock.json"))
        .context("tests/clients/node/package-lock.json")?;
    if shell::ask(Command::new("node").arg("--version")).is_none()
        || shell::ask(Command::new("npm").arg("--version")).is_none()
    {
        debian(&["nodejs", "npm"])?;
    }
    let folder = folders::cache()?.join("node-clients");
    once(&folder, &lock, || {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), folder.join(file))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
        shell::run(npm.current_dir(&folder))
    })?;
    Ok(vec![("SPANLOOM_NODE_MODULES", folder.join("node_modules"))])
}
