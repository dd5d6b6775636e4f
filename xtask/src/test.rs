//! `cargo xtask test`: runs every test.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    folders, libtest, plugins, shell,
    summary::{Outcome, Summary},
    tidy,
    tools::{self, back_ends, node, python, xray},
};

#[derive(Args)]
pub struct TestArgs {
    /// Run only tests whose name contains one of these
    filters: Vec<String>,
}

pub fn run(args: &TestArgs) -> Result<ExitCode> {
    let mut summary = Summary::default();
    plugins::builtins(&mut summary);
    steps(&mut summary, &args.filters);
    Ok(summary.finish())
}

/// Installs a tool on this machine and returns the environment variables by which tests find it.
type Install = fn() -> Result<tools::Ready>;

/// Runs every test, as steps of a longer run.
pub fn steps(summary: &mut Summary, filters: &[String]) {
    summary.step("invariants of the source tree", tidy::check);
    summary.step("the plugin interface, by wasm-tools", || {
        match python::environment("wasm-tools", "wit/requirements.txt") {
            Ok(programs) => {
                let mut check = Command::new(folders::root().join("wit").join("check.sh"));
                shell::run(check.env("WASM_TOOLS", programs.join("wasm-tools")))?;
                Ok(Outcome::READY)
            }
            Err(error) => Ok(Outcome::skipped(format!("{error:#}"))),
        }
    });
    let mut environment = Vec::new();
    let installs: [(_, Install); 9] = [
        ("Python clients", python::install),
        ("Node clients", node::install),
        ("tools of new plugins in Python and C", python::toolchains),
        ("tools of new plugins in JavaScript", node::toolchain),
        ("moto and a traced application", back_ends::moto),
        ("Prometheus", back_ends::prometheus),
        ("the X-Ray SDK for Node", xray::node),
        ("the X-Ray SDK for Go", xray::go),
        ("the X-Ray SDK for Java", xray::java),
    ];
    for (name, install) in installs {
        summary.step(name, || match install() {
            Ok(ready) => {
                environment.extend(ready);
                Ok(Outcome::READY)
            }
            Err(error) => Ok(Outcome::skipped(format!("{error:#}"))),
        });
    }
    plugins::steps(summary);
    // Every test command selects the same packages. Another selection would have other features and be
    // rebuilt.
    summary.step("build", || {
        shell::run(shell::cargo().args(["test", "--workspace", "--no-run"]))?;
        Ok(Outcome::READY)
    });
    summary.step("tests", || {
        let binary = folders::target().join("debug").join("spanloom");
        let binary = binary.canonicalize().with_context(|| format!("no {}", binary.display()))?;
        let mut tests = shell::cargo();
        tests.args(["test", "--workspace", "--no-fail-fast", "--"]).args(filters);
        tests.env("SPANLOOM_PLUGINS", plugins::folder());
        libtest::run(tests.env("SPANLOOM_BIN", binary).envs(environment.iter().cloned()))
    });
}
