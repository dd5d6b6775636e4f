use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
        number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use prost::Message;
use wire::Signal;

use super::*;

const T0: u64 = 1_800_000_000_000_000_000;
const MS: u64 = 1_000_000;

fn string(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn resource(service: &str) -> Option<Resource> {
    Some(Resource { attributes: vec![string("service.name", service)], ..Resource::default() })
}

fn span(id: u8, parent: u8, name: &str, start_ms: u64, duration_ms: u64) -> Span {
    Span {
        trace_id: (0xa0..0xb0).collect(),
        span_id: vec![0, 0, 0, 0, 0, 0, 0, id],
        parent_span_id: if parent == 0 { vec![] } else { vec![0, 0, 0, 0, 0, 0, 0, parent] },
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: T0 + start_ms * MS,
        end_time_unix_nano: T0 + (start_ms + duration_ms) * MS,
        ..Span::default()
    }
}

fn spans(service: &str, spans: Vec<Span>) -> ResourceSpans {
    let scope = InstrumentationScope { name: "http".into(), version: "1.2.0".into(), ..Default::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    ResourceSpans { resource: resource(service), scope_spans, schema_url: String::new() }
}

/// Returns a checkout whose payment fails. The child arrives before its parent.
fn checkout() -> Vec<ResourceSpans> {
    let mut charge = span(2, 1, "charge", 5, 31);
    charge.kind = 3;
    charge.status = Some(Status { code: 2, message: "card\x1b[31m declined".to_owned() });
    charge.attributes = vec![string("card.kind", "visa"), string("error.type", "CardError")];
    charge.events = vec![span::Event {
        time_unix_nano: T0 + 35 * MS,
        name: "exception".to_owned(),
        attributes: vec![
            string("exception.type", "CardError"),
            string("exception.stacktrace", "CardError: declined\n  at charge\x07"),
        ],
        dropped_attributes_count: 1,
    }];
    charge.links =
        vec![span::Link { trace_id: vec![0xcd; 16], span_id: vec![0xef; 8], ..Default::default() }];
    let mut root = span(1, 0, "POST /checkout", 0, 40);
    root.attributes = vec![attribute("http.response.status_code", Value::IntValue(500))];
    vec![spans("payment", vec![charge]), spans("frontend", vec![root])]
}

fn check(rendered: &str, expected: &str) {
    assert_eq!(rendered, expected, "\n{rendered}");
}

/// Scenario: a trace is shown whose child arrives first and whose data holds an escape sequence.
/// Guarantees: each span is one line, in the order of the tree, and the escape sequence has no effect.
#[test]
fn normal_shows_a_line_a_span_in_the_order_of_the_tree() {
    check(
        &normal::render(&Data::Traces(checkout()), Paint::new(false)),
        "\
08:00:00.000  frontend      POST /checkout                    SERVER     40.0ms  -      a0a1a2a3  http.response.status_code=500
08:00:00.005  payment       └ charge                          CLIENT     31.0ms  error  a0a1a2a3  card\\u{1b}[31m declined error.type=CardError card.kind=visa
",
    );
}

/// Scenario: a span with every field is shown.
/// Guarantees: the fields are aligned, and a text of several lines keeps its lines.
#[test]
fn detailed_shows_every_field() {
    let payment = checkout().swap_remove(0);
    check(
        &detailed::render(&Data::Traces(vec![payment]), Paint::new(false)),
        "\
Resource
  service.name  \"payment\"
  Scope http 1.2.0
    Span charge
      trace id   a0a1a2a3a4a5a6a7a8a9aaabacadaeaf
      span id    0000000000000002
      parent id  0000000000000001
      kind       CLIENT
      start      2027-01-15T08:00:00.005000000Z
      end        2027-01-15T08:00:00.036000000Z
      duration   31.0ms
      status     error: card\\u{1b}[31m declined
      attributes
        card.kind   \"visa\"
        error.type  \"CardError\"
      event exception +30.0ms
        exception.type        \"CardError\"
        exception.stacktrace
          │ CardError: declined
          │   at charge\\u{7}
        dropped attributes    1
      link
        trace id  cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
        span id   efefefefefefefef
",
    );
}

fn metrics() -> Vec<ResourceMetrics> {
    let requests = Sum {
        data_points: vec![NumberDataPoint {
            attributes: vec![string("http.route", "/cart")],
            time_unix_nano: T0,
            value: Some(number_data_point::Value::AsInt(42)),
            ..NumberDataPoint::default()
        }],
        aggregation_temporality: 1,
        is_monotonic: true,
    };
    let latency = Histogram {
        data_points: vec![HistogramDataPoint {
            time_unix_nano: T0,
            count: 3,
            sum: Some(1.5),
            bucket_counts: vec![2, 0, 1],
            explicit_bounds: vec![0.1, 1.0],
            ..HistogramDataPoint::default()
        }],
        aggregation_temporality: 2,
    };
    let metric = |name: &str, unit: &str, data| Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    };
    let metrics = vec![
        metric("shop.requests", "{request}", metric::Data::Sum(requests)),
        metric("http.server.request.duration", "s", metric::Data::Histogram(latency)),
    ];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    vec![ResourceMetrics { resource: resource("cart"), scope_metrics, schema_url: String::new() }]
}

/// Scenario: a sum and a histogram are shown.
/// Guarantees: each data point is one line.
#[test]
fn normal_shows_a_line_a_data_point() {
    check(
        &normal::render(&Data::Metrics(metrics()), Paint::new(false)),
        "\
08:00:00.000  cart          shop.requests                     delta counter               42  {request}  http.route=/cart
08:00:00.000  cart          http.server.request.duration      histogram      count=3 sum=1.5  s
",
    );
}

/// Scenario: a histogram is shown in detail.
/// Guarantees: only the buckets that are not empty are shown.
#[test]
fn detailed_shows_the_filled_buckets() {
    let rendered = detailed::render(&Data::Metrics(metrics()), Paint::new(false));
    let (_, histogram) = rendered.split_once("    Metric http").unwrap();
    check(
        histogram,
        ".server.request.duration
      unit  s
      type  histogram
      Data point count=3 sum=1.5
        time   2027-01-15T08:00:00.000000000Z
        sum    1.5
        ≤ 0.1  2
        > 1    1
",
    );
}

/// Scenario: a log record with a line break in its body is shown.
/// Guarantees: the record is one line.
#[test]
fn normal_shows_a_line_a_log_record() {
    let record = LogRecord {
        time_unix_nano: T0,
        severity_number: 13,
        body: Some(AnyValue { value: Some(Value::StringValue("stock is\nlow".to_owned())) }),
        attributes: vec![string("sku", "A 1")],
        trace_id: vec![0xab; 16],
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let logs = vec![ResourceLogs { resource: resource("stock"), scope_logs, schema_url: String::new() }];
    check(
        &normal::render(&Data::Logs(logs), Paint::new(false)),
        "08:00:00.000  stock         WARN   abababab  stock is\\nlow sku=\"A 1\"\n",
    );
}

/// Scenario: a trace with an error is shown with colour and without.
/// Guarantees: errors are red, ids dim, and a service keeps its colour. Without colour no escape sequence is
/// written.
#[test]
fn colour_marks_errors_and_services() {
    let colored = normal::render(&Data::Traces(checkout()), Paint::new(true));
    assert!(colored.contains("\x1b[31merror\x1b[0m"), "{colored:?}");
    assert!(colored.contains("\x1b[2ma0a1a2a3\x1b[0m"), "{colored:?}");
    let plain = normal::render(&Data::Traces(checkout()), Paint::new(false));
    assert!(!plain.contains('\x1b'));
    assert_eq!(Style::service("cart"), Style::service("cart"));
}

fn rendered(resource_spans: Vec<ResourceSpans>, verbosity: Verbosity) -> String {
    let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let batch = wire::Batch::decode(Signal::Traces, Bytes::from(bytes)).unwrap();
    render(&batch, verbosity, Paint::new(false)).unwrap()
}

/// Scenario: a batch is shown with the least verbosity.
/// Guarantees: one line has the signal, the counts and the size.
#[test]
fn basic_shows_a_line_a_batch() {
    let shown = rendered(checkout(), Verbosity::Basic);
    let (_, counts) = shown.split_once("  ").unwrap();
    check(counts, "traces      2 resources       2 spans       486 B\n");
}

/// Scenario: a batch is small on the wire and large when decoded.
/// Guarantees: one line shows its number of items instead.
#[test]
fn a_batch_of_very_many_spans_is_counted_but_not_shown() {
    let many = vec![spans("flood", vec![Span::default(); ITEMS_LIMIT + 1])];
    let shown = rendered(many, Verbosity::Detailed);
    let (_, counts) = shown.split_once("  ").unwrap();
    check(counts, "traces     50001 items, too many to show    97.7 KiB\n");
}
