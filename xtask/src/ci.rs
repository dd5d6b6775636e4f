//! `cargo xtask ci`: the checks that every change must pass.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{
    folders, plugins, shell,
    summary::{Outcome, Summary},
    test, tools,
};

pub fn run() -> Result<ExitCode> {
    let mut summary = Summary::default();
    summary.step("format", || check(shell::cargo().args(["fmt", "--all", "--check"])));
    plugins::builtins(&mut summary);
    summary.step("lints", || {
        check(shell::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    summary.step("licences, bans and sources of dependencies", dependencies);
    test::steps(&mut summary, &[]);
    summary.step("docs", || {
        let mut doc = shell::cargo();
        doc.args(["doc", "--workspace", "--no-deps"]);
        check(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    Ok(summary.finish())
}

fn check(command: &mut Command) -> Result<Outcome> {
    shell::run(command)?;
    Ok(Outcome::PASSED)
}

fn dependencies() -> Result<Outcome> {
    let deny = match tools::cargo_tool("cargo-deny", "0.20.2") {
        Ok(deny) => deny,
        Err(error) => return Ok(Outcome::skipped(format!("no cargo-deny: {error:#}"))),
    };
    // cargo-deny reads the manifests of every platform's dependencies. The build fetches only this
    // platform's.
    shell::run(shell::cargo().args(["fetch", "--locked"]))?;
    let mut command = Command::new(deny);
    command.current_dir(folders::root());
    // Advisories are not checked: a build machine may have no way to fetch them.
    check(command.args(["--offline", "--workspace", "check", "licenses", "bans", "sources"]))
}
