//! What a span costs on its way through a collector, in CPU-µs, beside what merely sending and
//! receiving its bytes costs: one interleaved run over the bare wire, a reference relay, Spanloom
//! and the peers found. Read [`plan`] for what is measured, [`measure`] for how, [`report`] for
//! what is printed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports to a terminal")]

mod blast;
mod builtins;
mod export_service;
mod measure;
mod payload;
mod plan;
mod process;
mod raw_codec;
mod relay;
mod report;
mod shape;
mod sink;
mod stages;
mod subject;
mod swaps;

use clap::{Parser, Subcommand};

/// That of the collector, whose stages are measured in this process.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    run: plan::RunArgs,
}

/// The run's own processes: the same binary, started by the run, driven by lines on its stdin.
#[derive(Subcommand)]
enum Part {
    /// Send one fixed request again and again, in a closed loop.
    #[command(hide = true)]
    Blast(blast::BlastArgs),
    /// Receive OTLP over gRPC and HTTP, and count spans.
    #[command(hide = true)]
    Sink(sink::SinkArgs),
    /// Pass OTLP/gRPC on in batches, with nothing but stock tonic.
    #[command(hide = true)]
    Relay(relay::RelayArgs),
    /// What plugins cost in the host's stages, beside the same work natively.
    Stages(stages::StagesArgs),
    /// What the built-in exporters cost, beside the same crates natively.
    Builtins(builtins::BuiltinsArgs),
    /// What replacing a plugin costs those who send. The binary is $SPANLOOM_BIN, components are in $SPANLOOM_PLUGINS.
    Swaps(swaps::SwapsArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.part {
        Some(Part::Blast(args)) => blast::run(args),
        Some(Part::Sink(args)) => sink::run(args),
        Some(Part::Relay(args)) => relay::run(args),
        Some(Part::Stages(args)) => stages::run(&args),
        Some(Part::Builtins(args)) => builtins::run(&args),
        Some(Part::Swaps(args)) => swaps::run(&args),
        None => plan::run(&cli.run),
    }
}
