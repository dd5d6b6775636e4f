//! Makes virtual environments of Python: one with the OpenTelemetry SDK, and one for each tool that is a
//! Python package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Ready, debian, once};
use crate::{folders, shell};

/// Makes an environment with the packages that `tests/clients/python/requirements.txt` pins;
/// `SPANLOOM_PYTHON` is its interpreter.
pub fn install() -> Result<Ready> {
    let programs = environment("python-clients", "tests/clients/python/requirements.txt")?;
    Ok(vec![("SPANLOOM_PYTHON", programs.join("python"))])
}

/// Makes the environments that build new plugins in Python, C and C++: those of the examples in these languages.
pub fn toolchains() -> Result<Ready> {
    let folder = |name, language: &str| {
        let programs = environment(name, &format!("examples/plugins/{language}/requirements.txt"))?;
        Ok::<_, anyhow::Error>(programs.parent().map_or_else(|| programs.clone(), Path::to_owned))
    };
    Ok(vec![
        ("SPANLOOM_PYTHON_TOOLCHAIN", folder("plugins-python", "python")?),
        ("SPANLOOM_C_TOOLCHAIN", folder("plugins-c", "c")?),
    ])
}

/// Makes an environment in the cache with the packages that `requirements` (a path in the clone) pins.
///
/// Returns the environment's folder of programs.
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

/// Creates a virtual environment.
///
/// Debian packages `ensurepip` apart from Python. Without `ensurepip`, the environment is made without pip,
/// and the system's own pip fills it.
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
