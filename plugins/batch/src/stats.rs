//! The metrics of the Collector's `batch` processor.

use spanloom_plugin::{
    Batch,
    metrics::{Counter, Gauge, Histogram},
};

#[derive(Debug)]
pub(crate) struct Stats {
    items: Histogram,
    bytes: Histogram,
    by_size: Counter,
    by_timeout: Counter,
    cardinality: Gauge,
    groups: usize,
}

/// The reason why a batch leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trigger {
    Size,
    Timeout,
}

impl Stats {
    pub(crate) fn new() -> Stats {
        let histogram = |name: &str, help| Histogram::new(&full(name), help, &[]);
        let counter = |name: &str, help| Counter::new(&full(name), help, &[]);
        Stats {
            items: histogram("batch_send_size", "Spans, data points or log records in the batches that left"),
            bytes: histogram("batch_send_size_bytes", "Bytes of the batches that left, as OTLP"),
            by_size: counter("batch_size_trigger_send", "Batches that left because of their size"),
            by_timeout: counter("timeout_trigger_send", "Batches that left because their time was over"),
            cardinality: Gauge::new(
                &full("metadata_cardinality"),
                "Combinations of metadata values that wait to be sent",
                &[],
            ),
            groups: 0,
        }
    }

    pub(crate) fn sends(&self, trigger: Trigger, batch: &Batch) {
        self.items.record(batch.len() as f64);
        self.bytes.record(batch.encoded_len() as f64);
        match trigger {
            Trigger::Size => self.by_size.add(1),
            Trigger::Timeout => self.by_timeout.add(1),
        }
    }

    pub(crate) fn groups(&mut self, groups: usize) {
        if groups != self.groups {
            self.groups = groups;
            self.cardinality.set(groups as f64);
        }
    }
}

fn full(name: &str) -> String {
    format!("otelcol_processor_batch_{name}")
}
