//! Values of every type as dimensions and as attributes of resources, and odd kinds, codes and trace states.

#![expect(clippy::expect_used, clippy::panic, reason = "tests' own helpers")]

use spanloom_otlp::{
    AnyValue, ExportMetricsServiceRequest, KeyValue, Message, NumberDataPoint, any_value::Value,
    metric::Data, number_data_point,
};
use spanloom_plugin::{Batch, testing};
use spanloom_span_metrics::SpanMetrics;

type Harness = testing::Connector<SpanMetrics>;

const LIST: &str = r#"{"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}"#;

/// A span with these fields, as JSON.
fn span(fields: &str) -> String {
    format!(r#"{{"name": "a", "kind": 2, {fields}}}"#)
}

fn with(value: &str) -> String {
    span(&format!(r#""attributes": [{{"key": "n", "value": {value}}}]"#))
}

/// Counts the spans, and returns the metrics of one flush.
fn metrics(config: &str, resource: &str, spans: &[String]) -> ExportMetricsServiceRequest {
    let json = format!(
        r#"{{"resourceSpans": [{{"resource": {{"attributes": [{resource}]}},
            "scopeSpans": [{{"scope": {{"name": "lib"}}, "spans": [{}]}}]}}]}}"#,
        spans.join(",")
    );
    let mut connector = Harness::new(config).expect("a config");
    connector.consume(testing::from_json(&json).expect("spans")).expect("consumed");
    let otlp = connector.flush().expect("metrics").into_iter().map(|batch| match batch {
        Batch::Metrics(metrics) => metrics.otlp(),
        other => panic!("{other:?} is no metrics"),
    });
    ExportMetricsServiceRequest::decode(otlp.collect::<Vec<_>>().concat().as_slice()).expect("metrics")
}

/// The points of a counter, each as the value of an attribute and the count.
fn points(request: &ExportMetricsServiceRequest, metric: &str, key: &str) -> Vec<(Option<Value>, i64)> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let named = scopes.flat_map(|scope| &scope.metrics).filter(|it| it.name.ends_with(metric));
    let points = named.flat_map(|metric| match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.iter(),
        other => panic!("{other:?} is no counter"),
    });
    points.map(|point| (attribute(&point.attributes, key), count(point))).collect()
}

fn count(point: &NumberDataPoint) -> i64 {
    match point.value {
        Some(number_data_point::Value::AsInt(count)) => count,
        other => panic!("{other:?} is no count"),
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let mut of_key = attributes.iter().filter(|attribute| attribute.key == key);
    let value = of_key.next().map(|attribute| attribute.value.clone().and_then(|value| value.value));
    assert!(of_key.next().is_none(), "{key} twice");
    // An empty value is a value.
    value.map(|value| value.unwrap_or(Value::BytesValue(Vec::new())))
}

fn text(text: &str) -> Option<Value> {
    Some(Value::StringValue(text.to_owned()))
}

fn list() -> Value {
    let values = vec![AnyValue::from(1_i64), AnyValue::from("x")];
    Value::ArrayValue(spanloom_otlp::ArrayValue { values })
}

const DIMENSION: &str = r#"{"histogram": {"disable": true}, "dimensions": [{"name": "n"}]}"#;

#[test]
fn values_with_the_same_text_are_one_series_of_the_first_type() {
    let spans = [
        r#"{"intValue": "200"}"#,
        r#"{"stringValue": "200"}"#,
        r#"{"doubleValue": 200.0}"#,
        r#"{"boolValue": true}"#,
        r#"{"stringValue": "true"}"#,
    ];
    let request = metrics(DIMENSION, "", &spans.map(with));
    assert_eq!(
        points(&request, "calls", "n"),
        [(Some(Value::IntValue(200)), 3), (Some(Value::BoolValue(true)), 2)]
    );
}

#[test]
fn an_empty_text_and_no_value_are_one_series() {
    let spans = [with(r#"{"stringValue": ""}"#), with("{}"), span(r#""attributes": []"#)];
    assert_eq!(points(&metrics(DIMENSION, "", &spans), "calls", "n"), [(text(""), 3)]);
    let spans = [span(r#""attributes": []"#), with(r#"{"stringValue": ""}"#)];
    assert_eq!(points(&metrics(DIMENSION, "", &spans), "calls", "n"), [(None, 2)]);
}

#[test]
fn lists_maps_and_bytes_are_dimensions() {
    let entry = |key: &str| format!(r#"{{"key": "{key}", "value": {{"boolValue": false}}}}"#);
    let map = |first: &str, second: &str| {
        with(&format!(r#"{{"kvlistValue": {{"values": [{}, {}]}}}}"#, entry(first), entry(second)))
    };
    let spans = [
        with(LIST),
        with(r#"{"stringValue": "[1,\"x\"]"}"#),
        map("z", "a"),
        map("a", "z"),
        with(r#"{"bytesValue": "/wA="}"#),
    ];
    let points = points(&metrics(DIMENSION, "", &spans), "calls", "n");
    assert_eq!(points[0], (Some(list()), 2));
    assert!(matches!(points[1], (Some(Value::KvlistValue(_)), 2)), "{points:?}");
    assert_eq!(points[2..], [(Some(Value::BytesValue(vec![255, 0])), 1)]);
}

#[test]
fn attributes_of_a_resource_keep_their_types() {
    let resource = format!(
        r#"{{"key": "list", "value": {LIST}}}, {{"key": "text", "value": {{"stringValue": "[1]"}}}}"#
    );
    let config = r#"{"histogram": {"dimensions": [{"name": "list"}]}}"#;
    let request = metrics(config, &resource, &[span(r#""attributes": []"#)]);
    let attributes = &request.resource_metrics[0].resource.as_ref().expect("a resource").attributes;
    assert_eq!(attribute(attributes, "list"), Some(list()));
    assert_eq!(attribute(attributes, "text"), text("[1]"));
    // The duration has the list as its dimension, and the calls have not.
    assert_eq!(points(&request, "calls", "list"), [(None, 1)]);
    let durations = &request.resource_metrics[0].scope_metrics[0].metrics[1];
    let Some(Data::Histogram(histogram)) = &durations.data else { panic!("no histogram") };
    assert_eq!(attribute(&histogram.data_points[0].attributes, "list"), Some(list()));
}

#[test]
fn kinds_and_codes_that_otlp_does_not_have_are_empty() {
    let spans = [
        r#"{"name": "a", "kind": 6, "status": {"code": 3}}"#,
        r#"{"name": "a", "kind": 7, "status": {"code": 4}}"#,
        r#"{"name": "a"}"#,
    ];
    let request = metrics(r#"{"histogram": {"disable": true}}"#, "", &spans.map(str::to_owned));
    assert_eq!(points(&request, "calls", "span.kind"), [(text(""), 2), (text("SPAN_KIND_UNSPECIFIED"), 1)]);
    assert_eq!(points(&request, "calls", "status.code"), [(text(""), 2), (text("STATUS_CODE_UNSET"), 1)]);
}

#[test]
fn a_malformed_trace_state_counts_once() {
    let states = ["ot=th:8", "ot=th:8;rv:1", "ot=th:zz", "ot=p:3;r:5", "x=y,ot=th:c;p:1", "ot=th:8,x"];
    let spans = states.map(|state| span(&format!(r#""traceState": "{state}""#)));
    let config = r#"{"histogram": {"disable": true}, "enable_metrics_sampling_method": true}"#;
    let request = metrics(config, "", &spans);
    assert_eq!(
        points(&request, "calls", "sampling.method"),
        [(text("extrapolated"), 2 + 4), (text("counted"), 4)]
    );
}

#[test]
fn a_dimension_in_two_lists_is_one_dimension() {
    let config = r#"{
        "dimensions": [{"name": "n", "default": "first"}, {"name": "sampling.method"}],
        "calls_dimensions": [{"name": "n", "default": "second"}],
        "histogram": {"disable": true},
        "enable_metrics_sampling_method": true
    }"#;
    let request = metrics(config, "", &[span(r#""attributes": []"#), with(r#"{"stringValue": "x"}"#)]);
    assert_eq!(points(&request, "calls", "n"), [(text("second"), 1), (text("x"), 1)]);
    assert_eq!(points(&request, "calls", "sampling.method"), [(text("counted"), 1), (text("counted"), 1)]);
    // An attribute that the config names takes the place of a label of the connector's own.
    let named = span(r#""attributes": [{"key": "sampling.method", "value": {"stringValue": "mine"}}]"#);
    let request = metrics(config, "", &[named]);
    assert_eq!(points(&request, "calls", "sampling.method"), [(text("mine"), 1)]);
}

#[test]
fn attributes_that_match_a_pattern_are_dimensions() {
    let config = r#"{
        "dimensions": [{"glob": "k8s.*.name"}, {"name": "n", "default": "none"}],
        "calls_dimensions": [{"glob": "[n-o]"}],
        "histogram": {"disable": true},
        "events": {"enabled": true, "dimensions": [{"glob": "exception.**"}]}
    }"#;
    let text_of =
        |key: &str, value: &str| format!(r#"{{"key": "{key}", "value": {{"stringValue": "{value}"}}}}"#);
    let resource = [text_of("k8s.pod.name", "pod-1"), text_of("k8s.pod.uid", "7")].join(",");
    let event = format!(r#"{{"name": "exception", "attributes": [{}]}}"#, text_of("exception.type.x", "E"));
    let spans = [
        span(&format!(
            r#""attributes": [{}, {{"key": "n", "value": {{"intValue": "1"}}}}], "events": [{event}]"#,
            text_of("k8s.pod.name", "of the span")
        )),
        span(r#""attributes": [{"key": "k8s.cluster.name", "value": {"intValue": "2"}}]"#),
    ];
    let request = metrics(config, &resource, &spans);
    assert_eq!(points(&request, "calls", "k8s.pod.name"), [(text("of the span"), 1), (text("pod-1"), 1)]);
    assert_eq!(points(&request, "calls", "k8s.cluster.name"), [(None, 1), (Some(Value::IntValue(2)), 1)]);
    assert_eq!(points(&request, "calls", "n"), [(Some(Value::IntValue(1)), 1), (text("none"), 1)]);
    assert_eq!(points(&request, "calls", "exception.type.x"), [(None, 1), (None, 1)]);
    assert_eq!(points(&request, "calls", "k8s.pod.uid"), [(None, 1), (None, 1)]);
    assert_eq!(points(&request, "events", "exception.type.x"), [(text("E"), 1)]);
}

#[test]
fn a_section_without_a_value_has_the_defaults() {
    let nulls = r#"{"histogram": null, "exemplars": null, "events": null}"#;
    let more = r#"{"histogram": {"explicit": null, "exponential": {"enabled": false}, "unit": "MS"}}"#;
    let spans = [with(r#"{"intValue": "1"}"#)];
    let default = metrics("{}", "", &spans);
    assert_eq!(metrics(nulls, "", &spans), default);
    assert_eq!(metrics(more, "", &spans), default);
    // As in the Collector, an empty namespace and none are the same.
    assert_eq!(metrics(r#"{"namespace": null}"#, "", &spans), metrics(r#"{"namespace": ""}"#, "", &spans));
}

#[test]
fn the_overflow_has_no_exemplars() {
    let ids = r#""traceId": "5b8efff798038103d269b633813fc60c", "spanId": "0000000000000001""#;
    let spans = ["b", "c"].map(|name| format!(r#"{{"name": "{name}", {ids}}}"#));
    let config = r#"{"exemplars": {"enabled": true}, "aggregation_cardinality_limit": 1, "histogram": {"disable": true}}"#;
    let request = metrics(config, "", &spans);
    let Some(Data::Sum(sum)) = &request.resource_metrics[0].scope_metrics[0].metrics[0].data else {
        panic!("no counter")
    };
    let exemplars: Vec<usize> = sum.data_points.iter().map(|point| point.exemplars.len()).collect();
    assert_eq!(exemplars, [1, 0]);
}
