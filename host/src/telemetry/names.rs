//! Says of a metric by its name from which level on it is shown, and how a reader writes the name.

use std::borrow::Cow;

use crate::config::telemetry::{MetricsLevel, Naming};

/// The metrics of requests that come in and go out. The Collector's libraries have given them these names.
const OF_REQUESTS: [&str; 7] = [
    "http_client_request_body_size",
    "http_client_request_duration",
    "http_server_request_body_size",
    "http_server_request_duration",
    "http_server_response_body_size",
    "rpc_client_call_duration",
    "rpc_server_call_duration",
];

/// The beginnings of other names that only `detailed` shows.
const DETAILED: [&str; 4] = [
    "otelcol_exporter_enqueue_size",
    "otelcol_exporter_queue_batch_send_size",
    "otelcol_processor_batch_batch_send_size_bytes",
    "otelcol_processor_internal_duration",
];

/// Returns whether the name is one of the host's metrics, or could become one.
pub fn is_hosts(name: &str) -> bool {
    name.starts_with("spanloom_") || name.starts_with("otelcol_") || is_of_requests(name)
}

pub(super) fn is_of_requests(name: &str) -> bool {
    OF_REQUESTS.contains(&name)
}

/// Returns the lowest level that shows the metric.
pub(super) fn level(name: &str) -> MetricsLevel {
    match name {
        _ if is_of_requests(name) => MetricsLevel::Detailed,
        _ if DETAILED.iter().any(|start| name.starts_with(start)) => MetricsLevel::Detailed,
        _ if name.starts_with("otelcol_processor_batch_") => MetricsLevel::Normal,
        _ => MetricsLevel::Basic,
    }
}

/// Returns the name as a reader writes it.
pub(super) fn written(name: &str, is_counter: bool, naming: Naming) -> Cow<'_, str> {
    if naming == Naming::Plain {
        return Cow::Borrowed(name);
    }
    let mut written = match is_counter {
        true => name.strip_suffix("_total").unwrap_or(name).to_owned(),
        false => name.to_owned(),
    };
    if let Some(unit) = unit(name) {
        written.push('_');
        written.push_str(unit);
    }
    if is_counter {
        written.push_str("_total");
    }
    Cow::Owned(written)
}

/// Returns the unit of a metric whose name does not say it.
fn unit(name: &str) -> Option<&'static str> {
    match name {
        "otelcol_process_uptime" | "otelcol_processor_internal_duration" => Some("seconds"),
        "otelcol_process_memory_rss" => Some("bytes"),
        "otelcol_processor_tail_sampling_sampling_decision_timer_latency" => Some("milliseconds"),
        "otelcol_processor_tail_sampling_sampling_late_span_age"
        | "otelcol_processor_tail_sampling_sampling_trace_removal_age" => Some("seconds"),
        _ if is_of_requests(name) => Some(if name.ends_with("_size") { "bytes" } else { "seconds" }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names of counters and of others are written by each kind of reader.
    /// Guarantees: the names are the Collector's.
    #[test]
    fn a_reader_writes_names_as_the_collectors_does() {
        for (name, is_counter, expected) in [
            ("otelcol_process_uptime", true, "otelcol_process_uptime_seconds_total"),
            ("otelcol_process_cpu_seconds", true, "otelcol_process_cpu_seconds_total"),
            ("otelcol_process_memory_rss", false, "otelcol_process_memory_rss_bytes"),
            ("otelcol_exporter_queue_size", false, "otelcol_exporter_queue_size"),
            ("http_server_request_duration", false, "http_server_request_duration_seconds"),
            ("otelcol_exporter_sent_spans", true, "otelcol_exporter_sent_spans_total"),
            (
                "otelcol_process_runtime_total_alloc_bytes",
                true,
                "otelcol_process_runtime_total_alloc_bytes_total",
            ),
            ("requests_total", true, "requests_total"),
        ] {
            assert_eq!(written(name, is_counter, Naming::Suffixed), expected);
            assert_eq!(written(name, is_counter, Naming::Plain), name);
        }
    }

    /// Scenario: names are looked up.
    /// Guarantees: those that the Collector shows at `detailed` alone have that level.
    #[test]
    fn a_level_is_the_collectors() {
        for (name, expected) in [
            ("otelcol_receiver_accepted_spans", MetricsLevel::Basic),
            ("otelcol_processor_batch_batch_send_size", MetricsLevel::Normal),
            ("otelcol_processor_batch_batch_send_size_bytes", MetricsLevel::Detailed),
            ("otelcol_exporter_queue_size", MetricsLevel::Basic),
            ("otelcol_exporter_enqueue_size_bytes", MetricsLevel::Detailed),
            ("http_server_request_duration", MetricsLevel::Detailed),
            ("http_server_requests_of_a_plugin", MetricsLevel::Basic),
        ] {
            assert_eq!(level(name), expected, "{name}");
        }
    }
}
