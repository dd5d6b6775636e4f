//! The sampler's own series.

use spanloom_plugin::metrics::{Counter, Gauge};

use crate::rule::Why;

#[derive(Debug)]
pub(crate) struct Metrics {
    kept_by_quota: Counter,
    kept_by_borrowing: Counter,
    kept_by_rate: Counter,
    fallback: Counter,
    rules: Gauge,
    rules_fetched: Counter,
    rules_not_fetched: Counter,
    reported: Counter,
    not_reported: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let kept = |by| {
            let help = "Traces that were kept, by what kept them";
            Counter::new("xray_sampler_kept_traces", help, &[("by", by)])
        };
        let requests = |operation, outcome| {
            let labels = [("operation", operation), ("outcome", outcome)];
            Counter::new("xray_sampler_requests", "Requests to X-Ray, by operation and outcome", &labels)
        };
        Metrics {
            kept_by_quota: kept("reservoir"),
            kept_by_borrowing: kept("borrowed"),
            kept_by_rate: kept("rate"),
            fallback: Counter::new(
                "xray_sampler_fallback_traces",
                "Traces that were decided without a rule of X-Ray's",
                &[],
            ),
            rules: Gauge::new("xray_sampler_rules", "Rules of X-Ray's that are in use", &[]),
            rules_fetched: requests("GetSamplingRules", "success"),
            rules_not_fetched: requests("GetSamplingRules", "failure"),
            reported: requests("GetSamplingTargets", "success"),
            not_reported: requests("GetSamplingTargets", "failure"),
        }
    }

    pub(crate) fn kept(&self, why: Why) {
        let counter = match why {
            Why::Quota => &self.kept_by_quota,
            Why::Borrowed => &self.kept_by_borrowing,
            Why::Rate => &self.kept_by_rate,
        };
        counter.add(1);
    }

    pub(crate) fn fell_back(&self, traces: u64) {
        self.fallback.add(traces);
    }

    pub(crate) fn in_use(&self, rules: usize) {
        self.rules.set(rules as f64);
    }

    pub(crate) fn fetched(&self, succeeded: bool) {
        if succeeded { self.rules_fetched.add(1) } else { self.rules_not_fetched.add(1) }
    }

    pub(crate) fn reported(&self, succeeded: bool) {
        if succeeded { self.reported.add(1) } else { self.not_reported.add(1) }
    }
}
