//! Measures what sampling costs, beside the Collector: `tail_sampling` with two policies that keep a fifth of the traces,
//! and `probabilistic_sampler` at 5 %.
//!
//! Traces of ten spans come at a rate, each in two requests. Both processes are measured in turns, in one run. A span
//! costs what the process needs from the socket to the socket, what is kept included.

mod report;
mod sender;
mod sink;
mod subject;
mod traffic;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;

use crate::process::Part;
use report::{Report, Sample};
use sender::SentTraces;
use sink::CameTraces;
use subject::{Kind, Sampler, Subject};
use traffic::TRACE_SPANS;

pub(crate) use sender::{TraceBlastArgs, run as blast};
pub(crate) use sink::run as sink;

/// How long traces are held while it is measured how many spans a process takes.
const FULL_WAIT_SECS: u64 = 1;
const FULL_SECS: u64 = 8;
/// From the end of the wait until it is measured.
const SETTLE: Duration = Duration::from_secs(3);
const SECOND: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct SamplingArgs {
    /// The `spanloom` binary (a release build)
    #[arg(long, value_name = "PATH")]
    spanloom: PathBuf,
    /// An OpenTelemetry Collector binary with `tail_sampling` and `probabilistic_sampler`
    #[arg(long, value_name = "PATH")]
    otelcol: Option<PathBuf>,
    /// Measure Spanloom only
    #[arg(long)]
    alone: bool,
    /// Spans a second, in traces of ten
    #[arg(long, default_value_t = 40_000)]
    rate: u64,
    /// How many seconds traces are held: `decision_wait`
    #[arg(long, default_value_t = 10)]
    wait: u64,
    /// How many seconds are measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Write every sample as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, prints the table, and writes the samples to a file if asked.
pub(crate) fn run(args: &SamplingArgs) -> anyhow::Result<()> {
    let mut kinds = vec![Kind::Spanloom(args.spanloom.clone())];
    kinds.extend(args.otelcol.clone().filter(|_| !args.alone).map(Kind::Collector));
    let mut report = Report { rate: args.rate, wait_secs: args.wait, span_bytes: 0.0, samples: Vec::new() };
    for round in 1..=args.rounds {
        for sampler in [Sampler::Tail, Sampler::Probabilistic] {
            for kind in &kinds {
                eprintln!("round {round} of {}: {} of {}", args.rounds, sampler.id(), kind.name());
                let sample = measure(args, kind, sampler, &mut report.span_bytes);
                report.samples.push(sample.with_context(|| format!("{} of {}", sampler.id(), kind.name()))?);
            }
        }
    }
    println!("{report}");
    if let Some(path) = &args.json {
        let json = serde_json::to_vec_pretty(&report)?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Measures one process at the rate, and another one at full load.
fn measure(
    args: &SamplingArgs,
    kind: &Kind,
    sampler: Sampler,
    span_bytes: &mut f64,
) -> anyhow::Result<Sample> {
    let mut sample = at_rate(args, kind, sampler, span_bytes)?;
    let mut full = Subject::start(kind, sampler, FULL_WAIT_SECS)?;
    let (mut blast, _) = start_blast(&full, 0)?;
    send(&mut blast, SECOND * 2)?;
    let sent = send(&mut blast, SECOND * u32::try_from(FULL_SECS)?)?;
    sample.full_spans_per_s = sent.spans as f64 * 1e6 / sent.elapsed_us as f64;
    sample.failed_requests += sent.failed_requests;
    full.came()?;
    Ok(sample)
}

fn at_rate(
    args: &SamplingArgs,
    kind: &Kind,
    sampler: Sampler,
    span_bytes: &mut f64,
) -> anyhow::Result<Sample> {
    let wait_secs = if sampler == Sampler::Tail { args.wait } else { 0 };
    let mut subject = Subject::start(kind, sampler, wait_secs.max(1))?;
    let (mut blast, bytes) = start_blast(&subject, args.rate)?;
    *span_bytes = bytes;
    let before_bytes = subject.process.rss_bytes()?;
    send(&mut blast, SECOND * u32::try_from(wait_secs)? + SETTLE)?;
    subject.came()?;
    let cpu_before = subject.process.cpu()?;
    let (mut sent, mut rss_bytes) = (SentTraces::default(), Vec::new());
    for _ in 0..args.seconds {
        let second = send(&mut blast, SECOND)?;
        sent.spans += second.spans;
        sent.elapsed_us += second.elapsed_us;
        sent.failed_requests += second.failed_requests;
        sent.first_failure = sent.first_failure.or(second.first_failure);
        rss_bytes.push(subject.process.rss_bytes()? as f64);
    }
    let cpu = subject.process.cpu()? - cpu_before;
    let came = subject.came()?;
    anyhow::ensure!(sent.spans > 0, "no span was taken: {}", sent.first_failure.unwrap_or_default());
    let spans_per_s = sent.spans as f64 * 1e6 / sent.elapsed_us as f64;
    let held_spans = spans_per_s * wait_secs as f64;
    let held_bytes = rss_bytes.iter().sum::<f64>() / rss_bytes.len().max(1) as f64 - before_bytes as f64;
    let late_ms = |took_us: u64| took_us as f64 / 1e3 - (wait_secs * 1000) as f64;
    Ok(Sample {
        subject: kind.name(),
        sampler,
        spans_per_s,
        cpu_us_per_span: cpu.as_secs_f64() * 1e6 / sent.spans as f64,
        bytes_per_held_span: (held_spans > 0.0).then(|| held_bytes / held_spans),
        held_traces: held_spans / TRACE_SPANS as f64,
        late_p50_ms: late_ms(came.took_p50_us),
        late_p99_ms: late_ms(came.took_p99_us),
        kept_share: came.spans as f64 / sent.spans as f64,
        full_spans_per_s: 0.0,
        failed_requests: sent.failed_requests,
    })
}

/// Returns the generator, and how many bytes a span has.
fn start_blast(subject: &Subject, rate: u64) -> anyhow::Result<(Part, f64)> {
    Part::start("trace-blast", &[format!("--target={}", subject.target), format!("--rate={rate}")])
}

fn send(blast: &mut Part, time: Duration) -> anyhow::Result<SentTraces> {
    blast.ask(&time.as_millis().to_string())
}

impl Subject {
    /// Returns what came to the sink since the last call.
    fn came(&mut self) -> anyhow::Result<CameTraces> {
        let came: CameTraces = self.sink.ask("")?;
        anyhow::ensure!(came.malformed == 0, "the sink received requests that are not OTLP");
        Ok(came)
    }
}
