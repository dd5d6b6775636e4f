//! `cargo xtask fuzz`: runs the fuzz targets of the wire reader.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::Args;

use crate::{folders, shell, tools};

#[derive(Args)]
pub struct FuzzArgs {
    /// The target to run; without it, every target runs, one after another
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub fn run(args: &FuzzArgs) -> Result<ExitCode> {
    if !folders::root().join("wire/fuzz").exists() {
        bail!("there is no wire/fuzz yet");
    }
    let cargo_fuzz = tools::cargo_tool("cargo-fuzz", "0.13.2")?;
    let in_wire = |task: &str| {
        let mut fuzz = Command::new(&cargo_fuzz);
        // libFuzzer needs coverage flags that are unstable; this variable allows them on the stable compiler.
        fuzz.current_dir(folders::root().join("wire")).env("RUSTC_BOOTSTRAP", "1").arg(task);
        fuzz
    };
    let targets = match &args.target {
        Some(target) => vec![target.clone()],
        None => {
            let listed = shell::ask(&mut in_wire("list")).unwrap_or_default();
            listed.lines().map(str::to_owned).collect()
        }
    };
    if targets.is_empty() {
        bail!("no fuzz targets in wire/fuzz");
    }
    for target in targets {
        let limit = format!("-max_total_time={}", args.seconds);
        let mut run = in_wire("run");
        run.args(["--sanitizer", "none", "--target-dir"]).arg(folders::target().join("fuzz"));
        shell::run(run.args([&target, "--", &limit]))?;
    }
    Ok(ExitCode::SUCCESS)
}
