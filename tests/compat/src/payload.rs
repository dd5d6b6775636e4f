//! OTLP/JSON bodies around the part that an input is about.

use serde_json::Value;

use crate::encode;

pub(crate) const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// Fields of a span that every receiver takes.
pub(crate) const SPAN: &str = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"GET /","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000500000000""#;

const RESOURCE: &str = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;

/// Returns a request with one span of these fields.
pub(crate) fn span(fields: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{{RESOURCE},"scopeSpans":[{{"scope":{{"name":"lib"}},"spans":[{{{fields}}}]}}]}}]}}"#
    )
}

/// Returns a request with one right span that has these fields too.
pub(crate) fn span_with(fields: &str) -> String {
    span(&format!("{SPAN},{fields}"))
}

/// Returns a request with a right span whose attribute `a` has this value.
pub(crate) fn attribute(value: &str) -> String {
    span_with(&format!(r#""attributes":[{{"key":"a","value":{value}}}]"#))
}

/// Returns a request with one metric of these fields.
pub(crate) fn metric(fields: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{{RESOURCE},"scopeMetrics":[{{"scope":{{"name":"lib"}},"metrics":[{{"name":"m",{fields}}}]}}]}}]}}"#
    )
}

/// Returns a request with a gauge that has one point of these fields.
pub(crate) fn gauge(fields: &str) -> String {
    metric(&format!(r#""gauge":{{"dataPoints":[{{"timeUnixNano":"1700000000000000000",{fields}}}]}}"#))
}

/// Returns a request with one log record of these fields.
pub(crate) fn log(fields: &str) -> String {
    format!(
        r#"{{"resourceLogs":[{{{RESOURCE},"scopeLogs":[{{"scope":{{"name":"lib"}},"logRecords":[{{"timeUnixNano":"1700000000000000000",{fields}}}]}}]}}]}}"#
    )
}

/// Returns a request of OTLP/JSON as protobuf. `message` is `Traces`, `Metrics` or `Logs`.
pub(crate) fn protobuf(message: &str, json: &str) -> Vec<u8> {
    encode::message(message, &serde_json::from_str::<Value>(json).unwrap_or_default())
}

/// Returns one right span as protobuf.
pub(crate) fn one_span() -> Vec<u8> {
    protobuf("Traces", &span(SPAN))
}

/// Returns the path of OTLP over HTTP for a signal.
pub(crate) fn http_path(message: &str) -> String {
    format!("/v1/{}", message.to_ascii_lowercase())
}

/// Returns the path of OTLP over gRPC for a signal.
pub(crate) fn grpc_path(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let (package, service) = match message {
        "Traces" => ("trace", "TraceService"),
        other => (lower.as_str(), if other == "Metrics" { "MetricsService" } else { "LogsService" }),
    };
    format!("/opentelemetry.proto.collector.{package}.v1.{service}/Export")
}
