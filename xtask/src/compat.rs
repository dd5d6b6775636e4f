//! `cargo xtask compat`: builds the Collector and Spanloom, and compares what they do with the same inputs.

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
    let rooms = folders::root().join("tests").join("compat");
    let collector = collector(&rooms.join("collector.yaml"))?;
    let spanloom = spanloom()?;
    shell::run(shell::cargo().args(["build", "--workspace", "--bin", "spanloom-compat"]))?;
    let mut compat = Command::new(folders::target().join("debug").join("spanloom-compat"));
    compat.arg("--collector").arg(collector).arg("--spanloom").arg(spanloom);
    compat.arg("--differences").arg(rooms.join("DIFFERENCES.md"));
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

/// Builds the Collector with the components of the manifest, once, into the cache.
fn collector(manifest: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(manifest)?;
    let folder = folders::cache()?.join(format!("collector-{VERSION}"));
    let binary = folder.join("collector");
    if shell::ask(Command::new("go").arg("version")).is_none() && !binary.exists() {
        bail!(
            "no `go` in the PATH: Go 1.25 or newer, with a module proxy that it reaches, builds the Collector \
             {VERSION} from tests/compat/collector.yaml (once, 10 CPU-minutes)"
        );
    }
    tools::once(&folder, &text, || {
        let work = folder.join("work");
        fs::create_dir_all(&work)?;
        fs::write(work.join("collector.yaml"), &text)?;
        let go = |arguments: &[&str]| {
            let mut go = Command::new("go");
            go.current_dir(&work).args(arguments);
            go
        };
        shell::run(go(&["install", &format!("{BUILDER}@v{VERSION}")]).env("GOBIN", &work))?;
        let mut builder = Command::new(work.join("builder"));
        builder.current_dir(&work).args(["--config", "collector.yaml", "--skip-compilation"]);
        shell::run(&mut builder)?;
        let mut build = go(&["build", "-trimpath", "-ldflags=-s -w", "-o"]);
        build.current_dir(work.join("build")).arg(&binary).arg(".");
        shell::run(build.env("CGO_ENABLED", "0"))?;
        fs::remove_dir_all(&work)?;
        Ok(())
    })?;
    Ok(binary)
}
