//! `cargo xtask deploy`: checks the files of `deploy/` with the programs that read them: podman, a Kubernetes API server,
//! helm, compose, systemd, dpkg, pip, npm, promtool and AWS's own model.
//!
//! Each check is a script in `deploy/check/`, which is given the binary. It ends with 3 where this machine lacks a
//! program; its last line names the program.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    folders, plugins, shell,
    summary::{Outcome, Summary},
    tools::{self, back_ends, cluster},
};

/// The checks, in the order in which they run.
const CHECKS: [&str; 10] =
    ["tarball", "debian", "wheel", "npm", "image", "compose", "systemd", "aws", "kubernetes", "helm"];

/// The exit code of a script that cannot run here.
const LACKS_A_PROGRAM: i32 = 3;

#[derive(Args)]
pub struct DeployArgs {
    /// Run only these: tarball, debian, wheel, npm, image, compose, systemd, aws, kubernetes, helm
    checks: Vec<String>,
}

pub fn run(args: &DeployArgs) -> Result<ExitCode> {
    if let Some(unknown) = args.checks.iter().find(|check| !CHECKS.contains(&check.as_str())) {
        bail!("no check is called {unknown}; there are {}", CHECKS.join(", "));
    }
    let binary = binary()?;
    let mut summary = Summary::default();
    for check in CHECKS {
        if args.checks.is_empty() || args.checks.iter().any(|wanted| wanted == check) {
            let variables = programs(check);
            summary.step(check, || script(check, &binary, &variables));
        }
    }
    Ok(summary.finish())
}

/// Installs the programs that a check needs, and returns the variables by which its script finds them. What cannot be
/// installed is left to the script, which says what it lacks.
fn programs(check: &str) -> tools::Ready {
    let installs: &[fn() -> Result<tools::Ready>] = match check {
        "compose" => &[back_ends::prometheus],
        "aws" => &[back_ends::moto],
        "kubernetes" => &[cluster::kubernetes],
        "helm" => &[cluster::kubernetes, cluster::helm],
        _ => &[],
    };
    let mut variables = Vec::new();
    for install in installs {
        match install() {
            Ok(ready) => variables.extend(ready),
            Err(error) => println!("{error:#}"),
        }
    }
    variables
}

/// Returns `$SPANLOOM_BIN`, else builds the binary from this tree.
fn binary() -> Result<PathBuf> {
    if let Some(given) = env::var_os("SPANLOOM_BIN") {
        return Ok(PathBuf::from(given));
    }
    plugins::embedded()?;
    shell::run(shell::cargo().args(["build", "--package", "spanloom", "--release"]))?;
    Ok(folders::target().join("release").join("spanloom"))
}

fn script(check: &str, binary: &Path, variables: &[(&'static str, PathBuf)]) -> Result<Outcome> {
    let path = folders::root().join("deploy").join("check").join(format!("{check}.sh"));
    let mut command = Command::new(&path);
    command.arg(binary).envs(variables.iter().cloned()).stdin(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("cannot start {}", path.display()))?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or_default();
    match output.status.code() {
        Some(0) => Ok(Outcome::PASSED),
        Some(LACKS_A_PROGRAM) => Ok(Outcome::skipped(last)),
        _ => bail!("{}", said.trim()),
    }
}
