//! The plan of the run: its subjects, its loads, and their order.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::blast::Protocol;
use crate::measure::{Load, Timing, measure};
use crate::payload::Payload;
use crate::report::{Memory, Record, Report};
use crate::subject::{PluginSubject, Subject, SubjectKind};

const REQUEST_SPANS: [u32; 2] = [1_000, 100];
const CONNECTIONS: [usize; 2] = [1, 4];

/// From this load average for each core, the run warns that the machine is busy with other work.
const BUSY_LOAD_PER_CORE: f64 = 0.5;

#[derive(Args)]
pub(crate) struct RunArgs {
    /// The `spanloom` binary (a release build)
    #[arg(long, value_name = "PATH")]
    spanloom: Option<PathBuf>,
    /// The folder where `cargo xtask plugins` puts components
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// An OpenTelemetry Collector binary
    #[arg(long, value_name = "PATH")]
    otelcol: Option<PathBuf>,
    /// The `rotel-agent` binary
    #[arg(long, value_name = "PATH")]
    rotel: Option<PathBuf>,
    /// Take about a minute instead of a few: shorter phases, fewer rounds
    #[arg(long)]
    quick: bool,
    /// Measure one protocol only
    #[arg(long)]
    protocol: Option<Protocol>,
    /// How often every subject is measured under every load
    #[arg(long)]
    rounds: Option<u32>,
    /// Requests in flight on each gRPC connection
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// Write every sample as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures every subject that was given, prints the report, and writes the report to a file if asked.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    warn_if_busy();
    let mut report = Report::default();
    for protocol in [Protocol::Grpc, Protocol::Http] {
        if args.protocol.is_none_or(|only| only == protocol) {
            run_protocol(args, protocol, &mut report)?;
        }
    }
    println!("{report}");
    warn_if_busy();
    if let Some(path) = &args.json {
        let json = serde_json::to_vec_pretty(&report)?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

impl RunArgs {
    fn subjects(&self) -> Vec<SubjectKind> {
        let mut subjects = vec![SubjectKind::Wire, SubjectKind::Relay];
        subjects.extend(self.spanloom.clone().map(SubjectKind::Spanloom));
        subjects.extend(self.with_plugins());
        subjects.extend(self.otelcol.clone().map(SubjectKind::Collector));
        subjects.extend(self.rotel.clone().map(SubjectKind::Rotel));
        subjects
    }

    /// Lists the subjects that have plugins in their pipeline.
    ///
    /// The samplers keep every trace, because the sink must receive every accepted span.
    fn with_plugins(&self) -> Vec<SubjectKind> {
        let (Some(spanloom), Some(plugins)) = (&self.spanloom, &self.plugins) else { return Vec::new() };
        [("+ sampler", "[sample]"), ("+ processor", "[redact]"), ("+ both", "[sample, redact]")]
            .map(|(name, processors)| {
                let (spanloom, plugins) = (spanloom.clone(), plugins.clone());
                SubjectKind::Plugins(PluginSubject { name, spanloom, plugins, processors })
            })
            .into()
    }

    fn timing(&self) -> Timing {
        let (warm_up_ms, measured_ms) = if self.quick { (50, 250) } else { (150, 700) };
        Timing { warm_up: Duration::from_millis(warm_up_ms), measured: Duration::from_millis(measured_ms) }
    }

    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 })
    }

    fn loads(&self, protocol: Protocol) -> impl Iterator<Item = Load> {
        let in_flight = self.in_flight;
        REQUEST_SPANS.into_iter().flat_map(move |request_spans| {
            CONNECTIONS.map(|connections| Load { protocol, request_spans, connections, in_flight })
        })
    }
}

/// Starts every subject and measures each under every load, in rounds.
///
/// All subjects are measured under one load before the next load begins. So the figures of one load in one
/// round are taken within seconds of one another.
fn run_protocol(args: &RunArgs, protocol: Protocol, report: &mut Report) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut subjects = start_all(args, protocol, scratch.path());
    for round in 0..args.rounds() {
        for load in args.loads(protocol) {
            eprintln!("round {} of {}: {load}", round + 1, args.rounds());
            subjects.retain_mut(|subject| match measure(subject, load, args.timing()) {
                Ok(sample) => {
                    report.records.push(Record { load, round, subject: subject.name, sample });
                    true
                }
                Err(error) => {
                    eprintln!("{} is out of the run: {error:#}", subject.name);
                    false
                }
            });
            // The order rotates, so that no subject always follows the same neighbour.
            if !subjects.is_empty() {
                subjects.rotate_left(1);
            }
        }
    }
    for subject in &subjects {
        if let Some(process) = &subject.process {
            let peak_rss_bytes = process.peak_rss_bytes()?;
            report.memory.push(Memory { protocol, subject: subject.name, peak_rss_bytes });
        }
    }
    Ok(())
}

/// Returns the subjects that start. Prints the reason for each subject that does not.
fn start_all(args: &RunArgs, protocol: Protocol, scratch: &Path) -> Vec<Subject> {
    let payloads = REQUEST_SPANS.map(Payload::new);
    let kinds = args.subjects().into_iter().filter(|kind| kind.speaks(protocol));
    kinds
        .filter_map(|kind| {
            let started = kind.start(protocol, &payloads, scratch);
            started.inspect_err(|error| eprintln!("{} is not measured: {error:#}", kind.name())).ok()
        })
        .collect()
}

fn warn_if_busy() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = average.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    if last_minute > cores * BUSY_LOAD_PER_CORE {
        eprintln!(
            "the machine is busy (load {last_minute} on {cores} cores): trust CPU time and ratios, not throughput or latency"
        );
    }
}
