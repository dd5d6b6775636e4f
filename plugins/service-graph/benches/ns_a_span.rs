//! Measures the cost of pairing spans: 1,000 spans of 11 attributes, half of them clients and half their
//! servers, in ns of CPU per span. Runs the guest's code natively.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement")]

use std::hint::black_box;
use std::time::Instant;

use spanloom_plugin::{SpanBatch, testing};
use spanloom_service_graph::ServiceGraph;

const SPANS: u64 = 1000;
const ROUNDS: u64 = 401;

/// Returns spans of 4 services with 20 names. Each client has its server in the next service.
fn spans(round: u64) -> SpanBatch {
    let service = |service: u64| {
        let spans: Vec<String> = (0..SPANS / 4).map(|number| span(round, service, number)).collect();
        format!(
            r#"{{"resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "service-{service}"}}}},
                {{"key": "host.name", "value": {{"stringValue": "host-{service}"}}}}]}}, "scopeSpans": [{{"spans": [{}]}}]}}"#,
            spans.join(",")
        )
    };
    let resources: Vec<String> = (0..4).map(service).collect();
    testing::from_json(&format!(r#"{{"resourceSpans": [{}]}}"#, resources.join(","))).expect("spans")
}

fn span(round: u64, service: u64, number: u64) -> String {
    let attributes: Vec<String> = (0..11)
        .map(|key| format!(r#"{{"key": "attribute.number.{key}", "value": {{"stringValue": "a value of some length {}"}}}}"#, number % 7))
        .collect();
    // Even services call, and the next service answers.
    let (id, parent) = match service % 2 {
        0 => (service * SPANS + number + 1, 1 << 40),
        _ => ((1 << 20) + service * SPANS + number, (service - 1) * SPANS + number + 1),
    };
    let (kind, name, end) =
        (if service.is_multiple_of(2) { 3 } else { 2 }, number % 20, 1_000_000 * (number % 900));
    format!(
        r#"{{"traceId": "{:032x}", "spanId": "{id:016x}", "parentSpanId": "{parent:016x}", "name": "GET /path/{name}",
            "kind": {kind}, "startTimeUnixNano": "0", "endTimeUnixNano": "{end}", "attributes": [{}]}}"#,
        round + 1,
        attributes.join(",")
    )
}

fn main() {
    for config in ["{}", r#"{"dimensions": ["attribute.number.4", "host.name"]}"#] {
        let mut connector = testing::Connector::<ServiceGraph>::new(config).expect("a config");
        let mut nano = Vec::new();
        for round in 0..ROUNDS {
            let spans = spans(round % 20);
            // In the host, the index is already built for all stages.
            black_box(spans.names());
            let start = Instant::now();
            black_box(connector.consume(spans).expect("consumed"));
            nano.push(start.elapsed().as_nanos());
        }
        let start = Instant::now();
        let points = connector.flush().expect("metrics").len();
        let flush = start.elapsed();
        nano.sort_unstable();
        let [fastest, median] =
            [0, nano.len() / 2].map(|at| nano.get(at).map_or(0, |nano| nano / u128::from(SPANS)));
        println!(
            "{median} ns a span (fastest {fastest}), {flush:?} to collect into {points} batches: {config}"
        );
    }
}
