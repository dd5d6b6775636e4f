//! The metrics of one exporter and signal, with the Collector's names.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram};
use wire::Signal;

use crate::{
    component::{QueueSettings, ServerLabels},
    receipt::{Code, Failure, Reason},
    telemetry::{ExporterHealth, Telemetry},
};

pub(super) struct SendingMetrics {
    /// Items that the destination accepted.
    pub(super) sent: Counter,
    /// Items that were given up after the last attempt.
    failed: Failed,
    /// Items that found no room in the queue.
    pub(super) enqueue_failed: Counter,
    pub(super) queue_size: Gauge,
    pub(super) queue_capacity: Gauge,
    in_flight: Gauge,
    /// The sizes of the requests that are offered to the queue, if they are measured.
    enqueued: Option<Sizes>,
    /// The sizes of the requests that batching made, if they are measured.
    batched: Option<Sizes>,
    pub(super) health: Arc<ExporterHealth>,
}

/// The exporter whose metrics these are.
pub(super) struct Of<'a> {
    pub(super) exporter: &'a str,
    pub(super) signal: Signal,
    pub(super) server: Option<ServerLabels>,
    pub(super) queue: Option<&'a QueueSettings>,
}

/// The counter of failed items. At the level `detailed`, each kind of error has a series of its own.
struct Failed {
    total: Counter,
    by_error: Option<Arc<Telemetry>>,
    name: &'static str,
    labels: Vec<(&'static str, String)>,
}

struct Sizes {
    items: Histogram,
    bytes: Histogram,
}

/// Counts a batch as in flight until it is dropped.
pub(super) struct InFlight<'a>(&'a Gauge);

impl SendingMetrics {
    pub(super) fn new(telemetry: &Arc<Telemetry>, of: Of<'_>) -> SendingMetrics {
        let Of { exporter, signal, server, queue } = of;
        let [sent, send_failed, enqueue_failed] = names(signal);
        let data_type = signal.to_string();
        let own = vec![("exporter", exporter.to_owned())];
        let with_type = vec![("exporter", exporter.to_owned()), ("data_type", data_type)];
        let with_server = with_server(&own, server);
        let counter = |name, labels: &[(&'static str, String)]| telemetry.counter(name, &borrowed(labels));
        let gauge = |name| telemetry.gauge(name, &borrowed(&with_type));
        // A queue that is not there has no size.
        let of_queue = |name| if queue.is_some() { gauge(name) } else { Gauge::noop() };
        let has_batching = queue.is_some_and(|queue| queue.batch.is_some());
        let sizes = |items, bytes, labels: &[(&'static str, String)]| {
            let histogram = |name| telemetry.histogram(name, &borrowed(labels));
            telemetry.is_detailed().then(|| Sizes { items: histogram(items), bytes: histogram(bytes) })
        };
        let health = telemetry.exporter(exporter, signal);
        SendingMetrics {
            sent: counter(sent, &with_server),
            enqueue_failed: counter(enqueue_failed, &own),
            queue_size: health.queue_size(of_queue("otelcol_exporter_queue_size")),
            queue_capacity: health.queue_capacity(of_queue("otelcol_exporter_queue_capacity")),
            in_flight: gauge("otelcol_exporter_in_flight_requests"),
            enqueued: sizes("otelcol_exporter_enqueue_size", "otelcol_exporter_enqueue_size_bytes", &own),
            batched: if has_batching {
                let (items, bytes) = (
                    "otelcol_exporter_queue_batch_send_size",
                    "otelcol_exporter_queue_batch_send_size_bytes",
                );
                sizes(items, bytes, &with_server)
            } else {
                None
            },
            failed: Failed::new(telemetry, send_failed, with_server),
            health,
        }
    }

    /// Counts items that could not be sent.
    pub(super) fn send_failed(&self, items: usize, failure: &Failure) {
        self.failed.count(items, failure);
    }

    /// Measures a request that is offered to the queue.
    pub(super) fn offered(&self, data: &wire::Batch) {
        if let Some(sizes) = &self.enqueued {
            sizes.record(data);
        }
    }

    /// Measures a request that is sent, and counts it as in flight.
    pub(super) fn sends(&self, data: &wire::Batch) -> InFlight<'_> {
        if let Some(sizes) = &self.batched {
            sizes.record(data);
        }
        self.in_flight.increment(1.0);
        InFlight(&self.in_flight)
    }
}

impl Failed {
    fn new(telemetry: &Arc<Telemetry>, name: &'static str, labels: Vec<(&'static str, String)>) -> Failed {
        let by_error = telemetry.is_detailed().then(|| telemetry.clone());
        let total = match &by_error {
            None => telemetry.counter(name, &borrowed(&labels)),
            Some(_) => Counter::noop(),
        };
        Failed { total, by_error, name, labels }
    }

    fn count(&self, items: usize, failure: &Failure) {
        let Some(telemetry) = &self.by_error else { return self.total.increment(items as u64) };
        let permanent = if failure.is_retryable() { "false" } else { "true" };
        let mut labels = borrowed(&self.labels);
        labels.extend([("error_permanent", permanent), ("error_type", error_type(failure))]);
        telemetry.counter(self.name, &labels).increment(items as u64);
    }
}

impl Sizes {
    fn record(&self, data: &wire::Batch) {
        self.items.record(data.items() as f64);
        self.bytes.record(data.encoded_len() as f64);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Returns the kind of an error, as the Collector names it.
fn error_type(failure: &Failure) -> &'static str {
    if failure.reason == Reason::Shutdown {
        return "Shutdown";
    }
    match failure.code {
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

fn names(signal: Signal) -> [&'static str; 3] {
    match signal {
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
    }
}

fn with_server(own: &[(&'static str, String)], server: Option<ServerLabels>) -> Vec<(&'static str, String)> {
    let mut labels = own.to_vec();
    if let Some(ServerLabels { address, port, path }) = server {
        labels.push(("server_address", address));
        labels.extend(port.map(|port| ("server_port", port.to_string())));
        labels.extend(path.map(|path| ("url_path", path)));
    }
    labels
}

fn borrowed<'l>(labels: &'l [(&'static str, String)]) -> Vec<(&'static str, &'l str)> {
    labels.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        component::{BatchSettings, Sizer},
        config::telemetry::MetricsLevel,
    };

    fn metrics(telemetry: &Arc<Telemetry>) -> SendingMetrics {
        let path = Some("/v1/traces".to_owned());
        let server = Some(ServerLabels { address: "tempo".to_owned(), port: Some(4318), path });
        let batch = Some(BatchSettings {
            flush_timeout: Duration::ZERO,
            min_size: 0,
            max_size: 0,
            sizer: Sizer::Items,
            partition: Vec::new(),
        });
        let queue = QueueSettings {
            num_consumers: 1,
            queue_size: 10,
            sizer: Sizer::Requests,
            max_bytes: 1 << 20,
            block_on_overflow: false,
            wait_for_result: false,
            batch,
        };
        let of = Of { exporter: "otlp_http", signal: Signal::Traces, server, queue: Some(&queue) };
        SendingMetrics::new(telemetry, of)
    }

    /// Scenario: a request fails at two levels.
    /// Guarantees: the failure is counted once, with the server's labels, and at `detailed` with the error's.
    #[test]
    fn a_failure_is_counted_by_its_error_at_the_highest_level() {
        let server =
            r#"exporter="otlp_http",server_address="tempo",server_port="4318",url_path="/v1/traces""#;
        for (level, labels) in [
            (MetricsLevel::Normal, format!("{{{server}}}")),
            (
                MetricsLevel::Detailed,
                format!(r#"{{{server},error_permanent="false",error_type="Shutdown"}}"#),
            ),
        ] {
            let telemetry = Telemetry::at(level);
            metrics(&telemetry).send_failed(3, &Failure::retryable(Reason::Shutdown, "x"));
            let shown = telemetry.render();
            let failed: Vec<&str> =
                shown.lines().filter(|line| line.starts_with("otelcol_exporter_send_failed_spans")).collect();
            assert_eq!(failed, [format!("otelcol_exporter_send_failed_spans{labels} 3")]);
        }
    }

    /// Scenario: a request of two spans is offered and sent, at the highest level.
    /// Guarantees: it is in flight while it is sent, and its size is recorded at both places.
    #[test]
    fn a_request_is_in_flight_and_has_its_size() {
        let telemetry = Telemetry::at(MetricsLevel::Detailed);
        let metrics = metrics(&telemetry);
        let data = wire::Batch::Spans(wire::SpanBatch::default());
        metrics.offered(&data);
        let in_flight = r#"otelcol_exporter_in_flight_requests{exporter="otlp_http",data_type="traces"} "#;
        let sending = metrics.sends(&data);
        assert!(telemetry.render().contains(&format!("{in_flight}1\n")));
        drop(sending);
        let shown = telemetry.render();
        assert!(shown.contains(&format!("{in_flight}0\n")), "{shown}");
        for name in ["enqueue_size_count", "queue_batch_send_size_bytes_count"] {
            assert!(shown.contains(&format!("otelcol_exporter_{name}{{exporter=")), "no {name} in:\n{shown}");
        }
    }
}
