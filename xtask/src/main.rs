//! The command `cargo xtask`: runs, tests, measures and fuzzes Spanloom.
#![expect(clippy::print_stdout, reason = "a developer's tool speaks on its standard output")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, ci, compat, deploy, dist, fuzz, plugins, run, test, tidy};

/// Runs, tests and measures Spanloom.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds Spanloom and starts `spanloom run`
    Run(run::RunArgs),
    /// Runs every test: invariants, unit tests, and the binary against real clients
    Test(test::TestArgs),
    /// Measures CPU time a span, beside every peer that can be installed here
    Bench(bench::BenchArgs),
    /// Compares Spanloom with the Collector: same configs, same bytes, same results
    Compat(compat::CompatArgs),
    /// Checks what `deploy/` has with podman, Kubernetes, helm, systemd and others, as far as they are here
    Deploy(deploy::DeployArgs),
    /// Makes the files of a release: tarball, Debian package, wheel, npm packages, image, SBOM, checksums
    Dist(dist::DistArgs),
    /// Fuzzes the wire reader
    Fuzz(fuzz::FuzzArgs),
    /// Builds every plugin that changed, as a component in target/plugins
    Plugins(plugins::PluginsArgs),
    /// Checks the invariants of the source tree
    Tidy,
    /// Runs the checks that a change must pass: format, lints, licences, tests, docs
    Ci,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Run(args) => run::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Compat(args) => compat::run(&args),
        Task::Deploy(args) => deploy::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Plugins(args) => plugins::run(&args),
        Task::Tidy => tidy::run(),
        Task::Ci => ci::run(),
    };
    done.unwrap_or_else(|error| {
        println!("error: {error:#}");
        ExitCode::FAILURE
    })
}
