//! Measures operations on a batch of 1,000 spans, in ns per span, beside prost's decoding and encoding of the
//! same bytes in the same run: `cargo run --release -p spanloom-wire --example bench [FILTER]`.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a program for a developer's terminal"
)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use spanloom_wire::writer::AttributesWriter;
use spanloom_wire::{RequestWriter, Signal, SpanBatch, TextColumn, Value, check, json};

const SPANS: usize = 1_000;
const ROUNDS: usize = 300;

/// Receives a fresh batch, made outside the measured time, and the bytes that it was made from.
type Work = Box<dyn Fn(SpanBatch, &Bytes)>;

struct Task {
    name: &'static str,
    run: Work,
    /// Whether the index is built before the measured time.
    indexed: bool,
    best_ns: f64,
}

fn main() {
    let request = request();
    let bytes = Bytes::from(request.encode_to_vec());
    let filter = std::env::args().nth(1).unwrap_or_default();
    let mut tasks = tasks(request);
    tasks.retain(|task| task.name.contains(&filter) || task.name == "prost decode, drop");
    for _ in 0..ROUNDS {
        for task in &mut tasks {
            let batch = SpanBatch::decode(bytes.clone()).expect("a valid request");
            if task.indexed {
                black_box(batch.trace_ids());
            }
            let start = Instant::now();
            (task.run)(batch, &bytes);
            let ns = start.elapsed().as_nanos() as f64 / SPANS as f64;
            task.best_ns = task.best_ns.min(ns);
        }
    }
    println!("{SPANS} spans of {} bytes; best of {ROUNDS} interleaved rounds\n", bytes.len() / SPANS);
    let decode = tasks.first().map_or(1.0, |task| task.best_ns);
    println!("{:<44} {:>10} {:>22}", "", "ns a span", "of a prost decode");
    for task in &tasks {
        println!("{:<44} {:>10.1} {:>21.1}%", task.name, task.best_ns, 100.0 * task.best_ns / decode);
    }
}

fn task(name: &'static str, run: impl Fn(SpanBatch, &Bytes) + 'static) -> Task {
    Task { name, run: Box::new(run), indexed: false, best_ns: f64::INFINITY }
}

fn indexed(name: &'static str, run: impl Fn(SpanBatch, &Bytes) + 'static) -> Task {
    Task { indexed: true, ..task(name, run) }
}

fn tasks(request: ExportTraceServiceRequest) -> Vec<Task> {
    let json = json_of(&request);
    let singles = singles(&request);
    let (cloned, written) = (request.clone(), request.clone());
    vec![
        task("prost decode, drop", |_, bytes| {
            drop(black_box(ExportTraceServiceRequest::decode(bytes.clone())));
        }),
        task("prost encode", move |_, _| drop(black_box(request.encode_to_vec()))),
        task("prost objects of the request, encode, drop", move |_, _| {
            drop(black_box(cloned.clone().encode_to_vec()));
        }),
        task("writer: the same request", move |_, bytes| {
            assert_eq!(black_box(write(&written)).len(), bytes.len());
        }),
        task("copy of the bytes", |_, bytes| drop(black_box(bytes.to_vec()))),
        task("check", |_, bytes| drop(black_box(check(Signal::Traces, bytes)))),
        task("index", |batch, _| assert_eq!(black_box(batch.trace_ids()).len(), SPANS)),
        indexed("column: names", |batch, _| drop(black_box(batch.names()))),
        indexed("column: text of the third attribute", |batch, _| drop(black_box(batch.text("url.full")))),
        indexed("column: numbers of the last attribute", |batch, _| {
            drop(black_box(batch.numbers("retry.count")));
        }),
        indexed("rows: every attribute", |batch, _| {
            let attributes = batch.spans().flat_map(|span| span.attributes());
            black_box(attributes.map(|(key, _)| key.len()).sum::<usize>());
        }),
        indexed("flat: every field of every span", |batch, _| drop(black_box(batch.flat()))),
        task("sampler: index, keep 8 %, encode", |mut batch, _| {
            let durations = batch.durations_nano();
            let statuses = batch.status_codes().to_vec();
            batch.retain(|row| statuses[row] == 2 || durations[row] > 900_000_000 || row % 20 == 0);
            drop(black_box(batch.chunks()));
        }),
        task("redactor: index, a URL, a tag, encode", |mut batch, _| {
            let urls = batch.text("url.full");
            let (mut arena, mut ends) = (String::with_capacity(urls.arena().len()), Vec::new());
            for (_, url) in urls.iter() {
                arena.push_str(url.split('?').next().unwrap_or_default());
                ends.push(arena.len() as u32);
            }
            let column = TextColumn::new(arena, ends, urls.rows().to_vec()).expect("a column");
            batch.set_text("url.full", &column).expect("an edit");
            batch.set_text("team", &teams(batch.items())).expect("an edit");
            drop(black_box(batch.chunks()));
        }),
        indexed("edit: set a new attribute on all", |mut batch, _| {
            batch.set_text("team", &teams(batch.items())).expect("an edit");
            black_box(batch);
        }),
        indexed("edit: remove an attribute from all", |mut batch, _| {
            batch.remove_all("url.full").expect("an edit");
            black_box(batch);
        }),
        indexed("encode: every other span", |mut batch, _| {
            batch.retain(|row| row % 2 == 0);
            drop(black_box(batch.chunks()));
        }),
        indexed("traces, of 10 spans each", |batch, _| {
            black_box(batch.traces());
        }),
        task("traces, of one span each", move |_, _| {
            black_box(singles.traces());
        }),
        task("sampler: traces, keep 30 %, encode", |mut batch, _| {
            sample(&mut batch);
            drop(black_box(batch.chunks()));
        }),
        task("redactor: half the URLs, a tag, encode", |mut batch, _| {
            redact(&mut batch);
            drop(black_box(batch.chunks()));
        }),
        task("both: sampler, redactor, encode", |mut batch, _| {
            sample(&mut batch);
            redact(&mut batch);
            drop(black_box(batch.chunks()));
        }),
        task("both: redactor, sampler, encode", |mut batch, _| {
            redact(&mut batch);
            sample(&mut batch);
            drop(black_box(batch.chunks()));
        }),
        indexed("split by trace, 4 parts", |batch, _| {
            drop(black_box(batch.split_by_trace(4, |id| u64::from(id[15]))));
        }),
        task("JSON: write", |batch, _| {
            drop(black_box(json::to_json(&spanloom_wire::Batch::Spans(batch))));
        }),
        task("JSON: read", move |_, _| drop(black_box(json::from_json(Signal::Traces, &json)))),
    ]
}

/// Writes the request as code would that has the fields elsewhere.
fn write(request: &ExportTraceServiceRequest) -> Vec<u8> {
    fn attributes(of: &[KeyValue], out: &mut AttributesWriter<'_>) {
        for KeyValue { key, value, .. } in of {
            let Some(value) = value.as_ref().and_then(|value| value.value.as_ref()) else { continue };
            out.push(
                key,
                match value {
                    ProstValue::StringValue(text) => Value::Str(text),
                    ProstValue::BoolValue(value) => Value::Bool(*value),
                    ProstValue::IntValue(value) => Value::Int(*value),
                    ProstValue::DoubleValue(value) => Value::Double(*value),
                    _ => Value::Empty,
                },
            );
        }
    }
    let mut writer = RequestWriter::traces();
    let of = &request.resource_spans[0];
    let resource = of.resource.as_ref().expect("a resource");
    let mut out = writer.resource(|out| attributes(&resource.attributes, &mut out.attributes()));
    let of = &of.scope_spans[0];
    let scope = of.scope.as_ref().expect("a scope");
    let mut out = out.scope(|out| {
        out.name(&scope.name);
    });
    for span in &of.spans {
        out.span(|out| {
            out.trace_id(span.trace_id[..].try_into().expect("an id"));
            out.span_id(span.span_id[..].try_into().expect("an id"));
            if let Ok(id) = span.parent_span_id[..].try_into() {
                out.parent_span_id(id);
            }
            out.name(&span.name).kind(span.kind);
            out.start_time_unix_nano(span.start_time_unix_nano).end_time_unix_nano(span.end_time_unix_nano);
            attributes(&span.attributes, &mut out.attributes());
            if let Some(status) = &span.status {
                out.status(status.code, &status.message);
            }
            out.flags(span.flags);
        });
    }
    writer.finish()
}

/// Does natively what a sampler would: looks at errors and durations, and keeps 3 traces of 10.
fn sample(batch: &mut SpanBatch) {
    let traces = batch.traces();
    let errors: Vec<bool> = traces.errors().collect();
    let durations: Vec<u64> = traces.durations_nano().collect();
    let keep: Vec<bool> =
        (0..traces.len()).map(|trace| trace % 10 < 3 && (errors[trace] || durations[trace] > 0)).collect();
    batch.retain_traces(&traces, &keep).expect("an entry a trace");
}

/// Does natively what a processor would: shortens half of the URLs and adds an attribute to every span.
fn redact(batch: &mut SpanBatch) {
    // A host keeps this copy to go back to if the plugin fails.
    let original = batch.original();
    let urls = batch.text("url.full");
    let (mut arena, mut ends) = (String::with_capacity(urls.arena().len()), Vec::new());
    for (_, url) in urls.iter().step_by(2) {
        arena.push_str(url.split('?').next().unwrap_or_default());
        ends.push(arena.len() as u32);
    }
    let rows = urls.rows().iter().step_by(2).copied().collect();
    let column = TextColumn::new(arena, ends, rows).expect("a column");
    batch.set_text("url.full", &column).expect("an edit");
    assert_eq!(batch.resource_text("service.name").arena(), "shop");
    batch.set_text("team", &teams(batch.items())).expect("an edit");
    drop(black_box(original));
}

/// Returns the same spans, each in a trace of its own. The index is already built.
fn singles(request: &ExportTraceServiceRequest) -> SpanBatch {
    let mut request = request.clone();
    for (number, span) in request.resource_spans[0].scope_spans[0].spans.iter_mut().enumerate() {
        span.trace_id =
            ((number as u128 + 1) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834).to_be_bytes().to_vec();
    }
    let batch = SpanBatch::decode(request.encode_to_vec().into()).expect("a valid request");
    black_box(batch.trace_ids());
    batch
}

fn json_of(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let batch = SpanBatch::decode(request.encode_to_vec().into()).expect("a valid request");
    json::to_json(&spanloom_wire::Batch::Spans(batch))
}

fn teams(spans: usize) -> TextColumn {
    let ends = (1..=spans as u32).map(|row| row * 8).collect();
    TextColumn::new("payments".repeat(spans), ends, (0..spans as u32).collect()).expect("a column")
}

fn request() -> ExportTraceServiceRequest {
    let text = |key: &str, value: String| attribute(key, ProstValue::StringValue(value));
    let span = |number: usize| Span {
        trace_id: (number as u128 / 10 * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834).to_be_bytes().to_vec(),
        span_id: (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec(),
        parent_span_id: if number.is_multiple_of(10) { Vec::new() } else { vec![7; 8] },
        name: format!("GET /api/v1/orders/{}", number % 50),
        kind: 1 + number as i32 % 5,
        start_time_unix_nano: 1_700_000_000_000_000_000 + number as u64,
        end_time_unix_nano: 1_700_000_000_000_000_000 + (number as u64 * 7_919) % 1_000_000_000,
        status: Some(Status { message: String::new(), code: if number.is_multiple_of(50) { 2 } else { 0 } }),
        flags: 0x101,
        attributes: vec![
            text("http.request.method", "GET".into()),
            attribute("http.response.status_code", ProstValue::IntValue(200)),
            text(
                "url.full",
                format!("https://shop.example.com/api/v1/orders/{number}?card=4111111111111111"),
            ),
            text("server.address", "shop.example.com".into()),
            attribute("server.port", ProstValue::IntValue(443)),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".into()),
            text("db.system", "postgresql".into()),
            text("db.query.text", "SELECT * FROM orders WHERE id = $1".into()),
            text("thread.name", format!("worker-{}", number % 16)),
            attribute("cache.hit", ProstValue::BoolValue(number.is_multiple_of(3))),
            attribute("retry.count", ProstValue::DoubleValue(0.5)),
        ],
        ..Span::default()
    };
    let scope = InstrumentationScope { name: "io.example.http".into(), ..Default::default() };
    let scope_spans =
        ScopeSpans { scope: Some(scope), spans: (0..SPANS).map(span).collect(), schema_url: String::new() };
    let attributes = vec![text("service.name", "shop".into()), text("host.name", "ip-10-0-0-1".into())];
    let resource = Some(Resource { attributes, ..Default::default() });
    let resource_spans =
        vec![ResourceSpans { resource, scope_spans: vec![scope_spans], schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }
}

fn attribute(key: &str, value: ProstValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}
