//! `cargo xtask compat`: builds the Collector, the judge of scrapes and Spanloom, and compares what the Collector and
//! Spanloom do with the same inputs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{folders, plugins, shell, tools};

/// The Collector's version, and that of the program which builds it.
const VERSION: &str = "0.161.0";
const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder";

#[derive(Args)]
pub struct CompatArgs {
    /// Show the whole of what differs, not its first characters
    #[arg(long)]
    full: bool,
    /// Compare only these topics, such as `http` or `otlp_json`
    topics: Vec<String>,
}

pub fn run(args: &CompatArgs) -> Result<ExitCode> {
    let rooms = rooms();
    let collector = collector()?;
    let promcheck = promcheck(&rooms.join("promcheck"))?;
    let spanloom = spanloom()?;
    shell::run(shell::cargo().args(["build", "--workspace", "--bin", "spanloom-compat"]))?;
    let mut compat = Command::new(folders::target().join("debug").join("spanloom-compat"));
    compat.arg("--collector").arg(collector).arg("--spanloom").arg(spanloom);
    compat.arg("--promcheck").arg(promcheck).arg("--differences").arg(rooms.join("DIFFERENCES.md"));
    if args.full {
        compat.arg("--full");
    }
    println!("$ {}", shell::line(&compat));
    let status = compat.args(&args.topics).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns `$SPANLOOM_BIN`, else builds the binary from this tree, without optimisation.
fn spanloom() -> Result<PathBuf> {
    if let Some(given) = env::var_os("SPANLOOM_BIN") {
        return Ok(PathBuf::from(given));
    }
    plugins::embedded()?;
    shell::run(shell::cargo().args(["build", "--workspace", "--bin", "spanloom"]))?;
    Ok(folders::target().join("debug").join("spanloom"))
}

fn rooms() -> PathBuf {
    folders::root().join("tests").join("compat")
}

/// Builds the Collector with the components of `tests/compat/collector.yaml`, once, into the cache.
pub fn collector() -> Result<PathBuf> {
    let text = fs::read_to_string(rooms().join("collector.yaml"))?;
    let folder = folders::cache()?.join(format!("collector-{VERSION}"));
    let binary = folder.join("collector");
    check_go(&binary, "the Collector from tests/compat/collector.yaml (once, 10 CPU-minutes)")?;
    tools::once(&folder, &text, || {
        let work = folder.join("work");
        fs::create_dir_all(&work)?;
        fs::write(work.join("collector.yaml"), &text)?;
        shell::run(go(&work).args(["install", &format!("{BUILDER}@v{VERSION}")]).env("GOBIN", &work))?;
        let mut builder = Command::new(work.join("builder"));
        builder.current_dir(&work).args(["--config", "collector.yaml", "--skip-compilation"]);
        shell::run(&mut builder)?;
        go_build(&work.join("build"), &binary)?;
        fs::remove_dir_all(&work)?;
        Ok(())
    })?;
    Ok(binary)
}

/// Builds the program that judges scrapes, once for each version of its source, into the cache.
fn promcheck(source: &Path) -> Result<PathBuf> {
    let module = fs::read_to_string(source.join("go.mod"))?;
    let program = fs::read_to_string(source.join("main.go"))?;
    let folder = folders::cache()?.join("promcheck");
    let binary = folder.join("promcheck");
    check_go(&binary, "Prometheus' parsers from tests/compat/promcheck (once, 1 CPU-minute)")?;
    tools::once(&folder, &(module.clone() + &program), || {
        let work = folder.join("work");
        fs::create_dir_all(&work)?;
        fs::write(work.join("go.mod"), &module)?;
        fs::write(work.join("main.go"), &program)?;
        go_build(&work, &binary)?;
        fs::remove_dir_all(&work)?;
        Ok(())
    })?;
    Ok(binary)
}

/// Fails if there is neither Go nor what it would build.
fn check_go(binary: &Path, what: &str) -> Result<()> {
    if binary.exists() || shell::ask(Command::new("go").arg("version")).is_some() {
        return Ok(());
    }
    bail!("no `go` in the PATH: Go 1.25 or newer, with a module proxy that it reaches, builds {what}")
}

fn go(folder: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder);
    go
}

/// Builds a program. The modules that its `go.mod` does not name are added to it, at the versions that the named
/// ones ask for.
fn go_build(folder: &Path, binary: &Path) -> Result<()> {
    let mut build = go(folder);
    build.args(["build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o"]).arg(binary).arg(".");
    shell::run(build.env("CGO_ENABLED", "0"))
}
