//! Measures the cost of deciding: 1,000 spans of 11 attributes in 100 traces, in ns of CPU per span. Runs the guest's
//! code natively.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement")]

use std::hint::black_box;
use std::time::Instant;

use spanloom_plugin::{SpanBatch, testing};
use spanloom_tail_policies::TailPolicies;

const TRACES: u64 = 100;
const SPANS: u64 = 10;
const ROUNDS: usize = 401;

fn spans() -> SpanBatch {
    let spans: Vec<String> = (0..TRACES * SPANS).map(span).collect();
    let resource = r#"{"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}"#;
    let scope = format!(r#"{{"spans": [{}]}}"#, spans.join(","));
    testing::from_json(&format!(
        r#"{{"resourceSpans": [{{"resource": {resource}, "scopeSpans": [{scope}]}}]}}"#
    ))
    .expect("spans")
}

fn span(number: u64) -> String {
    let texts = (0..10).map(|key| {
        format!(
            r#"{{"key": "attribute.number.{key}", "value": {{"stringValue": "/a/route/{}"}}}}"#,
            number % 50
        )
    });
    let status =
        format!(r#"{{"key": "http.status", "value": {{"intValue": "{}"}}}}"#, 200 + number % 4 * 100);
    let attributes: Vec<String> = texts.chain([status]).collect();
    format!(
        r#"{{"traceId": "{:032x}", "spanId": "{:016x}", "name": "GET", "startTimeUnixNano": "1000000000",
            "endTimeUnixNano": "{}", "attributes": [{}]}}"#,
        number / SPANS + 1,
        number + 1,
        1_000_000_000 + number * 1_000_000,
        attributes.join(",")
    )
}

fn main() {
    for (what, policies) in [
        ("all: what the harness costs", r#"{"name": "a", "type": "always_sample"}"#),
        (
            "errors, slow, a share",
            r#"{"name": "a", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
            {"name": "b", "type": "latency", "latency": {"threshold_ms": 900}},
            {"name": "c", "type": "probabilistic", "probabilistic": {"sampling_percentage": 5}}"#,
        ),
        (
            "a text",
            r#"{"name": "a", "type": "string_attribute", "string_attribute":
            {"key": "attribute.number.4", "values": ["/a/route/7", "/b"]}}"#,
        ),
        (
            "a regular expression",
            r#"{"name": "a", "type": "string_attribute", "string_attribute":
            {"key": "attribute.number.4", "values": ["^/a/route/[78]$"], "enabled_regex_matching": true}}"#,
        ),
        (
            "a condition",
            r#"{"name": "a", "type": "ottl_condition", "ottl_condition":
            {"span": ["attributes[\"http.status\"] >= 500 and kind != SPAN_KIND_SERVER"]}}"#,
        ),
        (
            "a limit of spans",
            r#"{"name": "a", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 500}}"#,
        ),
        (
            "a limit of bytes",
            r#"{"name": "a", "type": "bytes_limiting", "bytes_limiting": {"bytes_per_second": 500}}"#,
        ),
    ] {
        let config = format!(r#"{{"policies": [{policies}]}}"#);
        let mut sampler = testing::Sampler::<TailPolicies>::new(&config).expect("a config");
        let mut nano = Vec::new();
        for _ in 0..ROUNDS {
            let spans = spans();
            // In the host, the index is already built for all stages.
            black_box(spans.names());
            let start = Instant::now();
            black_box(sampler.sample(spans).expect("decided"));
            nano.push(start.elapsed().as_nanos());
        }
        nano.sort_unstable();
        let [fastest, median] =
            [0, nano.len() / 2].map(|at| nano.get(at).map_or(0, |nano| nano / u128::from(TRACES * SPANS)));
        println!("{median} ns a span (fastest {fastest}): {what}");
    }
}
