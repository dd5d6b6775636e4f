//! The OpenTelemetry SDK for Python, in a virtual environment of the project's own.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{Ready, debian, once};
use crate::{folders, shell};

/// `SPANLOOM_PYTHON`: an interpreter that has the packages of `tests/clients/python/requirements.txt`.
pub fn install() -> Result<Ready> {
    let requirements = folders::root().join("tests/clients/python/requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("tests/clients/python/requirements.txt")?;
    let folder = folders::cache()?.join("python-clients");
    let interpreter = folder.join("bin").join("python");
    once(&folder, &wanted, || {
        create(&folder)?;
        let mut pip = Command::new("python3");
        if interpreter.with_file_name("pip").exists() {
            pip = Command::new(&interpreter);
            pip.args(["-m", "pip"]);
        } else {
            pip.args(["-m", "pip", "--python"]).arg(&interpreter);
        }
        pip.args(["install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"]);
        shell::run(pip.arg(&requirements))
    })?;
    Ok(vec![("SPANLOOM_PYTHON", interpreter)])
}

/// Debian splits `ensurepip` off from Python; the system's own pip can fill an environment that has none.
fn create(folder: &Path) -> Result<()> {
    let venv = |without_pip: &[&str]| {
        shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).args(without_pip).arg(folder))
    };
    if venv(&[]).is_ok() {
        return Ok(());
    }
    if shell::ask(Command::new("python3").args(["-m", "pip", "--version"])).is_some() {
        return venv(&["--without-pip"]);
    }
    debian(&["python3-venv"])?;
    venv(&[])
}
