//! `cargo xtask run`: builds the binary and starts `spanloom run`.

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{folders, plugins, shell};

#[derive(Args)]
pub struct RunArgs {
    /// Build without optimisation: the build is quicker, the binary slower
    #[arg(long)]
    dev: bool,
    /// Arguments of `spanloom run`; without any, it receives OTLP on 127.0.0.1:4317 and :4318 and shows what
    /// passes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let started = Instant::now();
    plugins::embedded()?;
    let mut build = shell::cargo();
    build.args(["build", "--package", "spanloom"]);
    if !args.dev {
        build.arg("--release");
    }
    shell::run(&mut build)?;
    println!("built in {:.1} s", started.elapsed().as_secs_f64());

    let profile = if args.dev { "debug" } else { "release" };
    let binary = folders::target().join(profile).join("spanloom");
    let mut spanloom = Command::new(&binary);
    spanloom.arg("run").args(&args.args);
    println!("$ {}", shell::line(&spanloom));
    // Ctrl-C reaches both processes; Spanloom drains, and this process waits for it.
    let status = spanloom.status().with_context(|| format!("cannot start {}", binary.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
