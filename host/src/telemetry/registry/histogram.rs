//! Histograms with fixed buckets, so that recording takes no more memory over time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::HistogramFn;

use crate::telemetry::names;

/// The default buckets of Prometheus's client libraries.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Buckets for the pause of a swap, from the usual time to the time with much state to hand over.
const PAUSE_SECONDS: [f64; 14] =
    [2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 1e-1, 1.0, 10.0];
/// The Collector's buckets for how long a request took.
const REQUEST_SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The default buckets of OpenTelemetry's libraries, which the Collector has for some histograms.
const OPENTELEMETRY: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2500.0, 5e3, 7500.0, 1e4];
/// The Collector's buckets for how long `tail_sampling` decided.
const DECISION_MILLIS: [f64; 23] = [
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 750.0, 1e3, 2e3, 3e3,
    4e3, 5e3, 1e4, 2e4, 3e4, 5e4,
];
/// The Collector's buckets for the items and the bytes of batches.
const BATCH_ITEMS: [f64; 22] = [
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3, 9e3, 1e4,
    2e4, 3e4, 5e4, 1e5,
];
const BATCH_BYTES: [f64; 18] = [
    128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131072.0, 262144.0,
    524288.0, 1048576.0, 2097152.0, 4194304.0, 8388608.0, 16777216.0,
];
/// Buckets for other bytes, from ten to nine million.
const BYTES: [f64; 39] = [
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3, 9e3, 1e4,
    2e4, 3e4, 5e4, 1e5, 2e5, 3e5, 4e5, 5e5, 6e5, 7e5, 8e5, 9e5, 1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6, 9e6,
];
/// Buckets for a plugin's histogram whose name does not end with a unit.
const ANYTHING: [f64; 19] = [
    1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 1e3, 1e4,
    1e5,
];

/// One histogram.
pub(super) struct Buckets {
    /// The upper bounds, inclusive and ascending.
    bounds: &'static [f64],
    /// The counts of each bucket alone: one for each bound, and one for larger values.
    counts: Box<[AtomicU64]>,
    /// The bits of a double.
    sum: AtomicU64,
}

impl Buckets {
    /// Chooses the buckets by the end of the metric's name.
    pub(super) fn of(name: &str) -> Buckets {
        let bounds: &[f64] = match name {
            "otelcol_processor_internal_duration"
            | "otelcol_processor_tail_sampling_sampling_late_span_age"
            | "otelcol_processor_tail_sampling_sampling_trace_removal_age" => &OPENTELEMETRY,
            "otelcol_processor_tail_sampling_sampling_decision_timer_latency" => &DECISION_MILLIS,
            name if names::is_of_requests(name) && name.ends_with("_size") => &OPENTELEMETRY,
            name if names::is_of_requests(name) => &REQUEST_SECONDS,
            name if name.ends_with("_swap_pause_seconds") => &PAUSE_SECONDS,
            name if name.ends_with("_seconds") => &SECONDS,
            name if name.ends_with("_send_size") || name.ends_with("_enqueue_size") => &BATCH_ITEMS,
            name if name.ends_with("_size_bytes") => &BATCH_BYTES,
            name if name.ends_with("_bytes") => &BYTES,
            _ => &ANYTHING,
        };
        Buckets {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Returns each bound with the number of values that are not above it, and at the end the number of all
    /// values.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut below = 0;
        bounds.zip(&self.counts).map(move |(bound, count)| {
            below += count.load(Relaxed);
            (bound, below)
        })
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Relaxed))
    }
}

impl HistogramFn for Buckets {
    /// Records a value. Infinite values and NaN are ignored, because the sum could never recover from them.
    fn record(&self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // The closure always returns `Some`, so the update cannot fail.
        let _ = self.sum.fetch_update(Relaxed, Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: values at, between and above the bounds are recorded, and values that are not finite.
    /// Guarantees: each counts in the first bucket whose bound it does not exceed, and values that are not
    /// finite do not count.
    #[test]
    fn a_value_counts_in_the_bucket_whose_bound_it_does_not_exceed() {
        let buckets = Buckets::of("took_seconds");
        [0.0, 0.005, 0.006, 10.0, 11.0, f64::NAN, f64::INFINITY]
            .into_iter()
            .for_each(|value| buckets.record(value));
        let cumulative: Vec<(f64, u64)> = buckets.cumulative().collect();
        assert_eq!(cumulative[..2], [(0.005, 2), (0.01, 3)]);
        assert_eq!(cumulative[10..], [(10.0, 4), (f64::INFINITY, 5)]);
        assert_eq!(buckets.sum(), 21.011);
    }
}
