//! Builds, once, what the checks of `deploy/` need of Kubernetes: an API server with its etcd, and helm.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use super::{Ready, once};
use crate::{folders, shell};

const HELM: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";

/// Builds the API server with the script `kubernetes/build.sh`: `SPANLOOM_KUBERNETES` names the folder.
///
/// The script is looked for in `$SPANLOOM_PEERS`, else in `../shared/peers`, beside the clone. `start.sh` beside it
/// starts what it builds.
pub fn kubernetes() -> Result<Ready> {
    let peers =
        env::var_os("SPANLOOM_PEERS").map_or_else(|| folders::root().join("../shared/peers"), PathBuf::from);
    let (build, start) = (peers.join("kubernetes/build.sh"), peers.join("kubernetes/start.sh"));
    if !build.exists() {
        bail!("no kubernetes/build.sh in {}: set SPANLOOM_PEERS to a folder that has one", peers.display());
    }
    let folder = folders::cache()?.join("kubernetes");
    once(&folder, &fs::read_to_string(&build)?, || {
        shell::run(Command::new("bash").arg(&build).arg(&folder))?;
        fs::copy(&start, folder.join("start.sh"))?;
        Ok(())
    })?;
    Ok(vec![("SPANLOOM_KUBERNETES", folder)])
}

/// Finds helm in the PATH, or builds it: `SPANLOOM_HELM`.
pub fn helm() -> Result<Ready> {
    if shell::ask(Command::new("helm").arg("version")).is_some() {
        return Ok(vec![("SPANLOOM_HELM", PathBuf::from("helm"))]);
    }
    let folder = folders::cache()?.join("helm");
    once(&folder, HELM, || shell::run(Command::new("go").args(["install", HELM]).env("GOBIN", &folder)))?;
    Ok(vec![("SPANLOOM_HELM", folder.join("helm"))])
}
