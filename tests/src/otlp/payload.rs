//! Requests to send.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use prost::Message;

use super::Signal;

const START_UNIX_NANO: u64 = 1_700_000_000_000_000_000;

/// Returns a request of this many items.
pub fn request(signal: Signal, items: usize) -> Bytes {
    match signal {
        Signal::Traces => traces(0, items),
        Signal::Metrics => metrics(items),
        Signal::Logs => logs(items),
    }
}

/// Returns a request of spans that are numbered from `first`.
///
/// The number is in the span id and in the name, so that every span is distinguishable.
pub fn traces(first: usize, spans: usize) -> Bytes {
    let spans = (first..first + spans).map(span).collect();
    let scope_spans = ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() };
    let resource_spans =
        ResourceSpans { resource: resource(), scope_spans: vec![scope_spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec().into()
}

/// Returns the name of the span with this number in [`traces`].
pub fn name(number: usize) -> String {
    format!("GET /cart/{number}")
}

/// Returns JSON events that are numbered from `first`. The number is the message.
pub fn events(first: usize, events: usize) -> Bytes {
    let events = (first..first + events).map(|number| serde_json::json!({"message": number.to_string()}));
    events.collect::<serde_json::Value>().to_string().into()
}

/// Returns whether the span with this number in [`traces`] has an error status.
pub fn has_failed(number: usize) -> bool {
    number.is_multiple_of(7)
}

/// Returns a request with a span of each name; otherwise the spans are those of [`traces`].
pub fn named_traces(names: &[&str]) -> Bytes {
    let mut request = ExportTraceServiceRequest::decode(traces(0, names.len())).expect("a request of ours");
    let spans = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for (span, name) in std::iter::zip(spans.flat_map(|scope| &mut scope.spans), names) {
        span.name = (*name).to_owned();
    }
    request.encode_to_vec().into()
}

/// Returns a request of a newer sender: request, resource, scope and span each have a field that is unknown
/// today.
pub fn traces_with_unknown_fields() -> Bytes {
    let unknown = |message: Vec<u8>| [message, field(1999, b"from the future")].concat();
    let span = unknown(span(1).encode_to_vec());
    let scope_spans =
        unknown([field(1, &scope().expect("a scope").encode_to_vec()), field(2, &span)].concat());
    let resource = unknown(resource().expect("a resource").encode_to_vec());
    let resource_spans = unknown([field(1, &resource), field(2, &scope_spans)].concat());
    unknown(field(1, &resource_spans)).into()
}

/// Returns a request of this many bytes with one span. The rest is a field that no reader knows.
pub fn large_traces(bytes: usize) -> Bytes {
    let mut request = traces(0, 1).to_vec();
    let padding = bytes.saturating_sub(request.len() + 8);
    request.extend(field(1999, &vec![0; padding]));
    request.into()
}

fn metrics(points: usize) -> Bytes {
    let data_points = (0..points).map(|number| NumberDataPoint {
        attributes: vec![text("cpu", &number.to_string())],
        time_unix_nano: START_UNIX_NANO,
        value: Some(number_data_point::Value::AsDouble(number as f64 / 3.0)),
        ..NumberDataPoint::default()
    });
    let metric = Metric {
        name: "system.cpu.utilization".to_owned(),
        unit: "1".to_owned(),
        data: Some(Data::Gauge(Gauge { data_points: data_points.collect() })),
        ..Metric::default()
    };
    let scope_metrics = ScopeMetrics { scope: scope(), metrics: vec![metric], ..ScopeMetrics::default() };
    let resource_metrics = ResourceMetrics {
        resource: resource(),
        scope_metrics: vec![scope_metrics],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }.encode_to_vec().into()
}

fn logs(records: usize) -> Bytes {
    let log_records = (0..records).map(|number| LogRecord {
        time_unix_nano: START_UNIX_NANO + number as u64,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(format!("line {number}"))) }),
        attributes: vec![text("code.function.name", "checkout")],
        ..LogRecord::default()
    });
    let scope_logs = ScopeLogs { scope: scope(), log_records: log_records.collect(), ..ScopeLogs::default() };
    let resource_logs =
        ResourceLogs { resource: resource(), scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec().into()
}

fn span(number: usize) -> Span {
    let id = (number as u64 + 1).to_be_bytes();
    let start = START_UNIX_NANO + number as u64 * 1_000;
    Span {
        trace_id: [[7; 8], id].concat(),
        span_id: id.to_vec(),
        parent_span_id: if number.is_multiple_of(5) { Vec::new() } else { vec![9; 8] },
        trace_state: "vendor=value".to_owned(),
        name: name(number),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_234_567,
        attributes: attributes(),
        events: vec![Event { name: "cache.miss".to_owned(), time_unix_nano: start + 10, ..Event::default() }],
        links: vec![Link { trace_id: vec![3; 16], span_id: vec![4; 8], ..Link::default() }],
        status: Some(Status { code: i32::from(has_failed(number)) * 2, message: String::new() }),
        flags: 0x101,
        ..Span::default()
    }
}

/// Returns one attribute of each type of value, nested values included.
fn attributes() -> Vec<KeyValue> {
    let array =
        ArrayValue { values: vec![AnyValue { value: Some(Value::IntValue(-1)) }, AnyValue { value: None }] };
    let list = KeyValueList { values: vec![text("inner", "größe 🧵")] };
    vec![
        text("http.request.method", "GET"),
        text("url.path", "/cart"),
        key_value("http.response.status_code", Value::IntValue(200)),
        key_value("sampled", Value::BoolValue(true)),
        key_value("ratio", Value::DoubleValue(0.25)),
        key_value("raw", Value::BytesValue(vec![0, 255, 10])),
        key_value("list", Value::ArrayValue(array)),
        key_value("map", Value::KvlistValue(list)),
    ]
}

fn resource() -> Option<Resource> {
    let attributes = vec![text("service.name", "cart"), text("host.name", "one")];
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "tests".to_owned(),
        version: "1.0".to_owned(),
        ..InstrumentationScope::default()
    })
}

fn text(key: &str, value: &str) -> KeyValue {
    key_value(key, Value::StringValue(value.to_owned()))
}

fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Returns a request with one resource and log records of two bytes each.
pub fn empty_logs(records: usize) -> Bytes {
    field(1, &field(2, &field(2, b"").repeat(records))).into()
}

/// Returns a request of one service's spans of 30 bytes each, which have ids, a trace each, and nothing else.
pub fn empty_traces(spans: usize) -> Bytes {
    let mut all = Vec::with_capacity(spans * 30);
    for number in 0..spans as u64 {
        let id = (number + 1).to_be_bytes();
        all.extend(field(2, &[field(1, &[[7; 8], id].concat()), field(2, &id)].concat()));
    }
    let resource = field(1, &resource().expect("a resource").encode_to_vec());
    field(1, &[resource, field(2, &all)].concat()).into()
}

/// Encodes a length-delimited field.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut field);
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend_from_slice(content);
    field
}
