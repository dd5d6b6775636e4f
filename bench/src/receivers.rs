//! Compares a request through an empty receiver plugin with the same request through `otlp`.
//!
//! The plugin is the one with which `spanloom plugin bench` compares receivers: it takes OTLP over HTTP and passes it on.
//! Both processes are measured in turns, and a ratio is the median of the ratios within each round.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    blast::Protocol,
    measure::{Load, Sample, Timing, measure},
    payload::Payload,
    report::median,
    subject::SubjectKind,
};

/// The spans of a request: one whose cost is mostly that of a request, and one whose cost is mostly that of its bytes.
const REQUEST_SPANS: [u32; 2] = [10, 1_000];
const TIMING: Timing = Timing { warm_up: Duration::from_millis(300), measured: Duration::from_millis(1_000) };

#[derive(Args)]
pub(crate) struct ReceiversArgs {
    /// The `spanloom` binary (a release build)
    #[arg(long, value_name = "PATH")]
    spanloom: PathBuf,
    /// How many times each receiver is measured under each load
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// Measures both receivers and prints the table.
pub(crate) fn run(args: &ReceiversArgs) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let payloads = REQUEST_SPANS.map(Payload::new);
    let start = |kind: SubjectKind| kind.start(Protocol::Http, &payloads, scratch.path());
    let mut otlp = start(SubjectKind::Spanloom(args.spanloom.clone()))?;
    let mut plugin = start(SubjectKind::Receiver(args.spanloom.clone()))?;
    println!(
        "\nA request over HTTP through `otlp`, and through an empty receiver plugin (medians of {} rounds)",
        args.rounds
    );
    println!(
        "  {:<22}{:>10}{:>10}{:>8}{:>12}{:>10}{:>8}",
        "", "CPU µs", "plugin", "ratio", "p50 µs", "plugin", "ratio"
    );
    for request_spans in REQUEST_SPANS {
        let load = Load { protocol: Protocol::Http, request_spans, connections: 1, in_flight: 1 };
        let mut rounds = Vec::new();
        for round in 0..args.rounds {
            // The order changes, so that neither receiver always follows the other.
            let (first, second) =
                if round % 2 == 0 { (&mut otlp, &mut plugin) } else { (&mut plugin, &mut otlp) };
            let samples = [whole(measure(first, load, TIMING)?)?, whole(measure(second, load, TIMING)?)?];
            let [first, second] = samples;
            rounds.push(if round % 2 == 0 { [first, second] } else { [second, first] });
        }
        let spans = f64::from(request_spans);
        let cpu = row(&rounds, |sample| sample.cpu_us_per_span * spans);
        let latency = row(&rounds, |sample| sample.latency_p50_us as f64);
        println!("  {:<22}{cpu}    {latency}", format!("{request_spans} spans a request"));
    }
    Ok(())
}

/// Returns the sample if each span of it was accepted and arrived.
fn whole(sample: Sample) -> anyhow::Result<Sample> {
    let failure = sample.first_failure.as_deref().unwrap_or_default();
    anyhow::ensure!(sample.failed_requests == 0, "{} requests failed: {failure}", sample.failed_requests);
    anyhow::ensure!(
        sample.received_spans == sample.sent_spans,
        "{} spans were sent, and {} arrived",
        sample.sent_spans,
        sample.received_spans
    );
    Ok(sample)
}

/// Writes a figure of `otlp`, of the plugin, and their ratio.
fn row(rounds: &[[Sample; 2]], figure: impl Fn(&Sample) -> f64) -> String {
    let of = |place: usize| median(rounds.iter().filter_map(|round| round.get(place)).map(&figure));
    let ratio = median(rounds.iter().map(|[otlp, plugin]| figure(plugin) / figure(otlp)));
    format!("{:>10.1}{:>10.1}{ratio:>8.2}", of(0), of(1))
}
