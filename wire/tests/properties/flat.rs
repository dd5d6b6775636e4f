use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use proptest::prelude::*;
use spanloom_wire::json::value_from_json;
use spanloom_wire::{FlatAttributes, FlatSpans, SpanBatch};

use super::*;
use crate::edits::is_same;
use crate::json::as_plain;
use crate::split::spans;

/// Asserts that the lists say of every span what prost's types say.
fn assert_same(flat: &FlatSpans, model: &ExportTraceServiceRequest) {
    let resources = &model.resource_spans;
    let scopes: Vec<(usize, &ScopeSpans)> = resources
        .iter()
        .enumerate()
        .flat_map(|(at, resource)| resource.scope_spans.iter().map(move |scope| (at, scope)))
        .collect();
    for (at, resource) in resources.iter().enumerate() {
        let table = &flat.resource_table;
        assert_eq!(flat.text(table.schema_urls[at]), resource.schema_url);
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        assert_attributes(flat, &table.attributes, range(&table.attribute_ends, at), attributes);
    }
    let mut row = 0;
    for (at, (resource, scope)) in scopes.iter().enumerate() {
        let table = &flat.scope_table;
        let head = scope.scope.clone().unwrap_or_default();
        assert_eq!(table.resources[at] as usize, *resource);
        assert_eq!(flat.text(table.names[at]), head.name);
        assert_eq!(flat.text(table.versions[at]), head.version);
        assert_eq!(flat.text(table.schema_urls[at]), scope.schema_url);
        assert_attributes(flat, &table.attributes, range(&table.attribute_ends, at), &head.attributes);
        for span in &scope.spans {
            assert_eq!(flat.scopes[row] as usize, at);
            assert_span(flat, row, span);
            row += 1;
        }
    }
    assert_eq!(flat.resource_table.attribute_ends.len(), resources.len());
    assert_eq!(flat.scope_table.attribute_ends.len(), scopes.len());
    assert_eq!((flat.names.len(), flat.trace_ids.len()), (row, row * 16));
    assert_eq!(flat.ends.last().copied(), Some(flat.arena.len() as u32));
}

fn assert_span(flat: &FlatSpans, row: usize, span: &Span) {
    assert_eq!(flat.trace_ids[row * 16..][..16], id::<16>(&span.trace_id));
    assert_eq!(flat.span_ids[row * 8..][..8], id::<8>(&span.span_id));
    assert_eq!(flat.parent_span_ids[row * 8..][..8], id::<8>(&span.parent_span_id));
    assert_eq!(flat.start_times_unix_nano[row], span.start_time_unix_nano);
    assert_eq!(flat.end_times_unix_nano[row], span.end_time_unix_nano);
    assert_eq!(i32::from(flat.kinds[row]), if (0..6).contains(&span.kind) { span.kind } else { 0 });
    let status = span.status.clone().unwrap_or_default();
    assert_eq!(
        i32::from(flat.status_codes[row]),
        if (0..3).contains(&status.code) { status.code } else { 0 }
    );
    assert_eq!(flat.flags[row], span.flags);
    assert_eq!(flat.text(flat.names[row]), span.name);
    assert_eq!(flat.text(flat.status_messages[row]), status.message);
    assert_eq!(flat.text(flat.trace_states[row]), span.trace_state);
    assert_attributes(flat, &flat.attributes, range(&flat.attribute_ends, row), &span.attributes);

    let events = range(&flat.event_ends, row);
    assert_eq!(events.len(), span.events.len());
    for (at, event) in events.zip(&span.events) {
        assert_eq!(flat.events.times_unix_nano[at], event.time_unix_nano);
        assert_eq!(flat.text(flat.events.names[at]), event.name);
        let attributes = range(&flat.events.attribute_ends, at);
        assert_attributes(flat, &flat.events.attributes, attributes, &event.attributes);
    }
    let links = range(&flat.link_ends, row);
    assert_eq!(links.len(), span.links.len());
    for (at, link) in links.zip(&span.links) {
        assert_eq!(flat.links.trace_ids[at * 16..][..16], id::<16>(&link.trace_id));
        assert_eq!(flat.links.span_ids[at * 8..][..8], id::<8>(&link.span_id));
        assert_eq!(flat.links.flags[at], link.flags);
        assert_eq!(flat.text(flat.links.trace_states[at]), link.trace_state);
        let attributes = range(&flat.links.attribute_ends, at);
        assert_attributes(flat, &flat.links.attributes, attributes, &link.attributes);
    }
}

fn assert_attributes(
    flat: &FlatSpans,
    found: &FlatAttributes,
    range: std::ops::Range<usize>,
    expected: &[KeyValue],
) {
    assert_eq!(range.len(), expected.len());
    for (at, expected) in range.zip(expected) {
        assert_eq!(flat.text(found.keys[at]), expected.key);
        let (kind, bits) = (found.kinds[at], found.values[at]);
        let text = flat.text(u32::try_from(bits).unwrap_or(0));
        match expected.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(ProstValue::StringValue(value)) => assert_eq!((kind, text), (0, &**value)),
            Some(ProstValue::IntValue(value)) => assert_eq!((kind, bits), (1, value.cast_unsigned())),
            Some(ProstValue::DoubleValue(value)) => assert_eq!((kind, bits), (2, value.to_bits())),
            Some(ProstValue::BoolValue(value)) => assert_eq!((kind, bits), (3, u64::from(*value))),
            Some(ProstValue::BytesValue(value)) => {
                let (start, len) = ((bits >> 32) as usize, bits as u32 as usize);
                assert_eq!((kind, &flat.bytes[start..start + len]), (4, &**value));
            }
            _ => {
                let read = value_from_json(text).expect("JSON");
                let expected = expected.value.clone().map(as_plain);
                assert!(kind == 5 && is_same(&read.get(), expected.as_ref()), "{text} {expected:?}");
            }
        }
    }
}

fn range(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let start = row.checked_sub(1).map_or(0, |before| ends[before]);
    start as usize..ends[row] as usize
}

fn id<const N: usize>(id: &[u8]) -> [u8; N] {
    id.try_into().unwrap_or([0; N])
}

/// Asserts that the column has the trace state of each span that has one, also after the spans were
/// reordered.
fn assert_trace_states(batch: &SpanBatch, request: &ExportTraceServiceRequest) {
    let moved: Vec<u32> = (0..batch.items() as u32).rev().collect();
    let (expected, moved) = (spans(request), batch.select(&moved));
    let states = || expected.iter().map(|span| span.record.trace_state.as_str());
    let present = |states: Vec<&str>| {
        let states = states.into_iter().enumerate().filter(|(_, state)| !state.is_empty());
        states.map(|(row, state)| (row, state.to_owned())).collect::<Vec<_>>()
    };
    let column = |batch: &SpanBatch| {
        batch.trace_states().iter().map(|(row, state)| (row as usize, state.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(column(batch), present(states().collect()));
    assert_eq!(column(&moved), present(states().rev().collect()));
}

/// Asserts that a key is one text, however often and wherever it occurs.
fn assert_keys_are_single(flat: &FlatSpans) {
    let lists = [
        &flat.attributes,
        &flat.events.attributes,
        &flat.links.attributes,
        &flat.scope_table.attributes,
        &flat.resource_table.attributes,
    ];
    let mut numbers = HashMap::new();
    for key in lists.iter().flat_map(|list| &list.keys) {
        assert_eq!(*numbers.entry(flat.text(*key)).or_insert(*key), *key);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn flat_spans_are_those_of_prost(request in requests::traces(), seed in any::<u64>()) {
        let plain = request.encode_to_vec();
        let strange = scramble(Signal::Traces.request(), &plain, &mut Dice::new(seed));
        for bytes in [plain, strange] {
            let batch = SpanBatch::decode(bytes.into()).expect("a valid request");
            let flat = batch.flat();
            assert_same(&flat, &request);
            assert_keys_are_single(&flat);
            assert_trace_states(&batch, &request);
        }
    }

    /// The lists show edits, and still contain the envelopes of removed spans.
    #[test]
    fn flat_spans_show_edits(request in requests::traces()) {
        let mut batch = SpanBatch::decode(request.encode_to_vec().into()).expect("a valid request");
        batch.retain(|row| row % 2 == 0);
        batch.rename("a", "renamed").expect("an edit");
        for resource in 0..batch.resource_count() {
            batch.remove_from_resource(resource, "a").expect("an edit");
        }
        let flat = batch.flat();
        let encoded = batch.chunks().concat();
        let model = ExportTraceServiceRequest::decode(&*encoded).expect("a valid request");
        for (row, expected) in spans(&model).iter().enumerate() {
            assert_span(&flat, row, &expected.record);
        }
        assert_same(&SpanBatch::decode(encoded.into()).expect("a valid request").flat(), &model);
        prop_assert_eq!(flat.resource_table.schema_urls.len(), request.resource_spans.len());
        prop_assert!(flat.attributes.keys.iter().all(|key| flat.text(*key) != "a"));
    }
}
