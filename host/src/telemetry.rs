//! Spanloom's own metrics, under the Collector's names.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use wire::Signal;

use crate::receipt::ledger::Ledger;

const METADATA: Metadata<'static> = Metadata::new("spanloom", Level::INFO, None);

/// The registry of one service. Not global, so that tests can run several.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    pub ledger: Ledger,
}

/// A metric's labels.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Telemetry {
    pub fn new() -> Arc<Telemetry> {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Arc::new(Telemetry { recorder, handle, ledger: Ledger::default() })
    }

    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    pub fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    /// The Prometheus text exposition, format 0.0.4.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

fn key(name: &'static str, labels: Labels<'_>) -> Key {
    let labels: Vec<Label> =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}

/// The counters of one receiver, transport and signal.
pub struct ReceiverMetrics {
    pub accepted: Counter,
    pub refused: Counter,
}

impl ReceiverMetrics {
    pub fn new(
        telemetry: &Telemetry,
        receiver: &str,
        transport: &'static str,
        signal: Signal,
    ) -> ReceiverMetrics {
        let (accepted, refused) = match signal {
            Signal::Traces => ("otelcol_receiver_accepted_spans", "otelcol_receiver_refused_spans"),
            Signal::Metrics => {
                ("otelcol_receiver_accepted_metric_points", "otelcol_receiver_refused_metric_points")
            }
            Signal::Logs => ("otelcol_receiver_accepted_log_records", "otelcol_receiver_refused_log_records"),
        };
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", transport)];
        ReceiverMetrics {
            accepted: telemetry.counter(accepted, labels),
            refused: telemetry.counter(refused, labels),
        }
    }
}
