//! The items that each receiver accepted and refused, for the metrics and the status.

use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use metrics::Counter;
use wire::Signal;

use super::{Labels, Telemetry};

/// The counters of one receiver, transport and signal.
pub struct ReceiverMetrics {
    receiver: String,
    transport: &'static str,
    signal: Signal,
    accepted: Readable,
    refused: Readable,
}

/// The values of these counters at one moment, in items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverFigures {
    pub receiver: String,
    pub transport: &'static str,
    pub signal: Signal,
    pub accepted: u64,
    pub refused: u64,
}

/// A counter whose value can also be read here.
struct Readable {
    shown: Counter,
    count: AtomicU64,
}

impl Telemetry {
    /// Returns the counters of a receiver, a transport and a signal. They stay the same when the receiver is
    /// built again.
    pub fn receiver(&self, receiver: &str, transport: &'static str, signal: Signal) -> Arc<ReceiverMetrics> {
        let mut receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (receiver.to_owned(), transport, signal);
        let metrics = || Arc::new(ReceiverMetrics::new(self, receiver, transport, signal));
        receivers.entry(key).or_insert_with(metrics).clone()
    }

    /// Returns the figures of all receivers, sorted by receiver, transport and signal.
    pub fn receivers(&self) -> Vec<ReceiverFigures> {
        let receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.values().map(|metrics| metrics.figures()).collect()
    }
}

impl ReceiverMetrics {
    fn new(
        telemetry: &Telemetry,
        receiver: &str,
        transport: &'static str,
        signal: Signal,
    ) -> ReceiverMetrics {
        let [accepted, refused, failed] = match signal {
            Signal::Traces => [
                "otelcol_receiver_accepted_spans",
                "otelcol_receiver_refused_spans",
                "otelcol_receiver_failed_spans",
            ],
            Signal::Metrics => [
                "otelcol_receiver_accepted_metric_points",
                "otelcol_receiver_refused_metric_points",
                "otelcol_receiver_failed_metric_points",
            ],
            Signal::Logs => [
                "otelcol_receiver_accepted_log_records",
                "otelcol_receiver_refused_log_records",
                "otelcol_receiver_failed_log_records",
            ],
        };
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", transport)];
        // It stays at 0, as in the Collector, which counts every failure as refused.
        drop(telemetry.counter(failed, labels));
        let readable = |name| Readable { shown: telemetry.counter(name, labels), count: AtomicU64::new(0) };
        let receiver = receiver.to_owned();
        ReceiverMetrics {
            receiver,
            transport,
            signal,
            accepted: readable(accepted),
            refused: readable(refused),
        }
    }

    pub fn accepted(&self, items: usize) {
        self.accepted.add(items);
    }

    pub fn refused(&self, items: usize) {
        self.refused.add(items);
    }

    fn figures(&self) -> ReceiverFigures {
        ReceiverFigures {
            receiver: self.receiver.clone(),
            transport: self.transport,
            signal: self.signal,
            accepted: self.accepted.count.load(Relaxed),
            refused: self.refused.count.load(Relaxed),
        }
    }
}

impl Readable {
    fn add(&self, items: usize) {
        self.shown.increment(items as u64);
        self.count.fetch_add(items as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a receiver is built again, as at a reload.
    /// Guarantees: its counts continue.
    #[test]
    fn a_receiver_has_its_figures_however_often_it_is_built() {
        let telemetry = Telemetry::new();
        telemetry.receiver("otlp", "http", Signal::Traces).accepted(3);
        telemetry.receiver("otlp", "grpc", Signal::Traces).refused(2);
        telemetry.receiver("otlp", "http", Signal::Traces).accepted(4);
        let figures = |transport, accepted, refused| ReceiverFigures {
            receiver: "otlp".to_owned(),
            transport,
            signal: Signal::Traces,
            accepted,
            refused,
        };
        assert_eq!(telemetry.receivers(), [figures("grpc", 0, 2), figures("http", 7, 0)]);
    }
}
