//! The plugin's own metrics, beside the host's. Every series gets the labels `component` and `plugin`.
//!
//! Create the series in `configure` and keep them.

use crate::bindings::spanloom::plugin::metrics::Label;
use crate::host;

/// A count that only grows.
#[derive(Debug)]
pub struct Counter(host::metrics::Counter);

/// A value that goes up and down.
#[derive(Debug)]
pub struct Gauge(host::metrics::Gauge);

/// Counts values by size.
#[derive(Debug)]
pub struct Histogram(host::metrics::Histogram);

impl Counter {
    /// Creates the series. `name` must be a Prometheus name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Counter {
        Counter(host::metrics::Counter::new(name, help, &owned(labels)))
    }

    pub fn add(&self, count: u64) {
        self.0.add(count);
    }
}

impl Gauge {
    /// Creates the series. `name` must be a Prometheus name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(name: &str, help: &str, labels: &[(&str, &str)]) -> Gauge {
        Gauge(host::metrics::Gauge::new(name, help, &owned(labels)))
    }

    pub fn set(&self, value: f64) {
        self.0.set(value);
    }
}

impl Histogram {
    /// Creates the series. `name` must be a Prometheus name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
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
