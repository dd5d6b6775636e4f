//! Properties that hold for all spans.

#![expect(clippy::expect_used, clippy::panic, reason = "tests' own helpers")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use spanloom_otlp::{ExportMetricsServiceRequest, KeyValue, Message, metric::Data, number_data_point};
use spanloom_plugin::{Batch, SpanBatch, testing};
use spanloom_service_graph::ServiceGraph;

type Harness = testing::Connector<ServiceGraph>;

/// Trace, span, parent (0: none), kind, service.
type Given = (u8, u8, u8, u8, u8);

fn given() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec((1..3_u8, 1..20_u8, 0..20_u8, 0..6_u8, 0..4_u8), 0..40)
}

/// Returns the spans, each with a resource of its own.
fn spans(given: &[Given]) -> SpanBatch {
    let spans = given.iter().map(|(trace, span, parent, kind, service)| {
        format!(
            r#"{{"resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "service-{service}"}}}}]}},
                "scopeSpans": [{{"spans": [{{"traceId": "{trace:032x}", "spanId": "{span:016x}", "parentSpanId": "{parent:016x}",
                "name": "a", "kind": {kind}, "startTimeUnixNano": "1000", "endTimeUnixNano": "2000000"}}]}}]}}"#
        )
    });
    let spans: Vec<String> = spans.collect();
    testing::from_json(&format!(r#"{{"resourceSpans": [{}]}}"#, spans.join(","))).expect("spans")
}

fn decoded(batches: Vec<Batch>) -> ExportMetricsServiceRequest {
    let otlp = batches.into_iter().map(|batch| match batch {
        Batch::Metrics(metrics) => metrics.otlp(),
        other => panic!("{other:?} is no metrics"),
    });
    ExportMetricsServiceRequest::decode(otlp.collect::<Vec<_>>().concat().as_slice()).expect("metrics")
}

/// Sums the points of each metric: the counts, and the buckets of histograms.
fn sums(request: &ExportMetricsServiceRequest) -> BTreeMap<&str, (u64, u64)> {
    let mut sums = BTreeMap::new();
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    for metric in scopes.flat_map(|scope| &scope.metrics) {
        let (count, buckets): (u64, u64) = match metric.data.as_ref().expect("data") {
            Data::Sum(sum) => {
                let counts = sum.data_points.iter().map(|point| match point.value {
                    Some(number_data_point::Value::AsInt(count)) => count.cast_unsigned(),
                    other => panic!("{other:?} is no count"),
                });
                (counts.sum(), 0)
            }
            Data::Histogram(histogram) => {
                let points = &histogram.data_points;
                (
                    points.iter().map(|point| point.count).sum(),
                    points.iter().flat_map(|point| &point.bucket_counts).sum(),
                )
            }
            other => panic!("{other:?} is not ours"),
        };
        let sum: &mut (u64, u64) = sums.entry(metric.name.as_str()).or_default();
        *sum = (sum.0 + count, sum.1 + buckets);
    }
    sums
}

fn of(sums: &BTreeMap<&str, (u64, u64)>, metric: &str) -> u64 {
    sums.get(format!("traces_service_graph_{metric}").as_str()).map_or(0, |(count, _)| *count)
}

const CONFIGS: [&str; 3] = [
    "{}",
    r#"{"virtual_node_peer_attributes": [], "store": {"max_items": 3}}"#,
    r#"{"virtual_node_extra_label": true, "dimensions": ["service.name"]}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_edge_ends_as_a_request_or_as_a_loss(batches in prop::collection::vec(given(), 1..4)) {
        for config in CONFIGS {
            let mut connector = Harness::new(config).expect("a config");
            for given in &batches {
                connector.consume(spans(given)).expect("consumed");
                testing::advance(Duration::from_millis(700));
            }
            let request = decoded(connector.flush().expect("metrics"));
            let sums = sums(&request);
            let edges = testing::metric("otelcol_connector_servicegraph_total_edges").unwrap_or_default() as u64;
            let dropped = testing::metric("otelcol_connector_servicegraph_dropped_spans").unwrap_or_default() as u64;
            prop_assert_eq!(of(&sums, "request_total") + of(&sums, "unpaired_spans_total"), edges);
            prop_assert_eq!(of(&sums, "dropped_spans_total"), dropped);
            for (metric, (count, buckets)) in &sums {
                prop_assert!(metric.ends_with("_total") || count == buckets, "{metric}: {count}, {buckets}");
            }
        }
    }

    #[test]
    fn handing_over_changes_nothing(before in given(), after in given()) {
        for config in CONFIGS {
            let told = |hand_over: bool| {
                let mut connector = Harness::new(config).expect("a config");
                connector.consume(spans(&before)).expect("consumed");
                if hand_over {
                    connector.hand_over(config).expect("restored");
                }
                connector.consume(spans(&after)).expect("consumed");
                decoded(connector.flush().expect("metrics"))
            };
            prop_assert_eq!(told(true), told(false));
        }
    }

    #[test]
    fn an_instance_that_saved_in_vain_goes_on(before in given(), after in given()) {
        let told = |save: bool| {
            let mut connector = Harness::new(CONFIGS[1]).expect("a config");
            connector.consume(spans(&before)).expect("consumed");
            prop_assert!(!save || !connector.save().expect("a state").state.is_empty());
            connector.consume(spans(&after)).expect("consumed");
            Ok(decoded(connector.flush().expect("metrics")))
        };
        prop_assert_eq!(told(true)?, told(false)?);
    }

    #[test]
    fn a_config_of_another_shape_loses_no_edge(before in given(), after in given()) {
        let total = |configs: [&str; 3]| {
            let mut connector = Harness::new(configs[0]).expect("a config");
            connector.consume(spans(&before)).expect("consumed");
            connector.reconfigure(configs[1]).expect("a config");
            connector.hand_over(configs[2]).expect("restored");
            // The last points of the old shapes leave with the next call.
            let mut left = connector.consume(spans(&after)).expect("consumed");
            left.extend(connector.flush().expect("metrics"));
            let request = decoded(left);
            let sums = sums(&request);
            (of(&sums, "request_total"), of(&sums, "unpaired_spans_total"))
        };
        prop_assert_eq!(total([CONFIGS[0], CONFIGS[2], CONFIGS[0]]), total([CONFIGS[0]; 3]));
    }
}

#[test]
fn edges_that_wait_expire_in_the_instance_that_takes_over() {
    let mut connector = Harness::new("{}").expect("a config");
    connector.consume(spans(&[(1, 1, 9, 3, 0)])).expect("consumed");
    connector.hand_over("{}").expect("restored");
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(2)));
    testing::advance(Duration::from_secs(2));
    assert_eq!(connector.wake().expect("nothing").len(), 0);
    testing::advance(Duration::from_secs(58));
    let request = decoded(connector.wake().expect("metrics"));
    assert_eq!(of(&sums(&request), "request_total"), 1);
}

#[test]
fn a_key_without_a_value_has_the_default() {
    let config = r#"{"store": null, "virtual_node_peer_attributes": null, "database_name_attributes": null,
        "latency_histogram_buckets": null, "database_name_attribute": null}"#;
    let total = |config: &str| {
        let mut connector = Harness::new(config).expect("a config");
        connector.consume(spans(&[(1, 1, 9, 3, 0)])).expect("consumed");
        decoded(connector.flush().expect("metrics"))
    };
    let request = total(config);
    // The client's span has a virtual server.
    assert_eq!(of(&sums(&request), "request_total"), 1);
    assert_eq!(request, total("{}"));
}

#[test]
fn a_dimension_of_any_type_is_its_text() {
    let span = |kind: u8, parent: u8, value: &str| {
        format!(
            r#"{{"traceId": "{:032x}", "spanId": "{:016x}", "parentSpanId": "{parent:016x}", "name": "a", "kind": {kind},
                "attributes": [{{"key": "n", "value": {value}}}]}}"#,
            1,
            parent + 1
        )
    };
    let spans = [
        span(3, 0, r#"{"doubleValue": 200.0}"#),
        span(2, 1, r#"{"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}"#),
    ];
    let resource = r#"{"key": "service.name", "value": {"stringValue": "shop"}}"#;
    let json = format!(
        r#"{{"resourceSpans": [{{"resource": {{"attributes": [{resource}]}}, "scopeSpans": [{{"spans": [{}]}}]}}]}}"#,
        spans.join(",")
    );
    let mut connector = Harness::new(r#"{"dimensions": ["n"]}"#).expect("a config");
    connector.consume(testing::from_json(&json).expect("spans")).expect("consumed");
    let request = decoded(connector.flush().expect("metrics"));
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(Data::Sum(sum)) = &metric.data else { panic!("no counter") };
    for (key, value) in [("client_n", "200"), ("server_n", r#"[1,"x"]"#)] {
        assert!(sum.data_points[0].attributes.contains(&KeyValue::new(key, value)), "{key}");
    }
}

#[test]
fn what_is_wrong_in_a_config_is_named() {
    for (config, path) in [
        (r#"{"exponential_histogram_max_size": 1}"#, "exponential_histogram_max_size"),
        (
            r#"{"exponential_histogram_max_size": 9, "latency_histogram_buckets": ["1s"]}"#,
            "latency_histogram_buckets",
        ),
        (r#"{"latency_histogram_buckets": ["2s", "1s"]}"#, "latency_histogram_buckets"),
        (r#"{"store": {"ttl": "soon"}}"#, "store.ttl"),
    ] {
        assert_eq!(Harness::new(config).expect_err(config).path, path);
    }
}

/// Returns the defaults of a schema as a config.
fn defaults(schema: &serde_json::Value) -> serde_json::Value {
    let properties = schema["properties"].as_object().expect("properties");
    let default = |(key, property): (&String, &serde_json::Value)| {
        assert!(property["description"].is_string(), "{key} is not described");
        let nested = property.get("properties").map(|_| defaults(property));
        Some((key.clone(), property.get("default").cloned().or(nested)?))
    };
    properties.iter().filter_map(default).collect()
}

#[test]
fn the_schema_describes_each_key_and_its_defaults_are_a_config() {
    let schema = serde_json::from_str(include_str!("../config.schema.json")).expect("JSON");
    let config = defaults(&schema);
    Harness::new(&config.to_string()).expect("a config");
    let named: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
    let unknown = Harness::new(r#"{"unknown": 1}"#).expect_err("an unknown key").message;
    for key in named {
        assert!(unknown.contains(&format!("`{key}`")), "{key} is not read: {unknown}");
    }
    assert_eq!(
        unknown.matches('`').count() / 2 - 1,
        schema["properties"].as_object().map_or(0, serde_json::Map::len)
    );
}
