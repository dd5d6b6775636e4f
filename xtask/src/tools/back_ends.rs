//! Installs the back ends that the tests send to.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{Ready, once, python};
use crate::{folders, shell};

/// Installs moto's server, which offers X-Ray, and an interpreter for the traced application.
///
/// `SPANLOOM_MOTO` names the server, `SPANLOOM_SHOP` the interpreter.
pub fn moto() -> Result<Ready> {
    let moto = python::environment("moto", "tests/back_ends/requirements.txt")?;
    let shop = python::environment("shop", "tests/clients/shop/requirements.txt")?;
    Ok(vec![("SPANLOOM_MOTO", moto.join("moto_server")), ("SPANLOOM_SHOP", shop.join("python"))])
}

/// Finds or installs Prometheus: `SPANLOOM_PROMETHEUS` and `SPANLOOM_PROMTOOL`.
///
/// The user's own programs are used if both are in the PATH. Otherwise Debian's package is unpacked into the
/// cache; installing the package would start a server.
pub fn prometheus() -> Result<Ready> {
    let [prometheus, promtool] = ["prometheus", "promtool"].map(in_path);
    let (prometheus, promtool) = match (prometheus, promtool) {
        (Some(prometheus), Some(promtool)) => (prometheus, promtool),
        _ => unpacked()?,
    };
    Ok(vec![("SPANLOOM_PROMETHEUS", prometheus), ("SPANLOOM_PROMTOOL", promtool)])
}

fn in_path(program: &str) -> Option<PathBuf> {
    shell::ask(Command::new(program).arg("--version")).map(|_| PathBuf::from(program))
}

fn unpacked() -> Result<(PathBuf, PathBuf)> {
    if shell::ask(Command::new("apt-get").arg("--version")).is_none() {
        bail!("no prometheus and promtool in the PATH, and no Debian to install them from");
    }
    let folder = folders::cache()?.join("prometheus");
    once(&folder, "Debian's package", || {
        let download = || {
            shell::run(Command::new("apt-get").args(["-qq", "download", "prometheus"]).current_dir(&folder))
        };
        if download().is_err() {
            shell::run(Command::new("apt-get").args(["-qq", "update"]))?;
            download()?;
        }
        let package = package_in(&folder)?;
        shell::run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&folder))?;
        Ok(fs::remove_file(package)?)
    })?;
    let programs = folder.join("usr/bin");
    Ok((programs.join("prometheus"), programs.join("promtool")))
}

fn package_in(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut packages = files.filter(|file| file.extension().is_some_and(|extension| extension == "deb"));
    packages.next().context("apt-get downloaded no package")
}
