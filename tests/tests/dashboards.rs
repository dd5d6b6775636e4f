//! Dashboards that were made for the Collector show data for Spanloom.
//!
//! The tables hold the metrics and labels that the dashboards ask for. They leave out what belongs to components
//! that Spanloom has not (`filter`, `k8s_attributes`), and names that the Collector 0.161 has no longer.

use spanloom_tests::{
    Sink, Spanloom,
    otlp::{
        Signal,
        client::{self, http_client},
        payload,
    },
    spanloom::free_address,
};

/// A metric with its type, and the labels that a query selects or groups by.
type Asked = (&'static str, &'static str, &'static [&'static str]);

/// "OpenTelemetry Collector", 15983 of grafana.com, in the revision that was made for 0.156. It takes names with
/// and without suffixes.
const GRAFANA_15983: &[Asked] = &[
    ("otelcol_receiver_accepted_spans", "counter", &["receiver", "transport"]),
    ("otelcol_receiver_refused_spans", "counter", &["receiver", "transport"]),
    ("otelcol_receiver_accepted_metric_points", "counter", &["receiver", "transport"]),
    ("otelcol_receiver_refused_metric_points", "counter", &["receiver", "transport"]),
    ("otelcol_receiver_accepted_log_records", "counter", &["receiver", "transport"]),
    ("otelcol_receiver_refused_log_records", "counter", &["receiver", "transport"]),
    ("otelcol_processor_incoming_items", "counter", &["processor", "otel_signal"]),
    ("otelcol_processor_outgoing_items", "counter", &["processor", "otel_signal"]),
    ("otelcol_processor_memory_limiter_accepted_spans", "counter", &["processor"]),
    ("otelcol_processor_memory_limiter_refused_spans", "counter", &["processor"]),
    ("otelcol_processor_memory_limiter_accepted_metric_points", "counter", &["processor"]),
    ("otelcol_processor_memory_limiter_refused_metric_points", "counter", &["processor"]),
    ("otelcol_processor_memory_limiter_accepted_log_records", "counter", &["processor"]),
    ("otelcol_processor_memory_limiter_refused_log_records", "counter", &["processor"]),
    ("otelcol_processor_batch_batch_send_size_bucket", "histogram", &["processor", "le"]),
    ("otelcol_processor_batch_batch_send_size_count", "histogram", &["processor"]),
    ("otelcol_processor_batch_batch_send_size_sum", "histogram", &["processor"]),
    ("otelcol_processor_batch_batch_size_trigger_send", "counter", &["processor"]),
    ("otelcol_processor_batch_timeout_trigger_send", "counter", &["processor"]),
    ("otelcol_exporter_sent_spans", "counter", &["exporter"]),
    ("otelcol_exporter_send_failed_spans", "counter", &["exporter"]),
    ("otelcol_exporter_enqueue_failed_spans", "counter", &["exporter"]),
    ("otelcol_exporter_sent_metric_points", "counter", &["exporter"]),
    ("otelcol_exporter_send_failed_metric_points", "counter", &["exporter"]),
    ("otelcol_exporter_enqueue_failed_metric_points", "counter", &["exporter"]),
    ("otelcol_exporter_sent_log_records", "counter", &["exporter"]),
    ("otelcol_exporter_send_failed_log_records", "counter", &["exporter"]),
    ("otelcol_exporter_enqueue_failed_log_records", "counter", &["exporter"]),
    ("otelcol_exporter_queue_size", "gauge", &["exporter"]),
    ("otelcol_exporter_queue_capacity", "gauge", &["exporter"]),
    ("otelcol_process_memory_rss", "gauge", &[]),
    ("otelcol_process_runtime_total_sys_memory_bytes", "gauge", &[]),
    ("otelcol_process_runtime_heap_alloc_bytes", "gauge", &[]),
    ("otelcol_process_cpu_seconds", "counter", &[]),
    ("otelcol_process_uptime", "counter", &[]),
    ("target_info", "gauge", &["service_instance_id", "service_name", "service_version"]),
];

/// Grafana's `opentelemetry-collector-mixin`, read from a reader that writes suffixes.
const GRAFANA_MIXIN: &[Asked] = &[
    ("otelcol_process_cpu_seconds_total", "counter", &[]),
    ("otelcol_process_memory_rss_bytes", "gauge", &[]),
    ("otelcol_process_runtime_total_sys_memory_bytes", "gauge", &[]),
    ("otelcol_process_uptime_seconds_total", "counter", &[]),
    ("otelcol_receiver_accepted_metric_points_total", "counter", &[]),
    ("otelcol_receiver_accepted_log_records_total", "counter", &[]),
    ("otelcol_receiver_accepted_spans_total", "counter", &[]),
    ("otelcol_receiver_refused_metric_points_total", "counter", &[]),
    ("otelcol_receiver_refused_log_records_total", "counter", &[]),
    ("otelcol_receiver_refused_spans_total", "counter", &[]),
    ("otelcol_processor_incoming_items_total", "counter", &[]),
    ("otelcol_processor_outgoing_items_total", "counter", &[]),
    ("otelcol_processor_batch_batch_send_size_bucket", "histogram", &["le"]),
    ("otelcol_processor_batch_metadata_cardinality", "gauge", &[]),
    ("otelcol_processor_batch_timeout_trigger_send_total", "counter", &[]),
    ("otelcol_exporter_queue_size", "gauge", &[]),
    ("otelcol_exporter_queue_capacity", "gauge", &[]),
    ("otelcol_exporter_sent_metric_points_total", "counter", &[]),
    ("otelcol_exporter_sent_log_records_total", "counter", &[]),
    ("otelcol_exporter_sent_spans_total", "counter", &[]),
    ("otelcol_exporter_send_failed_metric_points_total", "counter", &[]),
    ("otelcol_exporter_send_failed_log_records_total", "counter", &[]),
    ("otelcol_exporter_send_failed_spans_total", "counter", &[]),
    ("otelcol_exporter_enqueue_failed_metric_points_total", "counter", &[]),
    ("otelcol_exporter_enqueue_failed_log_records_total", "counter", &[]),
    ("otelcol_exporter_enqueue_failed_spans_total", "counter", &[]),
];

/// The panels of the same dashboard for the network, which need the level `detailed`.
const GRAFANA_MIXIN_NETWORK: &[Asked] = &[
    ("http_server_request_duration_seconds_bucket", "histogram", &["le"]),
    ("http_server_request_body_size_bytes_bucket", "histogram", &["le"]),
    ("http_client_request_duration_seconds_bucket", "histogram", &["le"]),
    ("http_client_request_body_size_bytes_bucket", "histogram", &["le"]),
];

/// What else the Collector shows at `detailed`.
const DETAILED: &[Asked] = &[
    (
        "http_server_request_duration_count",
        "histogram",
        &[
            "http_request_method",
            "http_response_status_code",
            "http_route",
            "network_protocol_name",
            "network_protocol_version",
            "server_address",
            "server_port",
            "url_scheme",
        ],
    ),
    ("http_server_response_body_size_count", "histogram", &["http_route"]),
    (
        "http_client_request_duration_count",
        "histogram",
        &["http_request_method", "http_response_status_code", "server_address", "server_port", "url_scheme"],
    ),
    (
        "rpc_server_call_duration_count",
        "histogram",
        &["rpc_method", "rpc_response_status_code", "rpc_system_name"],
    ),
    (
        "rpc_client_call_duration_count",
        "histogram",
        &["rpc_method", "rpc_response_status_code", "rpc_system_name", "server_address", "server_port"],
    ),
    ("otelcol_exporter_enqueue_size_count", "histogram", &["exporter"]),
    ("otelcol_exporter_enqueue_size_bytes_count", "histogram", &["exporter"]),
    (
        "otelcol_exporter_queue_batch_send_size_count",
        "histogram",
        &["exporter", "server_address", "url_path"],
    ),
    ("otelcol_exporter_queue_batch_send_size_bytes_count", "histogram", &["exporter", "server_port"]),
    ("otelcol_exporter_in_flight_requests", "gauge", &["exporter", "data_type"]),
    ("otelcol_processor_batch_batch_send_size_bytes_count", "histogram", &["processor"]),
    ("otelcol_processor_internal_duration_count", "histogram", &["processor", "otel_signal"]),
    ("otelcol_exporter_sent_spans", "counter", &["exporter", "server_address", "server_port", "url_path"]),
];

/// Starts Spanloom with two readers, sends each signal over both protocols, and returns what each reader shows:
/// names without suffixes, and with.
async fn shown_at(level: &str) -> [String; 2] {
    let (sink, with_suffixes) = (Sink::start().await, free_address());
    let pipelines = ["traces", "metrics", "logs"].map(|signal| {
        format!(
            "    {signal}: {{receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp_grpc, otlp_http]}}\n"
        )
    });
    let config = format!(
        "receivers:\n  otlp:\n    protocols:\n      grpc: {{endpoint: \"${{env:GRPC}}\"}}\n      \
         http: {{endpoint: \"${{env:HTTP}}\"}}\n\
         processors:\n  batch: {{timeout: 50ms}}\n  \
         memory_limiter: {{check_interval: 1s, limit_mib: 1048576}}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"{at}\", tls: {{insecure: true}}}}\n  \
         otlp_http: {{endpoint: \"http://{at}\", sending_queue: {{batch: {{flush_timeout: 20ms}}}}}}\n\
         service:\n  pipelines:\n{}",
        pipelines.concat(),
        at = sink.address,
    );
    let reader = |port: &str, more: &str| {
        format!("{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {port}{more}}}}}}}}}")
    };
    let readers = format!(
        "service::telemetry::metrics::readers=[{}, {}]",
        reader("\"${env:METRICS_PORT}\"", ""),
        reader(&with_suffixes.port().to_string(), ", without_type_suffix: false, without_units: false"),
    );
    let level = format!("service::telemetry::metrics::level={level}");
    let spanloom = Spanloom::start_with(&config, &["--set", &readers, "--set", &level]).await;
    for signal in Signal::ALL {
        client::grpc(spanloom.grpc, signal, payload::request(signal, 3)).await.unwrap();
        client::http(spanloom.http, signal, payload::request(signal, 4)).await;
        // Both exporters.
        sink.wait_for_items(signal, 14).await;
    }
    spanloom.settled().await;
    let plain = spanloom.metrics().await;
    let answer = http_client().get(format!("http://{with_suffixes}/metrics")).send().await.unwrap();
    let suffixed = answer.text().await.unwrap();
    spanloom.finish().await;
    [plain, suffixed]
}

/// Fails if a metric of the table is missing, has another type, or has no series with its labels.
fn check(shown: &str, dashboard: &[Asked]) {
    for (name, kind, labels) in dashboard {
        let ends = ["_bucket", "_count", "_sum"];
        let family = match *kind {
            "histogram" => ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(*name),
            _ => *name,
        };
        let of_type = format!("# TYPE {family} {kind}\n");
        assert!(shown.contains(&of_type), "no `{of_type}` in:\n{shown}");
        let has_labels = |line: &str| {
            let (found, rest) = line.split_once(['{', ' ']).unwrap_or((line, ""));
            found == *name && labels.iter().all(|label| rest.contains(&format!("{label}=\"")))
        };
        assert!(shown.lines().any(has_labels), "no {name} with {labels:?} in:\n{shown}");
    }
}

/// Scenario: traffic of all signals at the Collector's default level, read by the default reader and by one with
/// suffixes.
/// Guarantees: each panel of two public dashboards has its data, and what the Collector shows at `detailed`
/// alone is not shown.
#[tokio::test]
async fn each_panel_of_public_dashboards_has_data() {
    let [plain, suffixed] = shown_at("normal").await;
    check(&plain, GRAFANA_15983);
    check(&suffixed, GRAFANA_MIXIN);
    for start in ["http_", "rpc_", "otelcol_exporter_enqueue_size", "otelcol_processor_internal_duration"] {
        assert!(!plain.lines().any(|line| line.starts_with(start)), "{start} in:\n{plain}");
    }
}

/// Scenario: the same traffic at the highest level.
/// Guarantees: requests are measured one by one, under the Collector's names and labels.
#[tokio::test]
async fn requests_are_measured_at_the_highest_level() {
    let [plain, suffixed] = shown_at("detailed").await;
    check(&suffixed, GRAFANA_MIXIN_NETWORK);
    check(&plain, DETAILED);
}

/// Scenario: the same traffic at the lowest level.
/// Guarantees: the metrics of `batch` are left out, as in the Collector, and the others are there.
#[tokio::test]
async fn the_lowest_level_leaves_out_batch() {
    let [plain, _] = shown_at("basic").await;
    let without_batch: Vec<Asked> = GRAFANA_15983
        .iter()
        .filter(|(name, ..)| !name.starts_with("otelcol_processor_batch_"))
        .copied()
        .collect();
    check(&plain, &without_batch);
    assert!(!plain.contains("otelcol_processor_batch_"), "{plain}");
}
