//! Virtual environments of Python: the OpenTelemetry SDK's, and those of toolchains that come as Python packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Ready, debian, once};
use crate::{folders, shell};

/// `SPANLOOM_PYTHON`: an interpreter that has the packages of `tests/clients/python/requirements.txt`.
pub fn install() -> Result<Ready> {
    let programs = environment("python-clients", "tests/clients/python/requirements.txt")?;
    Ok(vec![("SPANLOOM_PYTHON", programs.join("python"))])
}

/// An environment in the cache with what `requirements` (a path in the clone) pins; answers its folder of programs.
pub fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let file = folders::root().join(requirements);
    let wanted = fs::read_to_string(&file).with_context(|| requirements.to_owned())?;
    let folder = folders::cache()?.join(name);
    let programs = folder.join("bin");
    once(&folder, &wanted, || {
        create(&folder)?;
        let interpreter = programs.join("python");
        let mut pip = Command::new("python3");
        if programs.join("pip").exists() {
            pip = Command::new(&interpreter);
            pip.args(["-m", "pip"]);
        } else {
            pip.args(["-m", "pip", "--python"]).arg(&interpreter);
        }
        pip.args(["install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"]);
        shell::run(pip.arg(&file))
    })?;
    Ok(programs)
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
