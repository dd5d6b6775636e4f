//! `cargo xtask bench`: builds a release binary and runs every benchmark with it.

use std::{
    env,
    process::{Command, ExitCode},
};

use anyhow::Result;
use clap::Args;

use crate::{compat, folders, plugins, shell, tools::peers};

/// Names the binary of the AWS X-Ray daemon, which no registry has.
const X_RAY_DAEMON: &str = "SPANLOOM_XRAY_DAEMON";

#[derive(Args)]
pub struct BenchArgs {
    /// Arguments of the benchmark itself, such as `--quick`. Behind `sampling` they are those of the benchmark of samplers,
    /// which runs alone, beside the Collector of `cargo xtask compat`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub fn run(args: &BenchArgs) -> Result<ExitCode> {
    if let Some(("sampling", args)) = args.args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return sampling(args);
    }
    plugins::run(&plugins::PluginsArgs::default())?;
    build()?;
    shell::run(bench().args(["stages", "--plugins"]).arg(plugins::folder()))?;
    shell::run(bench().arg("assembly"))?;
    shell::run(bench().args(["builtins", "--plugins"]).arg(plugins::folder()))?;
    let binary = folders::target().join("release").join("spanloom");
    shell::run(bench().arg("receivers").arg("--spanloom").arg(&binary))?;
    let mut segments = bench();
    segments.arg("segments").arg("--spanloom").arg(&binary);
    if let Some(daemon) = env::var_os(X_RAY_DAEMON) {
        segments.arg("--daemon").arg(daemon);
    }
    shell::run(&mut segments)?;
    let mut swaps = bench();
    swaps.arg("swaps").env("SPANLOOM_BIN", &binary).env("SPANLOOM_PLUGINS", plugins::folder());
    shell::run(&mut swaps)?;
    let mut bench = bench();
    bench.arg("--plugins").arg(plugins::folder());
    bench.arg("--spanloom").arg(binary);
    for (flag, peer) in [("--rotel", peers::rotel()), ("--otelcol", peers::collector())] {
        match peer {
            Ok(binary) => {
                bench.arg(flag).arg(binary);
            }
            Err(error) => println!("measured without {}: {error:#}", flag.trim_start_matches('-')),
        }
    }
    shell::run(bench.args(&args.args))?;
    Ok(ExitCode::SUCCESS)
}

/// Measures the samplers.
fn sampling(args: &[String]) -> Result<ExitCode> {
    plugins::embedded()?;
    build()?;
    let mut bench = bench();
    bench.arg("sampling").arg("--spanloom").arg(folders::target().join("release").join("spanloom"));
    if !args.iter().any(|arg| arg == "--alone") {
        bench.arg("--otelcol").arg(compat::collector()?);
    }
    shell::run(bench.args(args))?;
    Ok(ExitCode::SUCCESS)
}

fn build() -> Result<()> {
    let mut build = shell::cargo();
    build.args(["build", "--release", "--package", "spanloom", "--package", "spanloom-bench"]);
    shell::run(&mut build)
}

fn bench() -> Command {
    let mut bench = shell::cargo();
    bench.args(["run", "--quiet", "--release", "--package", "spanloom-bench", "--"]);
    bench
}
