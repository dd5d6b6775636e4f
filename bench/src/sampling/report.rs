//! The samples as a table: each figure of both processes, and how many times as large the Collector's is.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::subject::Sampler;

#[derive(Serialize)]
pub(super) struct Report {
    /// Spans a second that were to be sent.
    pub(super) rate: u64,
    pub(super) wait_secs: u64,
    pub(super) span_bytes: f64,
    pub(super) samples: Vec<Sample>,
}

/// The figures of one process in one round.
#[derive(Clone, Serialize)]
pub(super) struct Sample {
    pub(super) subject: &'static str,
    pub(super) sampler: Sampler,
    /// Spans that were taken at the rate.
    pub(super) spans_per_s: f64,
    pub(super) cpu_us_per_span: f64,
    /// How much the resident memory grew for each span that is held, if any is.
    pub(super) bytes_per_held_span: Option<f64>,
    pub(super) held_traces: f64,
    /// How much later than its wait a kept trace came to the sink.
    pub(super) late_p50_ms: f64,
    pub(super) late_p99_ms: f64,
    /// The share of the spans that were kept.
    pub(super) kept_share: f64,
    /// Spans that were taken at full load.
    pub(super) full_spans_per_s: f64,
    pub(super) failed_requests: u64,
}

type Figure = (&'static str, fn(&Sample) -> f64, usize);

const FIGURES: &[Figure] = &[
    ("CPU µs a span", |sample| sample.cpu_us_per_span, 2),
    ("memory, bytes a held span", |sample| sample.bytes_per_held_span.unwrap_or(f64::NAN), 0),
    ("late, p50 ms", |sample| sample.late_p50_ms, 1),
    ("late, p99 ms", |sample| sample.late_p99_ms, 1),
    ("kept, %", |sample| sample.kept_share * 100.0, 1),
    ("spans/s at the rate", |sample| sample.spans_per_s, 0),
    ("spans/s at full load", |sample| sample.full_spans_per_s, 0),
    ("failed requests", |sample| sample.failed_requests as f64, 0),
];

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Report { rate, wait_secs, span_bytes, .. } = self;
        let held = self.of(Sampler::Tail, "Spanloom").first().map_or(0.0, |sample| sample.held_traces);
        writeln!(out, "\nSampling traces of 10 spans, {span_bytes:.0} bytes a span, {rate} spans a second")?;
        writeln!(out, "  tail_sampling: two policies, decision_wait {wait_secs} s, {held:.0} traces held")?;
        self.table(out, Sampler::Tail)?;
        writeln!(out, "  probabilistic_sampler: 5 %")?;
        self.table(out, Sampler::Probabilistic)
    }
}

impl Report {
    fn table(&self, out: &mut Formatter<'_>, sampler: Sampler) -> fmt::Result {
        let (ours, theirs) = (self.of(sampler, "Spanloom"), self.of(sampler, "Collector"));
        writeln!(out, "    {:<28}{:>12}{:>12}{:>9}", "", "Spanloom", "Collector", "times")?;
        for &(name, figure, digits) in FIGURES {
            let (ours, theirs) = (median(&ours, figure), median(&theirs, figure));
            if ours.is_nan() {
                continue;
            }
            writeln!(out, "    {name:<28}{ours:>12.digits$}{theirs:>12.digits$}{:>9.1}", theirs / ours)?;
        }
        Ok(())
    }

    fn of(&self, sampler: Sampler, subject: &str) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.sampler == sampler && sample.subject == subject).collect()
    }
}

/// Returns the median of a figure; NaN if there is none.
fn median(samples: &[&Sample], figure: fn(&Sample) -> f64) -> f64 {
    let mut sorted: Vec<f64> = samples.iter().map(|sample| figure(sample)).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    let lower = middle.checked_sub(1).and_then(|below| sorted.get(below).copied()).unwrap_or(upper);
    if sorted.len().is_multiple_of(2) { f64::midpoint(lower, upper) } else { upper }
}
