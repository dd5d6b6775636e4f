use std::collections::HashSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use proptest::prelude::*;
use spanloom_wire::{EditError, SpanBatch, Traces};

use super::*;
use crate::split::{Flat, spans};

type Span = opentelemetry_proto::tonic::trace::v1::Span;

/// Groups the rows by trace in the simplest way, in the order of first rows.
fn rows_by_trace(spans: &[Flat<Span>]) -> Vec<Vec<usize>> {
    let mut traces: Vec<Vec<usize>> = Vec::new();
    for (row, span) in spans.iter().enumerate() {
        let same = |rows: &&mut Vec<usize>| trace_id(&spans[rows[0]]) == trace_id(span);
        match traces.iter_mut().find(same) {
            Some(rows) => rows.push(row),
            None => traces.push(vec![row]),
        }
    }
    traces
}

fn trace_id(span: &Flat<Span>) -> [u8; 16] {
    (&*span.record.trace_id).try_into().unwrap_or_default()
}

fn root(spans: &[Flat<Span>], rows: &[usize]) -> usize {
    let is_root =
        |row: &usize| <[u8; 8]>::try_from(&*spans[*row].record.parent_span_id).unwrap_or_default() == [0; 8];
    rows.iter().copied().find(is_root).unwrap_or(rows[0])
}

/// Returns the root's value, else that of the first span that has one.
fn first_of<T>(spans: &[Flat<Span>], rows: &[usize], value: impl Fn(&Flat<Span>) -> Option<T>) -> Option<T> {
    value(&spans[root(spans, rows)]).or_else(|| rows.iter().find_map(|row| value(&spans[*row])))
}

fn first<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a ProstValue> {
    attributes.iter().find(|entry| entry.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(value: Option<&ProstValue>) -> Option<String> {
    match value {
        Some(ProstValue::StringValue(text)) => Some(text.clone()),
        _ => None,
    }
}

fn number(value: Option<&ProstValue>) -> Option<u64> {
    match value {
        Some(ProstValue::IntValue(value)) => Some(value.cast_unsigned()),
        Some(ProstValue::DoubleValue(value)) => Some(value.to_bits()),
        Some(ProstValue::BoolValue(value)) => Some(u64::from(*value)),
        _ => None,
    }
}

fn assert_same(traces: &Traces, spans: &[Flat<Span>]) {
    let expected = rows_by_trace(spans);
    assert_eq!(traces.len(), expected.len());
    let mut of_spans = vec![usize::MAX; spans.len()];
    for (trace, rows) in expected.iter().enumerate() {
        rows.iter().for_each(|row| of_spans[*row] = trace);
        let start = rows.iter().map(|row| spans[*row].record.start_time_unix_nano).min().expect("a span");
        let end = rows.iter().map(|row| spans[*row].record.end_time_unix_nano).max().expect("a span");
        let is_error =
            |row: &usize| spans[*row].record.status.as_ref().is_some_and(|status| status.code == 2);
        assert_eq!(traces.ids()[trace], trace_id(&spans[rows[0]]));
        assert_eq!(traces.span_counts().nth(trace), Some(rows.len() as u32));
        assert_eq!(traces.start_times_unix_nano().nth(trace), Some(start));
        assert_eq!(traces.durations_nano().nth(trace), Some(end.saturating_sub(start)));
        assert_eq!(traces.errors().nth(trace), Some(rows.iter().any(is_error)));
        assert_eq!(traces.roots().nth(trace), Some(root(spans, rows) as u32));
    }
    assert!(traces.of_spans().iter().map(|trace| *trace as usize).eq(of_spans));

    let names = expected.iter().map(|rows| &*spans[root(spans, rows)].record.name);
    assert!(traces.root_names().iter().map(|(_, name)| name).eq(names));
    for key in ["a", "b"] {
        let of_span = |span: &Flat<Span>| text(first(&span.record.attributes, key));
        let of_resource = |span: &Flat<Span>| {
            text(span.resource.as_ref().and_then(|resource| first(&resource.attributes, key)))
        };
        let texts: Vec<_> = expected.iter().map(|rows| first_of(spans, rows, of_span)).collect();
        assert_eq!(owned(&traces.texts(key)), texts);
        let with_text = texts.iter().enumerate().filter_map(|(at, text)| Some((at as u32, text.as_deref()?)));
        assert!(traces.text(key).iter().eq(with_text));
        let texts: Vec<_> = expected.iter().map(|rows| first_of(spans, rows, of_resource)).collect();
        assert_eq!(owned(&traces.resource_texts(key)), texts);
        let with_text = texts.iter().enumerate().filter_map(|(at, text)| Some((at as u32, text.as_deref()?)));
        assert!(traces.resource_text(key).iter().eq(with_text));
        let number = |span: &Flat<Span>| number(first(&span.record.attributes, key));
        let numbers = expected.iter().map(|rows| first_of(spans, rows, number)).enumerate();
        let numbers = numbers.filter_map(|(at, bits)| Some((at as u32, bits?)));
        assert!(traces.numbers(key).iter().map(|(row, _, bits)| (row, bits)).eq(numbers));
        let any_of = |value: &dyn Fn(&Flat<Span>) -> Option<String>| {
            let of_trace = |(trace, rows): (usize, &Vec<usize>)| {
                let found = rows.iter().filter_map(|row| Some((trace as u32, value(&spans[*row])?)));
                found.collect::<Vec<_>>()
            };
            expected.iter().enumerate().flat_map(of_trace).collect::<Vec<_>>()
        };
        let found = |column: spanloom_wire::TextColumn| {
            column.iter().map(|(row, text)| (row, text.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(found(traces.any_text(key)), any_of(&of_span));
        let mut different = any_of(&of_resource);
        let mut known = HashSet::new();
        different.retain(|value| known.insert(value.clone()));
        assert_eq!(found(traces.any_resource_text(key)), different);
        let roots = expected.iter().map(|rows| of_span(&spans[root(spans, rows)])).enumerate();
        let roots = roots.filter_map(|(trace, text)| Some((trace as u32, text?)));
        assert!(found(traces.root_text(key)).into_iter().eq(roots));
    }
}

fn owned(texts: &[Option<&str>]) -> Vec<Option<String>> {
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

fn decode(request: &ExportTraceServiceRequest) -> SpanBatch {
    SpanBatch::decode(request.encode_to_vec().into()).expect("a valid request")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn traces_are_the_spans_of_one_id(request in requests::traces()) {
        assert_same(&decode(&request).traces(), &spans(&request));
    }

    /// A trace is kept or removed as a whole. The traces of the remaining spans are those that were kept.
    #[test]
    fn traces_are_retained_whole(request in requests::traces(), keep in any::<u64>()) {
        let mut batch = decode(&request);
        let traces = batch.traces();
        let keep: Vec<bool> = (0..traces.len()).map(|trace| keep >> (trace % 64) & 1 == 1).collect();
        batch.retain_traces(&traces, &keep).expect("an entry a trace");
        let mut kept = spans(&request);
        let mut of_spans = traces.of_spans().iter();
        kept.retain(|_| keep[*of_spans.next().expect("a trace") as usize]);
        let encoded = batch.chunks().concat();
        prop_assert_eq!(&spans(&ExportTraceServiceRequest::decode(&*encoded).expect("valid")), &kept);
        assert_same(&batch.traces(), &kept);
    }

    /// A batch that keeps all traces leaves in the very memory in which it arrived.
    #[test]
    fn a_batch_of_which_all_is_kept_is_the_bytes_that_came(request in requests::traces()) {
        let bytes = Bytes::from(request.encode_to_vec());
        let mut batch = SpanBatch::decode(bytes.clone()).expect("a valid request");
        let traces = batch.traces();
        batch.retain_traces(&traces, &vec![true; traces.len()]).expect("an entry a trace");
        batch.retain(|_| true);
        prop_assert_eq!(batch.chunks().concat(), &bytes[..]);
        prop_assert!(batch.chunks().iter().all(|chunk| chunk.as_ptr() == bytes.as_ptr()));
    }
}

/// Ten thousand interleaved traces are told apart: each span is found in its trace.
#[test]
fn many_traces_are_told_apart() {
    let span = |number: u32| Span {
        trace_id: (u128::from(number % 10_000) + 1).to_be_bytes().to_vec(),
        ..Span::default()
    };
    let mut request = ExportTraceServiceRequest::default();
    request.resource_spans.push(Default::default());
    request.resource_spans[0].scope_spans.push(Default::default());
    request.resource_spans[0].scope_spans[0].spans = (0..30_000).map(span).collect();
    let traces = decode(&request).traces();
    assert_eq!(traces.len(), 10_000);
    assert!(traces.span_counts().all(|spans| spans == 3));
    assert!(traces.of_spans().iter().copied().eq((0..30_000).map(|row| row % 10_000)));
}

#[test]
fn a_list_that_is_not_one_a_trace_is_refused() {
    let mut request = ExportTraceServiceRequest::default();
    request.resource_spans.push(Default::default());
    request.resource_spans[0].scope_spans.push(Default::default());
    request.resource_spans[0].scope_spans[0].spans = vec![Span::default(); 3];
    let mut batch = decode(&request);
    let traces = batch.traces();
    assert_eq!(batch.retain_traces(&traces, &[]), Err(EditError::Length { rows: 1, values: 0 }));
    batch.retain(|row| row == 0);
    assert_eq!(batch.retain_traces(&traces, &[false]), Err(EditError::Length { rows: 1, values: 3 }));
    assert_eq!(batch.items(), 1);
}

/// Scenario: a trace of three spans of two services, one of which saw an exception, and a trace without any of it.
/// Guarantees: services, exceptions, lengths and what trace states say of sampling are those of the trace.
#[test]
fn services_exceptions_and_sampling_are_seen_by_trace() {
    let json = r#"{"resourceSpans": [
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}, "scopeSpans": [{"spans": [
            {"traceId": "00000000000000000000000000000001", "spanId": "0000000000000001", "parentSpanId": "0000000000000009"},
            {"traceId": "00000000000000000000000000000002", "spanId": "0000000000000002", "traceState": "a=b"},
            {"traceId": "00000000000000000000000000000001", "spanId": "0000000000000003", "traceState": "ot=rv:c0000000000000",
             "events": [{"name": "x"}, {"name": "exception"}]}]}]},
        {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "bank"}}]}, "scopeSpans": [{"spans": [
            {"traceId": "00000000000000000000000000000001", "spanId": "0000000000000004",
             "traceState": "ot=th:8"}]}]}]}"#;
    let request =
        spanloom_wire::json::from_json(spanloom_wire::Signal::Traces, json.as_bytes()).expect("JSON");
    let batch = SpanBatch::decode(request.into()).expect("a request");
    let traces = batch.traces();
    // The root is the first span without a parent.
    let services = traces.root_services();
    assert_eq!(services.iter().collect::<Vec<_>>(), [(0, "shop"), (1, "shop")]);
    assert_eq!(traces.service_counts(), [2, 1]);
    assert_eq!(traces.exceptions(), [true, false]);
    let randomness: Vec<u64> = traces.randomness().into_iter().map(|randomness| randomness.bits()).collect();
    assert_eq!(randomness, [0xc0_0000_0000_0000, 2]);
    let thresholds: Vec<_> =
        traces.thresholds().into_iter().map(|found| found.map(|found| found.bits())).collect();
    assert_eq!(thresholds, [Some(1 << 55), None]);
    let lens: u64 = traces.encoded_lens().sum();
    let spans: usize = batch.spans().map(|span| span.encoded().len() + 2).sum();
    assert_eq!(lens, spans as u64);
}
