//! The metrics of the Collector's `probabilistic_sampler`.

use spanloom_plugin::metrics::Counter;

use crate::sampler::Policy;

/// Counts items of one signal by policy and decision.
#[derive(Debug)]
pub(crate) struct Stats {
    signal: &'static str,
    /// What hashing an attribute is called.
    attribute: String,
    /// The series so far. There are few.
    series: Vec<(Policy, bool, Counter)>,
}

/// The counts of one batch.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<(Policy, bool, u64)>);

impl Tally {
    pub(crate) fn note(&mut self, policy: Policy, is_kept: bool) {
        match self.0.iter_mut().find(|(of, kept, _)| *of == policy && *kept == is_kept) {
            Some((.., count)) => *count += 1,
            None => self.0.push((policy, is_kept, 1)),
        }
    }
}

impl Stats {
    /// `signal` is `traces` or `logs`.
    pub(crate) fn new(signal: &'static str, attribute: &str) -> Stats {
        Stats { signal, attribute: attribute.to_owned(), series: Vec::new() }
    }

    pub(crate) fn add(&mut self, tally: Tally) {
        for (policy, is_kept, count) in tally.0 {
            let known = self.series.iter().position(|(of, kept, _)| *of == policy && *kept == is_kept);
            let at = known.unwrap_or_else(|| {
                self.series.push((policy, is_kept, self.counter(policy, is_kept)));
                self.series.len() - 1
            });
            if let Some((.., counter)) = self.series.get(at) {
                counter.add(count);
            }
        }
    }

    fn counter(&self, policy: Policy, is_kept: bool) -> Counter {
        let name = format!("otelcol_processor_probabilistic_sampler_count_{}_sampled", self.signal);
        let help = "Spans or log records by what decided on them, and whether they were kept";
        let policy = match policy {
            Policy::Missing => "missing_randomness",
            Policy::TraceIdHash => "trace_id_hash",
            Policy::TraceIdW3c => "trace_id_w3c",
            Policy::Explicit => "sampling_randomness",
            Policy::Attribute => &self.attribute,
            Policy::Priority => "sampling_priority",
        };
        let sampled = if is_kept { "true" } else { "false" };
        Counter::new(&name, help, &[("policy", policy), ("sampled", sampled)])
    }
}
