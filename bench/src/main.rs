//! Measures what a span costs on its way through a collector, in CPU microseconds.
//!
//! One interleaved run measures the bare wire, a reference relay, Spanloom and the peers found. The bare wire
//! shows what merely sending and receiving the bytes costs. [`plan`] says what is measured, [`measure`] how,
//! and [`report`] what is printed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports to a terminal")]

mod assembly;
mod blast;
mod builtins;
mod export_service;
mod measure;
mod payload;
mod plan;
mod process;
mod raw_codec;
mod receivers;
mod relay;
mod report;
mod sampling;
mod segments;
mod shape;
mod sink;
mod stages;
mod subject;
mod swaps;

use clap::{Parser, Subcommand};

/// The collector's allocator, because the collector's stages are measured in this process.
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

/// The parts of the benchmark. The hidden parts are processes of the run: it starts this binary and sends
/// lines on stdin.
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
    /// Measure what plugins cost in the host's stages, beside the same work done natively.
    Stages(stages::StagesArgs),
    /// Send traces whose ids change, at a rate.
    #[command(hide = true)]
    TraceBlast(sampling::TraceBlastArgs),
    /// Receive kept traces over gRPC, and measure how long they took.
    #[command(hide = true)]
    TraceSink,
    /// Measure what sampling costs, beside the Collector's samplers.
    Sampling(sampling::SamplingArgs),
    /// Measure what holding spans by trace costs, in time and memory.
    Assembly(assembly::AssemblyArgs),
    /// Measure what the built-in exporters cost, beside the same crates run natively.
    Builtins(builtins::BuiltinsArgs),
    /// Measure a request through an empty receiver plugin, beside the same request through `otlp`.
    Receivers(receivers::ReceiversArgs),
    /// Measure what an X-Ray segment costs on its way from UDP to X-Ray, beside the AWS X-Ray daemon.
    Segments(segments::SegmentsArgs),
    /// Measure what replacing a plugin costs the senders. $SPANLOOM_BIN names the binary, $SPANLOOM_PLUGINS
    /// the folder of components.
    Swaps(swaps::SwapsArgs),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.part {
        Some(Part::Blast(args)) => blast::run(args),
        Some(Part::Sink(args)) => sink::run(args),
        Some(Part::Relay(args)) => relay::run(args),
        Some(Part::TraceBlast(args)) => sampling::blast(&args),
        Some(Part::TraceSink) => sampling::sink(),
        Some(Part::Sampling(args)) => sampling::run(&args),
        Some(Part::Stages(args)) => stages::run(&args),
        Some(Part::Assembly(args)) => assembly::run(&args),
        Some(Part::Builtins(args)) => builtins::run(&args),
        Some(Part::Receivers(args)) => receivers::run(&args),
        Some(Part::Segments(args)) => segments::run(&args),
        Some(Part::Swaps(args)) => swaps::run(&args),
        None => plan::run(&cli.run),
    }
}
