//! The plugins' tasks as native code: what a processor that is compiled into the collector would do with the
//! same bytes.

use std::hint::black_box;

use spanloom_plugin::json::Writer;
use wire::{SpanBatch, TextColumn, Value};

use super::{SHARE, SLOW_MS, TAG, URL_KEY};

pub(super) fn pass(spans: SpanBatch) {
    black_box(spans.chunks());
}

pub(super) fn sampler(mut spans: SpanBatch) {
    sample(&mut spans);
    black_box(spans.chunks());
}

pub(super) fn processor(mut spans: SpanBatch) {
    process(&mut spans);
    black_box(spans.chunks());
}

pub(super) fn both(mut spans: SpanBatch) {
    sample(&mut spans);
    process(&mut spans);
    black_box(spans.chunks());
}

/// Writes one JSON line for each span, as the webhook plugin does.
pub(super) fn exporter(spans: SpanBatch) {
    let mut lines = Writer::default();
    for span in spans.spans() {
        lines.object(|line| {
            line.key("trace_id").hex(span.trace_id());
            line.key("span_id").hex(span.span_id());
            line.key("parent_span_id").hex(span.parent_span_id());
            let (start, end) = (span.start_time_unix_nano(), span.end_time_unix_nano());
            line.field("name", span.name()).field("start_unix_nano", start);
            line.field("duration_nano", end.saturating_sub(start));
            if span.status_code() == 2 {
                line.field("error", span.status_message());
            }
            line.key("resource").object(|line| attributes(line, span.resource().attributes()));
            line.key("attributes").object(|line| attributes(line, span.attributes()));
        });
        lines.newline();
    }
    black_box(lines.take());
}

fn attributes<'a>(line: &mut Writer, attributes: impl Iterator<Item = (&'a str, Value<'a>)>) {
    for (key, value) in attributes {
        match value {
            Value::Str(text) => line.field(key, text),
            Value::Int(number) => line.field(key, number),
            Value::Double(number) => line.field(key, number),
            Value::Bool(truth) => line.field(key, truth),
            _ => line.field(key, ""),
        };
    }
}

/// Keeps the traces that failed or were slow, and a share of the others.
fn sample(spans: &mut SpanBatch) {
    let threshold = ((1.0 - SHARE) * (1_u64 << 56) as f64).ceil() as u64;
    let traces = spans.traces();
    let keep: Vec<bool> = (traces.ids().iter().zip(traces.errors()).zip(traces.durations_nano()))
        .map(|((id, error), duration)| {
            error
                || duration > SLOW_MS * 1_000_000
                || u128::from_be_bytes(*id) as u64 & ((1 << 56) - 1) >= threshold
        })
        .collect();
    // `keep` has one entry for each trace, so this cannot fail.
    let _ = spans.retain_traces(&traces, &keep);
}

/// Cuts URLs at the `?`, and tags each span with its service.
fn process(spans: &mut SpanBatch) {
    let urls: Vec<Option<String>> = spans
        .texts(URL_KEY)
        .map(|url| url.and_then(|url| Some(format!("{}?***", url.split_once('?')?.0))))
        .collect();
    let services: Vec<Option<String>> =
        spans.resource_values("service.name").map(|name| Some(name?.as_text()?.to_owned())).collect();
    let tags: Vec<Option<&str>> = spans
        .resources_of_spans()
        .into_iter()
        .map(|resource| services.get(resource as usize)?.as_deref())
        .collect();
    let urls = TextColumn::of(urls.iter().map(Option::as_deref));
    // The columns have the batch's length, so this cannot fail.
    let _ = spans.set_text(URL_KEY, &urls);
    let _ = spans.set_text(TAG, &TextColumn::of(tags));
}
