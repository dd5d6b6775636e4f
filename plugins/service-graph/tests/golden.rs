//! Checks each rule: an input and its metrics lie side by side in `golden/`.

#![expect(clippy::expect_used, clippy::panic, reason = "tests' own helpers")]

use std::path::Path;
use std::time::Duration;

use spanloom_aggregate::golden;
use spanloom_plugin::{Batch, testing};
use spanloom_service_graph::ServiceGraph;

type Harness = testing::Connector<ServiceGraph>;

/// The start of the test's time: 2025-10-09.
const START: Duration = Duration::from_secs(1_760_000_000);

fn otlp(batches: Vec<Batch>) -> Vec<Vec<u8>> {
    let otlp = |batch| match batch {
        Batch::Metrics(metrics) => metrics.otlp(),
        other => panic!("{other:?} is no metrics"),
    };
    batches.into_iter().map(otlp).collect()
}

fn consume(connector: &mut Harness, input: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{input}.otlp.json"));
    let spans = testing::from_json(&std::fs::read_to_string(path).expect("an input")).expect("spans");
    otlp(connector.consume(spans).expect("consumed"))
}

/// Returns the harness at the start of the test's time. The next points are due after the config's interval.
fn connector(config: &str) -> Harness {
    let mut connector = Harness::new(config).expect("a config");
    testing::advance(START);
    // The clock has moved since the connector was configured, so points are due.
    assert_eq!(connector.wake().expect("nothing yet").len(), 0);
    connector
}

fn flush(connector: &mut Harness) -> Vec<Vec<u8>> {
    testing::advance(Duration::from_secs(60));
    otlp(connector.wake().expect("metrics"))
}

/// Compares the metrics of one minute of the input with the golden file.
fn check(golden: &str, input: &str, config: &str) {
    let mut connector = connector(config);
    assert!(consume(&mut connector, input).is_empty());
    hold(golden, &flush(&mut connector));
}

fn hold(golden: &str, metrics: &[Vec<u8>]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{golden}.metrics.json"));
    golden::check(&path, &golden::metrics_json(metrics));
}

#[test]
fn a_clients_span_and_its_servers_make_an_edge() {
    check("request", "request", r#"{"latency_histogram_buckets": ["10ms", "20ms"]}"#);
}

#[test]
fn buckets_are_the_collectors_in_seconds() {
    check("buckets", "messaging", "{}");
}

#[test]
fn exponential_buckets_widen_to_their_number() {
    check("exponential", "request", r#"{"exponential_histogram_max_size": 4}"#);
}

#[test]
fn dimensions_are_of_either_side_and_of_the_resource_first() {
    let config = r#"{"dimensions": ["zone", "tier"], "latency_histogram_buckets": ["10ms"]}"#;
    check("dimensions", "request", config);
}

#[test]
fn a_producer_and_its_consumer_are_joined_by_a_messaging_system() {
    check("messaging", "messaging", r#"{"latency_histogram_buckets": ["10ms"]}"#);
}

#[test]
fn a_database_needs_no_span_of_its_own() {
    check("database", "database", r#"{"latency_histogram_buckets": ["10ms"]}"#);
    let config =
        r#"{"latency_histogram_buckets": ["10ms"], "database_name_attributes": ["none", "db.namespace"]}"#;
    check("database-namespace", "database", config);
}

#[test]
fn a_server_that_sends_no_span_is_a_virtual_node() {
    let config = r#"{"latency_histogram_buckets": ["10ms"], "virtual_node_extra_label": true}"#;
    check("virtual-server", "client-only", config);
}

#[test]
fn a_root_span_of_a_server_is_called_by_a_user_and_one_with_a_parent_is_unpaired() {
    let config = r#"{"latency_histogram_buckets": ["10ms"], "virtual_node_extra_label": true}"#;
    check("virtual-client", "server-only", config);
}

#[test]
fn without_peer_attributes_there_are_no_virtual_nodes() {
    let mut connector = connector(r#"{"virtual_node_peer_attributes": []}"#);
    consume(&mut connector, "client-only");
    consume(&mut connector, "server-only");
    hold("unpaired", &flush(&mut connector));
    assert_eq!(testing::metric("otelcol_connector_servicegraph_expired_edges"), Some(3.0));
}

#[test]
fn a_span_that_finds_the_store_full_is_dropped_and_counted() {
    let mut connector = connector(r#"{"store": {"max_items": 1}, "latency_histogram_buckets": ["10ms"]}"#);
    consume(&mut connector, "client-only");
    hold("dropped", &flush(&mut connector));
    assert_eq!(testing::metric("otelcol_connector_servicegraph_dropped_spans"), Some(1.0));
    assert_eq!(testing::metric("otelcol_connector_servicegraph_total_edges"), Some(1.0));
}

#[test]
fn the_other_side_may_come_later_but_not_too_late() {
    let edges = |wait: Duration| {
        let mut connector = connector("{}");
        consume(&mut connector, "client-only");
        testing::advance(wait);
        connector.wake().expect("nothing yet");
        consume(&mut connector, "server-of-request");
        golden::metrics_json(&flush(&mut connector)).to_string()
    };
    let paired = edges(Duration::from_millis(1999));
    assert!(paired.contains(r#""key":"server","value":{"stringValue":"shop"}"#), "{paired}");
    let late = edges(Duration::from_secs(2));
    assert!(!late.contains("traces_service_graph_request_server"), "{late}");
    assert!(late.contains("traces_service_graph_unpaired_spans_total"), "{late}");
}

#[test]
fn points_are_dated_back_by_the_offset() {
    let config = r#"{"latency_histogram_buckets": ["10ms"], "metrics_timestamp_offset": "10s"}"#;
    check("offset", "database", config);
}

#[test]
fn without_an_interval_points_leave_with_each_batch() {
    let mut connector = Harness::new(r#"{"metrics_flush_interval": 0}"#).expect("a config");
    assert_eq!(consume(&mut connector, "database").len(), 1);
    assert_eq!(consume(&mut connector, "database").len(), 1);
}

#[test]
fn a_series_that_is_still_for_a_quarter_of_an_hour_is_forgotten() {
    let mut connector = connector("{}");
    consume(&mut connector, "database");
    for minute in 1..=16 {
        let told = !flush(&mut connector).is_empty();
        assert_eq!(told, minute < 15, "minute {minute}");
    }
}

#[test]
fn spans_of_nobody_are_in_no_edge() {
    let mut connector = connector("{}");
    consume(&mut connector, "unnamed");
    assert!(flush(&mut connector).is_empty());
}

#[test]
fn what_waits_at_the_end_is_counted() {
    let mut connector = connector("{}");
    consume(&mut connector, "client-only");
    let left = golden::metrics_json(&otlp(connector.flush().expect("metrics"))).to_string();
    assert!(left.contains("payments") && left.contains("unknown"), "{left}");
}
