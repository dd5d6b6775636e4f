//! The metrics of one exporter and signal, with the Collector's names.

use std::sync::Arc;

use metrics::{Counter, Gauge};
use wire::Signal;

use crate::telemetry::{ExporterHealth, Telemetry};

pub(super) struct SendingMetrics {
    /// Items that the destination accepted.
    pub(super) sent: Counter,
    /// Items that were given up after the last attempt.
    pub(super) send_failed: Counter,
    /// Items that found no room in the queue.
    pub(super) enqueue_failed: Counter,
    pub(super) queue_size: Gauge,
    pub(super) queue_capacity: Gauge,
    pub(super) health: Arc<ExporterHealth>,
}

impl SendingMetrics {
    pub(super) fn new(telemetry: &Telemetry, exporter_id: &str, signal: Signal) -> SendingMetrics {
        let [sent, send_failed, enqueue_failed] = match signal {
            Signal::Traces => [
                "otelcol_exporter_sent_spans",
                "otelcol_exporter_send_failed_spans",
                "otelcol_exporter_enqueue_failed_spans",
            ],
            Signal::Metrics => [
                "otelcol_exporter_sent_metric_points",
                "otelcol_exporter_send_failed_metric_points",
                "otelcol_exporter_enqueue_failed_metric_points",
            ],
            Signal::Logs => [
                "otelcol_exporter_sent_log_records",
                "otelcol_exporter_send_failed_log_records",
                "otelcol_exporter_enqueue_failed_log_records",
            ],
        };
        let counter = |name| telemetry.counter(name, &[("exporter", exporter_id)]);
        let data_type = signal.to_string();
        let gauge = |name| telemetry.gauge(name, &[("exporter", exporter_id), ("data_type", &data_type)]);
        let health = telemetry.exporter(exporter_id, signal);
        SendingMetrics {
            sent: counter(sent),
            send_failed: counter(send_failed),
            enqueue_failed: counter(enqueue_failed),
            queue_size: health.queue_size(gauge("otelcol_exporter_queue_size")),
            queue_capacity: health.queue_capacity(gauge("otelcol_exporter_queue_capacity")),
            health,
        }
    }
}
