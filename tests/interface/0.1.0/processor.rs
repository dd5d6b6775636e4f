//! A processor that reads spans in every way, edits them in every way, takes batches apart and puts them together, keeps the latest
//! batch back, hands it over, and tells how many spans it has seen. What it read stands in attributes of the spans.
#![cfg(target_family = "wasm")]

use std::cell::{Cell, RefCell};

use exports::spanloom::plugin::{
    describe::{self, Concurrency},
    flush,
    handover::{self, Saved},
    http_handler::{self, Header, Incoming, Outgoing},
    processing,
};
use spanloom::plugin::{
    batches::Batch,
    log::{self, Level},
    output,
    spans::{NumberColumn, SpanBatch, Status, StatusCode, TextColumn, Value},
    types::{ConfigError, Failure, Signal},
};

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package spanloom:kept;
        world kept {
            include spanloom:plugin/processor@0.1.0;
            export spanloom:plugin/describe@0.1.0;
            export spanloom:plugin/flush@0.1.0;
            export spanloom:plugin/handover@0.1.0;
            export spanloom:plugin/http-handler@0.1.0;
        }
    ",
    world: "spanloom:kept/kept",
    generate_all,
});

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
    static KEPT: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) };
}

struct Plugin;
export!(Plugin);

impl describe::Guest for Plugin {
    fn describe() -> describe::Description {
        describe::Description {
            name: "kept-processor".into(),
            version: "0.1.0".into(),
            summary: "Reads and edits in every way.".into(),
            config_schema: Some(r#"{"type": "object", "properties": {"endpoint": {"type": "string"}}}"#.into()),
            signals: vec![Signal::Traces],
            concurrency: Concurrency::Single,
            grants: vec![],
        }
    }
}

impl processing::Guest for Plugin {
    fn configure(config: String) -> Result<(), ConfigError> {
        if config.contains("endpoint") {
            Ok(())
        } else {
            Err(ConfigError { path: "endpoint".into(), message: "is missing".into() })
        }
    }

    fn process(batch: Batch) -> Result<Vec<Batch>, Failure> {
        let Batch::Spans(spans) = batch else { return Ok(vec![batch]) };
        SEEN.set(SEEN.get() + u64::from(spans.len()));
        spans.retain(&names(&spans).iter().map(|name| name != "left out").collect::<Vec<_>>()).expect("retain");
        let read = format!("{}; {}; {}; {}", columns(&spans), resources(&spans), rows(&spans), flat(&spans));
        edit(&spans, &read);
        let spans = apart_and_together(spans);
        if log::enabled(Level::Info) {
            log::log(Level::Info, &format!("kept-processor has {} spans", spans.len()));
        }
        Ok(KEPT.replace(vec![Batch::Spans(spans)]))
    }
}

impl flush::Guest for Plugin {
    fn flush() -> Result<Vec<Batch>, Failure> {
        Ok(KEPT.take())
    }
}

impl handover::Guest for Plugin {
    fn save() -> Result<Saved, Failure> {
        Ok(Saved { state: SEEN.get().to_le_bytes().to_vec(), batches: KEPT.take() })
    }

    fn restore(saved: Saved) -> Result<(), Failure> {
        let seen = saved.state.try_into().map_err(|_| Failure::Permanent("no count".into()))?;
        SEEN.set(u64::from_le_bytes(seen));
        KEPT.set(saved.batches);
        Ok(())
    }
}

impl http_handler::Guest for Plugin {
    fn handle(request: Incoming) -> Outgoing {
        let host = request.headers.iter().any(|header| header.name == "host");
        let body = format!("{} {} {host} {}", request.path, request.query, SEEN.get());
        let headers = vec![Header { name: "x-kept".into(), value: "0.1.0".into() }];
        Outgoing { status: 200, headers, body: body.into_bytes() }
    }
}

fn texts(column: &TextColumn) -> Vec<String> {
    let starts = std::iter::once(0).chain(column.ends.iter().map(|end| *end as usize));
    let texts = starts.zip(&column.ends).map(|(start, end)| column.arena[start..*end as usize].to_owned());
    texts.collect()
}

fn names(spans: &SpanBatch) -> Vec<String> {
    texts(&spans.names())
}

fn columns(spans: &SpanBatch) -> String {
    let ids = spans.trace_ids().len() + spans.span_ids().len() + spans.parent_span_ids().len();
    let starts = spans.start_times_unix_nano();
    let lasts = spans.end_times_unix_nano().iter().zip(&starts).map(|(end, start)| end - start).sum::<u64>();
    let status = spans.number_column("http.response.status_code");
    format!(
        "{} spans, {ids} bytes of ids, {lasts} {:?} ns, kinds {:?}, codes {:?}, state {:?}, path {:?} {:?}, status {:?} {:?} {:?}, metadata {:?}",
        spans.len(),
        spans.durations_nano(),
        spans.kinds(),
        spans.status_codes(),
        texts(&spans.trace_states()),
        texts(&spans.text_column("url.path")),
        spans.texts("url.path"),
        status.bits,
        status.kinds,
        spans.numbers("ratio"),
        spans.metadata("x-tenant"),
    )
}

fn resources(spans: &SpanBatch) -> String {
    let resource = spans.resource(0).expect("a resource");
    let scope = spans.scope(0).expect("a scope");
    format!(
        "{} resources {:?} of {} attributes, {:?} {:?} {:?}, {} numbers, scope {} {}",
        spans.resource_count(),
        spans.resources_of_spans(),
        resource.attributes.len(),
        texts(&spans.resource_text_column("service.name")),
        spans.resource_texts("host.name"),
        spans.resource_get(0, "host.name").map(|value| shown(&value)),
        spans.resource_number_column("host.name").rows.len(),
        scope.name,
        scope.version,
    )
}

fn rows(spans: &SpanBatch) -> String {
    let Some(span) = spans.span(0) else { return "no rows".into() };
    let values: Vec<String> =
        span.attributes.iter().map(|attribute| format!("{}={}", attribute.key, shown(&attribute.value))).collect();
    format!(
        "row {} {:?} {} events {} links {} flags {:?} {values:?} {:?}",
        span.name,
        span.kind,
        span.events.len(),
        span.links.len(),
        span.flags,
        span.status.code,
        spans.get(0, "raw").map(|value| shown(&value)),
    )
}

fn flat(spans: &SpanBatch) -> String {
    let flat = spans.flat();
    let otlp = spans.otlp();
    format!(
        "flat {} names {} attributes {} events {} links {} scopes {} resources, {}",
        flat.names.len(),
        flat.attributes.keys.len(),
        flat.events.names.len(),
        flat.links.flags.len(),
        flat.scope_table.names.len(),
        flat.resource_table.attribute_ends.len(),
        otlp.len() as u64 == spans.encoded_len(),
    )
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("text {text}"),
        Value::Int(number) => format!("int {number}"),
        Value::Double(number) => format!("double {number}"),
        Value::Bool(truth) => format!("bool {truth}"),
        Value::Bytes(bytes) => format!("bytes {bytes:?}"),
        Value::Json(json) => format!("json {json}"),
    }
}

fn edit(spans: &SpanBatch, read: &str) {
    let rows: Vec<u32> = (0..spans.len()).collect();
    let count = rows.len();
    let column = TextColumn { arena: "column".into(), ends: vec![6], rows: vec![0] };
    spans.set_text_column("edit.text", &column).expect("set-text-column");
    let numbers = NumberColumn { bits: vec![7; count], kinds: vec![0; count], rows: rows.clone() };
    spans.set_number_column("edit.number", &numbers).expect("set-number-column");
    spans.set_texts("edit.texts", &vec![Some("list".to_owned()); count]).expect("set-texts");
    let renamed: Vec<String> = names(spans).into_iter().map(|name| name + "!").collect();
    let ends = renamed.iter().scan(0, |end, name| {
        *end += name.len() as u32;
        Some(*end)
    });
    let column = TextColumn { arena: renamed.concat(), ends: ends.collect(), rows };
    spans.set_names(&column).expect("set-names");
    spans.replace_all("url.path", &Value::Text("/hidden".into())).expect("replace-all");
    spans.remove_all("ratio").expect("remove-all");
    spans.rename_all("http.request.method", "method").expect("rename-all");
    spans.set(0, "read", &Value::Text(read.to_owned())).expect("set");
    spans.remove(0, "raw").expect("remove");
    spans.set_name(0, "first").expect("set-name");
    spans.set_status(0, &Status { code: StatusCode::Error, message: "edited".into() }).expect("set-status");
    spans.resource_set(0, "edit.resource", &Value::Int(1)).expect("resource-set");
    spans.resource_remove(0, "host.name").expect("resource-remove");
    spans.set(1_000_000, "none", &Value::Bool(true)).expect_err("there is no such row");
    let edited = spans.otlp();
    spans.replace(b"no OTLP").expect_err("it is no OTLP");
    spans.replace(&edited).expect("replace");
}


/// The first span goes on at once; an empty batch is let go; the rest is taken apart by rows and merged again.
fn apart_and_together(spans: SpanBatch) -> SpanBatch {
    let rest = spans.split_off(1);
    output::emit(Batch::Spans(spans));
    output::discard(Batch::Spans(rest.split_off(rest.len())));
    let parts: Vec<u32> = (0..rest.len()).map(|row| row % 2).collect();
    let mut parts = rest.partition(&parts).expect("partition").into_iter();
    let whole = parts.next().expect("a part");
    parts.for_each(|part| whole.merge(part));
    drop(rest);
    let made = SpanBatch::from_otlp(&whole.otlp()).expect("from-otlp");
    assert!(made.len() == whole.len(), "a copy, which is owed to nobody");
    whole
}
