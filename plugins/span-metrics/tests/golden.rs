//! Checks each rule: an input and its metrics lie side by side in `golden/`.

#![expect(clippy::expect_used, clippy::panic, reason = "tests' own helpers")]

use std::path::Path;
use std::time::Duration;

use spanloom_aggregate::golden;
use spanloom_plugin::{Batch, testing};
use spanloom_span_metrics::SpanMetrics;

type Harness = testing::Connector<SpanMetrics>;

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
fn spans_are_counted_by_service_name_kind_and_status_for_each_resource() {
    check("default", "shop", "{}");
}

#[test]
fn durations_may_be_in_seconds() {
    check("seconds", "shop", r#"{"histogram": {"unit": "s"}}"#);
}

#[test]
fn buckets_are_those_of_the_config_in_its_unit() {
    check("buckets", "shop", r#"{"histogram": {"explicit": {"buckets": ["500us", "3ms", "1s"]}}}"#);
}

#[test]
fn exponential_buckets_widen_to_their_number() {
    check(
        "exponential",
        "shop",
        r#"{"histogram": {"exponential": {"max_size": 4}}, "exclude_dimensions": ["span.name", "span.kind", "status.code"]}"#,
    );
}

#[test]
fn the_duration_metric_may_be_left_out() {
    check("calls-only", "shop", r#"{"histogram": {"disable": true}}"#);
}

#[test]
fn a_dimension_is_the_spans_else_the_resources_else_its_default() {
    let config = r#"{
        "histogram": {"disable": true},
        "exclude_dimensions": ["span.kind", "status.code"],
        "dimensions": [
            {"name": "http.response.status_code"},
            {"name": "host.name"},
            {"name": "rpc.ratio"},
            {"name": "rpc.cached"},
            {"name": "http.route", "default": "none"}
        ]
    }"#;
    check("dimensions", "shop", config);
}

#[test]
fn calls_and_durations_may_have_dimensions_of_their_own() {
    let config = r#"{
        "exclude_dimensions": ["span.name", "span.kind"],
        "calls_dimensions": [{"name": "http.route"}],
        "histogram": {"explicit": {"buckets": ["10ms"]}, "dimensions": [{"name": "process.pid"}]}
    }"#;
    check("own-dimensions", "shop", config);
}

#[test]
fn resources_are_told_apart_by_the_attributes_named() {
    check(
        "resource-keys",
        "shop",
        r#"{"histogram": {"disable": true}, "resource_metrics_key_attributes": ["service.name"]}"#,
    );
}

#[test]
fn names_have_no_namespace_if_it_is_empty() {
    check("no-namespace", "unnamed", r#"{"namespace": ""}"#);
}

#[test]
fn exemplars_name_the_first_spans() {
    let config = r#"{"exemplars": {"enabled": true, "max_per_data_point": 1}, "histogram": {"explicit": {"buckets": ["10ms"]}}}"#;
    check("exemplars", "sampled", config);
}

#[test]
fn events_are_counted_by_their_attributes() {
    let config = r#"{"histogram": {"disable": true}, "events": {"enabled": true, "dimensions": [{"name": "exception.type"}]}}"#;
    check("events", "shop", config);
}

#[test]
fn series_beyond_the_limit_are_counted_together() {
    let config = r#"{"histogram": {"explicit": {"buckets": ["10ms"]}}, "aggregation_cardinality_limit": 2}"#;
    check("overflow", "shop", config);
}

#[test]
fn scopes_that_are_named_are_dimensions() {
    check("scopes", "shop", r#"{"histogram": {"disable": true}, "include_instrumentation_scope": ["http"]}"#);
}

#[test]
fn a_sampled_span_counts_for_those_that_it_stands_for() {
    check(
        "sampled",
        "sampled",
        r#"{"enable_metrics_sampling_method": true, "histogram": {"explicit": {"buckets": ["2ms", "4ms"]}}}"#,
    );
}

#[test]
fn the_collector_is_a_dimension_if_it_says_who_it_is() {
    check("instance", "sampled", r#"{"collector_instance_id": "0b5ad2b6", "histogram": {"disable": true}}"#);
}

#[test]
fn deltas_begin_where_the_last_ended() {
    let mut connector = connector(
        r#"{"aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA", "histogram": {"explicit": {"buckets": ["2ms"]}}}"#,
    );
    let mut metrics = Vec::new();
    consume(&mut connector, "sampled");
    metrics.extend(flush(&mut connector));
    assert!(flush(&mut connector).is_empty(), "a minute without spans");
    consume(&mut connector, "unnamed");
    consume(&mut connector, "sampled");
    metrics.extend(flush(&mut connector));
    hold("delta", &metrics);
}

#[test]
fn cumulative_points_go_on_from_their_start() {
    let mut connector = connector(r#"{"histogram": {"disable": true}}"#);
    consume(&mut connector, "unnamed");
    let mut metrics = flush(&mut connector);
    metrics.extend(flush(&mut connector));
    consume(&mut connector, "unnamed");
    metrics.extend(flush(&mut connector));
    hold("cumulative", &metrics);
}

#[test]
fn a_resource_too_many_pushes_out_the_one_used_longest_ago() {
    let mut connector = connector(r#"{"histogram": {"disable": true}, "resource_metrics_cache_size": 1}"#);
    assert!(consume(&mut connector, "unnamed").is_empty());
    let left = consume(&mut connector, "sampled");
    assert_eq!(left.len(), 1);
    hold("pushed-out", &left);
    assert_eq!(flush(&mut connector).len(), 1);
}
