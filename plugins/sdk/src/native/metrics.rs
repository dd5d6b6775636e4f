use super::world;
use crate::bindings::spanloom::plugin::metrics::Label;

#[derive(Debug)]
pub(crate) struct Counter(String);

#[derive(Debug)]
pub(crate) struct Gauge(String);

#[derive(Debug)]
pub(crate) struct Histogram(String);

impl Counter {
    pub(crate) fn new(name: &str, _help: &str, labels: &[Label]) -> Counter {
        Counter(series(name, labels))
    }

    pub(crate) fn add(&self, count: u64) {
        edit(&self.0, |value| value + count as f64);
    }
}

impl Gauge {
    pub(crate) fn new(name: &str, _help: &str, labels: &[Label]) -> Gauge {
        Gauge(series(name, labels))
    }

    pub(crate) fn set(&self, value: f64) {
        edit(&self.0, |_| value);
    }
}

/// Keeps only the sum of the values.
impl Histogram {
    pub(crate) fn new(name: &str, _help: &str, labels: &[Label]) -> Histogram {
        Histogram(series(name, labels))
    }

    pub(crate) fn record(&self, value: f64) {
        edit(&self.0, |sum| sum + value);
    }
}

fn edit(series: &str, edit: impl FnOnce(f64) -> f64) {
    world::with(|world| {
        let value = world.series.entry(series.to_owned()).or_default();
        *value = edit(*value);
    });
}

fn series(name: &str, labels: &[Label]) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> =
        labels.iter().map(|Label { name, value }| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}
