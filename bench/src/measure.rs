//! Measures one phase: one subject under one load for a short time, and the CPU time that it used.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::blast::{BlastOutcome, Protocol};
use crate::process::Part;
use crate::sink::SinkCounts;
use crate::subject::Subject;

/// How long the run waits for accepted spans to reach the sink before it calls them lost.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
const SETTLE_POLL: Duration = Duration::from_millis(5);

/// The load on a subject. Every subject gets the same loads.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Load {
    pub(crate) protocol: Protocol,
    pub(crate) request_spans: u32,
    pub(crate) connections: usize,
    /// Requests in flight on each gRPC connection; an HTTP/1.1 connection has one.
    pub(crate) in_flight: usize,
}

/// The length of a phase.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// The figures of one phase.
#[derive(Clone, Serialize)]
pub(crate) struct Sample {
    /// CPU time of the subject's process; for the bare wire, of generator and sink together.
    pub(crate) cpu_us_per_span: f64,
    pub(crate) spans_per_s: f64,
    pub(crate) latency_p50_us: u64,
    pub(crate) latency_p99_us: u64,
    pub(crate) sent_spans: u64,
    pub(crate) received_spans: u64,
    /// Requests that reached the sink compressed, although every subject is configured not to compress.
    pub(crate) compressed_requests: u64,
    pub(crate) failed_requests: u64,
    pub(crate) first_failure: Option<String>,
}

/// Warms `subject` up, sends for `timing.measured`, and waits until the sink has the accepted spans.
///
/// The sample divides the CPU time that was used in between by the number of spans that the sink received.
pub(crate) fn measure(subject: &mut Subject, load: Load, timing: Timing) -> anyhow::Result<Sample> {
    let mut blast = start_blast(subject, load)?;
    send(subject, &mut blast, timing.warm_up)?;
    let cpu_before = cpu(subject, &blast)?;
    let (outcome, received) = send(subject, &mut blast, timing.measured)?;
    let cpu_used = cpu(subject, &blast)? - cpu_before;
    anyhow::ensure!(received.spans > 0, "no span arrived: {}", outcome.first_failure.unwrap_or_default());
    Ok(Sample {
        cpu_us_per_span: cpu_used.as_secs_f64() * 1e6 / received.spans as f64,
        spans_per_s: outcome.sent_spans as f64 * 1e6 / outcome.elapsed_us as f64,
        latency_p50_us: outcome.latency_p50_us,
        latency_p99_us: outcome.latency_p99_us,
        sent_spans: outcome.sent_spans,
        received_spans: received.spans,
        compressed_requests: received.compressed,
        failed_requests: outcome.failed_requests,
        first_failure: outcome.first_failure,
    })
}

fn start_blast(subject: &Subject, load: Load) -> anyhow::Result<Part> {
    let protocol = match load.protocol {
        Protocol::Grpc => "grpc",
        Protocol::Http => "http",
    };
    let args = [
        format!("--protocol={protocol}"),
        format!("--target={}", subject.target),
        format!("--spans={}", load.request_spans),
        format!("--connections={}", load.connections),
        format!("--in-flight={}", load.in_flight),
    ];
    Ok(Part::start::<String>("blast", &args)?.0)
}

/// Sends for `duration` and waits until the accepted spans have arrived, or for `SETTLE_TIMEOUT`.
///
/// Returns the generator's figures and the sink's.
fn send(
    subject: &mut Subject,
    blast: &mut Part,
    duration: Duration,
) -> anyhow::Result<(BlastOutcome, SinkCounts)> {
    let before: SinkCounts = subject.sink.ask("")?;
    let outcome: BlastOutcome = blast.ask(&duration.as_millis().to_string())?;
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    loop {
        let now: SinkCounts = subject.sink.ask("")?;
        let received = now.since(before);
        anyhow::ensure!(received.malformed == 0, "the sink received requests that are not OTLP");
        if received.spans >= outcome.sent_spans || Instant::now() > deadline {
            return Ok((outcome, received));
        }
        std::thread::sleep(SETTLE_POLL);
    }
}

fn cpu(subject: &Subject, blast: &Part) -> anyhow::Result<Duration> {
    match &subject.process {
        Some(process) => process.cpu(),
        None => Ok(blast.process().cpu()? + subject.sink.process().cpu()?),
    }
}
