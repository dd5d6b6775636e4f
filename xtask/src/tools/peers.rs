//! Installs other collectors to measure against. Both are optional.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use super::once;
use crate::{folders, shell};

const ROTEL: &str = "rotel==0.0.1a15";

/// Installs Rotel's agent from the wheel on PyPI.
pub fn rotel() -> Result<PathBuf> {
    let folder = folders::cache()?.join("rotel");
    once(&folder, ROTEL, || {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--pre"]);
        shell::run(pip.args(["--no-deps", "--target"]).arg(&folder).arg(ROTEL))
    })?;
    Ok(folder.join("rotel").join("rotel-agent"))
}

/// Builds a stock OpenTelemetry Collector with the script `otelcol/build.sh`.
///
/// The script is looked for in `$SPANLOOM_PEERS`, else in `../shared/peers`, beside the clone.
pub fn collector() -> Result<PathBuf> {
    let peers =
        env::var_os("SPANLOOM_PEERS").map_or_else(|| folders::root().join("../shared/peers"), PathBuf::from);
    let script = peers.join("otelcol/build.sh");
    if !script.exists() {
        bail!("no otelcol/build.sh in {}: set SPANLOOM_PEERS to a folder that has one", peers.display());
    }
    let folder = folders::cache()?.join("otelcol");
    once(&folder, &fs::read_to_string(&script)?, || {
        shell::run(Command::new("bash").arg(&script).arg(&folder))
    })?;
    Ok(folder.join("otelcol"))
}
