//! The connector `span_metrics`: series, labels and values by each of its keys, as a scrape shows them.

use std::time::Duration;

use anyhow::Result;
use futures::join;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::prometheus::compared;
use crate::{
    configs::QUIET,
    http1::{self, Request},
    observation::Case,
    pair::Pair,
    scrape,
    side::{Binaries, Side},
};

const CONFIGS: &[(&str, &str)] = &[
    ("default", ""),
    (
        "dimensions",
        "dimensions: [{name: http.method}, {name: absent, default: none}, {name: n}, {name: host.name}]",
    ),
    (
        "calls-dimensions",
        "dimensions: [{name: n}]\n    calls_dimensions: [{name: http.method}]\n    histogram: {dimensions: [{name: list}]}",
    ),
    (
        "dimensions-twice",
        "dimensions: [{name: n}]\n    calls_dimensions: [{name: n, default: none}]\n    histogram: {dimensions: [{name: n}]}",
    ),
    ("glob", "dimensions: [{glob: \"http.*\"}, {glob: \"host.**\"}, {name: n, default: none}]"),
    ("exclude", "exclude_dimensions: [status.code, span.kind]"),
    ("seconds", "histogram: {unit: s, explicit: {buckets: [100ms, 1s]}}"),
    ("exponential", "histogram: {exponential: {max_size: 20}}"),
    ("histogram-null", "histogram:"),
    ("histogram-nulls", "histogram: {unit: S, explicit: , exponential: }"),
    ("nulls", "exemplars:\n    events:\n    namespace:\n    dimensions:\n    aggregation_temporality:"),
    ("histogram-disabled", "histogram: {disable: true}"),
    ("delta", "aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA"),
    ("namespace", "namespace: my.ns"),
    ("namespace-empty", "namespace: \"\""),
    ("exemplars", "exemplars: {enabled: true}"),
    ("events", "events: {enabled: true, dimensions: [{name: exception.type}]}"),
    ("resource-keys", "resource_metrics_key_attributes: [service.name]"),
    ("cardinality", "aggregation_cardinality_limit: 1"),
    ("instance-id", "include_instrumentation_scope: [lib]"),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let requests = requests();
    for (name, keys) in CONFIGS {
        let pair = match Pair::start_or_case(binaries, name, &config(keys)).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        for (_, body) in &requests {
            let (collector, spanloom) = join!(send(&pair.collector, body), send(&pair.spanloom, body));
            collector?;
            spanloom?;
        }
        // Metrics are flushed each 200 ms.
        sleep(Duration::from_millis(900)).await;
        let collector = scrape::scrape(pair.collector.at.scrape, "text/plain").await?;
        let spanloom = scrape::scrape(pair.spanloom.at.scrape, "text/plain").await?;
        binaries.promcheck.check(name, pair.spanloom.at.scrape).await?;
        cases.extend(compared(name, requests.iter().map(|(input, _)| input.as_str()), &collector, &spanloom));
        cases.push(pair.stop(&format!("{name}-exit")).await);
    }
    Ok(cases)
}

fn config(keys: &str) -> String {
    format!(
        "receivers:
  otlp: {{protocols: {{http: {{endpoint: \"${{env:HTTP}}\"}}}}}}
connectors:
  span_metrics:
    metrics_flush_interval: 200ms
    {keys}
exporters:
  prometheus: {{endpoint: \"${{env:SCRAPE}}\"}}
service:
  {QUIET}
  pipelines:
    traces: {{receivers: [otlp], exporters: [span_metrics]}}
    metrics: {{receivers: [span_metrics], exporters: [prometheus]}}
"
    )
}

async fn send(side: &Side, body: &str) -> Result<u16> {
    let request = Request::post("/v1/traces", "application/json", body);
    Ok(http1::exchange(side.at.http, &request.bytes(), false).await?.status)
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(key: &str, value: &str) -> Value {
    attribute(key, json!({"stringValue": value}))
}

/// A span of 250 ms with these fields over the usual ones.
fn span(fields: Value) -> Value {
    let mut span = json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "GET /", "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000250000000"});
    if let (Some(span), Value::Object(fields)) = (span.as_object_mut(), fields) {
        span.extend(fields);
    }
    span
}

/// The inputs, each with a service of its own.
fn requests() -> Vec<(String, String)> {
    let n = |value: Value| span(json!({"attributes": [attribute("n", value)]}));
    let rows = vec![
        ("plain", vec![span(json!({}))]),
        ("kinds", (0..=6).map(|kind| span(json!({"kind": kind}))).collect()),
        ("statuses", (0..=3).map(|code| span(json!({"status": {"code": code}}))).collect()),
        ("duration-zero", vec![span(json!({"endTimeUnixNano": "1700000000000000000"}))]),
        ("duration-negative", vec![span(json!({"endTimeUnixNano": "1699999999000000000"}))]),
        ("duration-long", vec![span(json!({"endTimeUnixNano": "1700000100000000000"}))]),
        ("duration-at-bound", vec![span(json!({"endTimeUnixNano": "1700000000100000000"}))]),
        ("name-empty", vec![span(json!({"name": ""}))]),
        ("dimension", vec![span(json!({"attributes": [text("http.method", "GET")]}))]),
        (
            "dimension-types",
            vec![
                n(json!({"intValue": "200"})),
                n(json!({"stringValue": "200"})),
                n(json!({"doubleValue": 200.0})),
                n(json!({"boolValue": true})),
            ],
        ),
        (
            "dimension-list",
            vec![n(json!({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}))],
        ),
        (
            "dimension-map",
            vec![n(
                json!({"kvlistValue": {"values": [{"key": "z", "value": {"intValue": "1"}}, {"key": "a", "value": {"boolValue": false}}]}}),
            )],
        ),
        ("dimension-empty", vec![n(json!({"stringValue": ""})), n(json!({}))]),
        ("dimension-absent", vec![n(json!({"stringValue": ""})), span(json!({}))]),
        (
            "exception",
            vec![span(
                json!({"events": [{"name": "exception", "attributes": [text("exception.type", "E")]}, {"name": "other"}]}),
            )],
        ),
        ("sampled-half", vec![span(json!({"traceState": "ot=th:8"}))]),
        (
            "sampled-odd",
            vec![
                span(json!({"traceState": "ot=th:zz"})),
                span(json!({"traceState": "ot=rv:1"})),
                span(json!({"traceState": "x=y,ot=th:c;p:1"})),
            ],
        ),
        (
            "sampled-malformed",
            vec![
                span(json!({"traceState": "ot=th:8;rv:1"})),
                span(json!({"traceState": "ot=th:8,x"})),
                span(json!({"traceState": "ot=th:8;"})),
                span(json!({"traceState": "ot=p:3;r:5"})),
                span(json!({"traceState": "ot=th:C"})),
            ],
        ),
    ];
    let request = |(input, spans): (&str, Vec<Value>)| {
        let resource = json!([
            text("service.name", input),
            text("host.name", "h"),
            attribute("list", json!({"arrayValue": {"values": [{"intValue": "1"}]}}))
        ]);
        let body = json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}]}]});
        (input.to_owned(), body.to_string())
    };
    rows.into_iter().map(request).collect()
}
