//! The plugin's own metrics, beside the host's. Every series gets the labels `component` and `plugin`.
//!
//! Make them in `configure` and keep them.

use crate::bindings::spanloom::plugin::metrics::Label;
use crate::host;

/// Only grows.
#[derive(Debug)]
pub struct Counter(host::metrics::Counter);

/// Goes up and down.
#[derive(Debug)]
pub struct Gauge(host::metrics::Gauge);

/// Counts values by size.
#[derive(Debug)]
pub struct Histogram(host::metrics::Histogram);

impl Counter {
    /// `name` as Prometheus has it, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Counter {
        Counter(host::metrics::Counter::new(name, help, &owned(labels)))
    }

    pub fn add(&self, count: u64) {
        self.0.add(count);
    }
}

impl Gauge {
    /// `name` as Prometheus has it, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Gauge {
        Gauge(host::metrics::Gauge::new(name, help, &owned(labels)))
    }

    pub fn set(&self, value: f64) {
        self.0.set(value);
    }
}

impl Histogram {
    /// `name` as Prometheus has it, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Histogram {
        Histogram(host::metrics::Histogram::new(name, help, &owned(labels)))
    }

    pub fn record(&self, value: f64) {
        self.0.record(value);
    }
}

fn owned(labels: &[(&str, &str)]) -> Vec<Label> {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).to_owned(), value: (*value).to_owned() };
    labels.iter().map(label).collect()
}
