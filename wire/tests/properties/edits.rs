use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use spanloom_wire::{EditError, NumberColumn, NumberKind, SpanBatch, TextColumn, Value};

use super::*;
use crate::split::spans;

/// An edit of a batch. Rows are taken modulo the number of spans.
#[derive(Clone, Debug)]
enum Edit {
    Retain(Vec<bool>),
    Set(usize, String, AnyValue),
    Remove(usize, String),
    SetStatus(usize, i32, String),
    SetName(usize, String),
    SetText(String, Vec<Option<String>>),
    SetNumbers(String, Vec<Option<AnyValue>>),
    SetNames(Vec<Option<String>>),
    SetTraceStates(Vec<Option<String>>),
    ReplaceAll(String, AnyValue),
    RemoveAll(String),
    Rename(String, String),
    SetResource(usize, String, AnyValue),
    RemoveFromResources(String),
    Merge(Box<ExportTraceServiceRequest>),
    MergeIntoEdited(Box<ExportTraceServiceRequest>),
    SplitAndMerge(usize),
    Clone,
    GoBack,
    Compact,
}

fn edit() -> impl Strategy<Value = Edit> {
    let row = || 0..64usize;
    let text = || "[a-zé]{0,30}";
    let texts = || vec(proptest::option::of(text()), 0..20);
    let number = prop_oneof![
        any::<i64>().prop_map(ProstValue::IntValue),
        (-1e9..1e9).prop_map(ProstValue::DoubleValue),
        any::<bool>().prop_map(ProstValue::BoolValue)
    ];
    let numbers = vec(proptest::option::of(number.prop_map(|value| AnyValue { value: Some(value) })), 0..20);
    let request = || requests::traces().prop_map(Box::new);
    let value = || requests::any_value().prop_filter("a stringless index is no value", is_plain);
    prop_oneof![
        vec(any::<bool>(), 1..20).prop_map(Edit::Retain),
        (row(), requests::key(), value()).prop_map(|(row, key, value)| Edit::Set(row, key, value)),
        (row(), requests::key(), value()).prop_map(|(row, key, value)| Edit::Set(row, key, value)),
        (row(), requests::key()).prop_map(|(row, key)| Edit::Remove(row, key)),
        (row(), -1..3i32, text()).prop_map(|(row, code, message)| Edit::SetStatus(row, code, message)),
        (row(), text()).prop_map(|(row, name)| Edit::SetName(row, name)),
        (requests::key(), texts()).prop_map(|(key, texts)| Edit::SetText(key, texts)),
        (requests::key(), numbers).prop_map(|(key, numbers)| Edit::SetNumbers(key, numbers)),
        texts().prop_map(Edit::SetNames),
        texts().prop_map(Edit::SetTraceStates),
        (requests::key(), value()).prop_map(|(key, value)| Edit::ReplaceAll(key, value)),
        requests::key().prop_map(Edit::RemoveAll),
        (requests::key(), requests::key()).prop_map(|(from, to)| Edit::Rename(from, to)),
        (row(), requests::key(), value()).prop_map(|(row, key, value)| Edit::SetResource(row, key, value)),
        requests::key().prop_map(Edit::RemoveFromResources),
        request().prop_map(Edit::Merge),
        request().prop_map(Edit::MergeIntoEdited),
        (0..12usize).prop_map(Edit::SplitAndMerge),
        Just(Edit::Clone),
        Just(Edit::GoBack),
        Just(Edit::Compact),
    ]
}

/// Returns whether the value has one of our kinds. `string_value_strindex` belongs to profiles and is read as
/// empty.
fn is_plain(value: &AnyValue) -> bool {
    match &value.value {
        Some(ProstValue::StringValueStrindex(_)) => false,
        Some(ProstValue::ArrayValue(array)) => array.values.iter().all(is_plain),
        Some(ProstValue::KvlistValue(list)) => {
            list.values.iter().all(|entry| entry.value.as_ref().is_none_or(is_plain))
        }
        _ => true,
    }
}

/// Applies an edit to prost's types.
fn apply_to_model(model: &mut ExportTraceServiceRequest, edit: &Edit) {
    let count = spans_mut(model).len();
    match edit {
        Edit::Retain(keep) => {
            let mut row = 0;
            for scope in model.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
                scope.spans.retain(|_| {
                    row += 1;
                    keep[(row - 1) % keep.len()]
                });
            }
        }
        Edit::Set(row, key, value) if count > 0 => {
            set(&mut spans_mut(model)[row % count].attributes, key, value.clone());
        }
        Edit::Remove(row, key) if count > 0 => {
            spans_mut(model)[row % count].attributes.retain(|entry| entry.key != *key);
        }
        Edit::SetStatus(row, code, message) if count > 0 => {
            spans_mut(model)[row % count].status = Some(Status { message: message.clone(), code: *code });
        }
        Edit::SetName(row, name) if count > 0 => spans_mut(model)[row % count].name.clone_from(name),
        Edit::SetText(key, texts) => {
            for (span, text) in spans_mut(model).into_iter().zip(texts) {
                if let Some(text) = text {
                    let value = Some(ProstValue::StringValue(text.clone()));
                    set(&mut span.attributes, key, AnyValue { value });
                }
            }
        }
        Edit::SetNumbers(key, numbers) => {
            for (span, number) in spans_mut(model).into_iter().zip(numbers) {
                if let Some(number) = number {
                    set(&mut span.attributes, key, number.clone());
                }
            }
        }
        Edit::SetNames(names) => {
            for (span, name) in spans_mut(model).into_iter().zip(names) {
                if let Some(name) = name {
                    span.name.clone_from(name);
                }
            }
        }
        Edit::SetTraceStates(states) => {
            for (span, state) in spans_mut(model).into_iter().zip(states) {
                if let Some(state) = state {
                    span.trace_state.clone_from(state);
                }
            }
        }
        Edit::ReplaceAll(key, value) => {
            for span in spans_mut(model) {
                if span.attributes.iter().any(|entry| entry.key == *key) {
                    set(&mut span.attributes, key, value.clone());
                }
            }
        }
        Edit::RemoveAll(key) => {
            spans_mut(model).iter_mut().for_each(|span| span.attributes.retain(|entry| entry.key != *key));
        }
        Edit::Rename(from, to) => {
            spans_mut(model).iter_mut().for_each(|span| rename(&mut span.attributes, from, to));
        }
        Edit::SetResource(row, key, value) if count > 0 => {
            let resource = resource_of(model, row % count).resource.get_or_insert_default();
            set(&mut resource.attributes, key, value.clone());
        }
        Edit::RemoveFromResources(key) => {
            for resource in model.resource_spans.iter_mut().filter_map(|spans| spans.resource.as_mut()) {
                resource.attributes.retain(|entry| entry.key != *key);
            }
        }
        Edit::Merge(other) => model.resource_spans.extend(other.resource_spans.clone()),
        Edit::MergeIntoEdited(other) => {
            let mut first = (**other).clone();
            apply_to_model(&mut first, &Edit::RemoveAll("a".into()));
            first.resource_spans.append(&mut model.resource_spans);
            *model = first;
        }
        Edit::SplitAndMerge(at) if *at < count => {
            // Both halves have all resources. The resources of the second half come after those of the first.
            let (mut first, mut second) = (model.clone(), std::mem::take(model));
            apply_to_model(&mut first, &Edit::Retain((0..count).map(|row| row < *at).collect()));
            apply_to_model(&mut second, &Edit::Retain((0..count).map(|row| row >= *at).collect()));
            first.resource_spans.extend(second.resource_spans);
            *model = first;
        }
        _ => {}
    }
}

/// Returns the envelope of a span's resource. Edits skip envelopes without spans, because a batch may have
/// dropped them.
fn resource_of(model: &mut ExportTraceServiceRequest, row: usize) -> &mut ResourceSpans {
    let mut spans = 0;
    let holds_row = |resource: &&mut ResourceSpans| {
        spans += resource.scope_spans.iter().map(|scope| scope.spans.len()).sum::<usize>();
        spans > row
    };
    model.resource_spans.iter_mut().find(holds_row).expect("a span of that row")
}

fn spans_mut(model: &mut ExportTraceServiceRequest) -> Vec<&mut Span> {
    let scopes = model.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans).collect()
}

fn set(attributes: &mut Vec<KeyValue>, key: &str, value: AnyValue) {
    let entry = KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 };
    match attributes.iter().position(|entry| entry.key == key) {
        Some(first) => {
            attributes[first] = entry;
            let mut at = 0;
            attributes.retain(|entry| {
                at += 1;
                at - 1 == first || entry.key != key
            });
        }
        None => attributes.push(entry),
    }
}

fn rename(attributes: &mut Vec<KeyValue>, from: &str, to: &str) {
    let Some(first) = attributes.iter().position(|entry| entry.key == from) else { return };
    if from == to {
        return;
    }
    attributes[first].key = to.to_owned();
    let mut at = 0;
    attributes.retain(|entry| {
        at += 1;
        at - 1 == first || (entry.key != from && entry.key != to)
    });
}

/// Applies an edit to the batch.
fn apply(batch: &mut SpanBatch, edit: &Edit) -> Result<(), EditError> {
    let rows = batch.items();
    match edit {
        Edit::Retain(keep) => batch.retain(|row| keep[row % keep.len()]),
        Edit::Set(row, key, value) if rows > 0 => {
            with_value(value, |value| batch.set(row % rows, key, value))?;
        }
        Edit::Remove(row, key) if rows > 0 => batch.remove(row % rows, key)?,
        Edit::SetStatus(row, code, message) if rows > 0 => batch.set_status(row % rows, *code, message)?,
        Edit::SetName(row, name) if rows > 0 => batch.set_name(row % rows, name)?,
        Edit::SetText(key, texts) => batch.set_text(key, &text_column(texts, rows))?,
        Edit::SetNumbers(key, numbers) => batch.set_numbers(key, &number_column(numbers, rows))?,
        Edit::SetNames(names) => batch.set_names(&text_column(names, rows))?,
        Edit::SetTraceStates(states) => batch.set_trace_states(&text_column(states, rows))?,
        Edit::ReplaceAll(key, value) => with_value(value, |value| batch.replace_all(key, value))?,
        Edit::RemoveAll(key) => batch.remove_all(key)?,
        Edit::Rename(from, to) => batch.rename(from, to)?,
        Edit::SetResource(row, key, value) if rows > 0 => {
            let resource = batch.resources_of_spans()[row % rows] as usize;
            with_value(value, |value| batch.set_resource(resource, key, value))?;
        }
        Edit::RemoveFromResources(key) => {
            (0..batch.resource_count()).try_for_each(|resource| batch.remove_from_resource(resource, key))?;
        }
        Edit::Merge(other) => batch.merge(decode(&other.encode_to_vec())),
        Edit::MergeIntoEdited(other) => {
            let mut first = decode(&other.encode_to_vec());
            first.remove_all("a")?;
            first.merge(std::mem::replace(batch, decode(&[])));
            *batch = first;
        }
        Edit::SplitAndMerge(at) if *at < rows => {
            let rest = batch.split_off_items(*at);
            batch.merge(rest);
        }
        Edit::Compact => batch.compact(),
        Edit::Clone => {
            let mut twin = batch.clone();
            twin.remove_all("a")?;
            twin.retain(|row| row % 2 == 0);
        }
        Edit::GoBack => {
            let original = batch.original();
            batch.remove_all("a")?;
            batch.retain(|row| row % 2 == 0);
            *batch = original;
        }
        _ => {}
    }
    Ok(())
}

/// Reads the value from a batch, because values are only read from batches.
pub(crate) fn with_value<T>(value: &AnyValue, then: impl FnOnce(&Value<'_>) -> T) -> T {
    let mut request = ExportTraceServiceRequest::default();
    let mut span = Span::default();
    set(&mut span.attributes, "value", value.clone());
    request.resource_spans.push(Default::default());
    request.resource_spans[0].scope_spans.push(Default::default());
    request.resource_spans[0].scope_spans[0].spans.push(span);
    let batch = decode(&request.encode_to_vec());
    then(&batch.attribute(0, "value").expect("an attribute"))
}

fn text_column(texts: &[Option<String>], rows: usize) -> TextColumn {
    let (mut arena, mut ends, mut at) = (String::new(), Vec::new(), Vec::new());
    for (row, text) in texts.iter().take(rows).enumerate() {
        if let Some(text) = text {
            arena.push_str(text);
            ends.push(arena.len() as u32);
            at.push(row as u32);
        }
    }
    TextColumn::new(arena, ends, at).expect("a column")
}

fn number_column(numbers: &[Option<AnyValue>], rows: usize) -> NumberColumn {
    let (mut bits, mut kinds, mut at) = (Vec::new(), Vec::new(), Vec::new());
    for (row, number) in numbers.iter().take(rows).enumerate() {
        let (number, kind) = match number.as_ref().and_then(|number| number.value.as_ref()) {
            Some(ProstValue::IntValue(value)) => (value.cast_unsigned(), NumberKind::Int),
            Some(ProstValue::DoubleValue(value)) => (value.to_bits(), NumberKind::Double),
            Some(ProstValue::BoolValue(value)) => (u64::from(*value), NumberKind::Bool),
            _ => continue,
        };
        bits.push(number);
        kinds.push(kind);
        at.push(row as u32);
    }
    NumberColumn::new(bits, kinds, at).expect("a column")
}

fn decode(bytes: &[u8]) -> SpanBatch {
    SpanBatch::decode(Bytes::copy_from_slice(bytes)).expect("a valid request")
}

/// Asserts that everything the batch returns equals the model.
fn assert_same(batch: &SpanBatch, model: &ExportTraceServiceRequest) {
    let expected = spans(model);
    assert_eq!(batch.items(), expected.len());
    let encoded = batch.chunks().concat();
    assert_eq!(batch.encoded_len(), encoded.len());
    let decoded = ExportTraceServiceRequest::decode(&*encoded).expect("a valid request");
    assert_eq!(spans(&decoded), expected);
    assert_eq!(
        spanloom_wire::check(Signal::Traces, &encoded).map(|summary| summary.items),
        Ok(expected.len())
    );

    let names: Vec<String> = batch.names().iter().map(|(_, name)| name.to_owned()).collect();
    assert_eq!(names, expected.iter().map(|flat| flat.record.name.clone()).collect::<Vec<_>>());
    for key in ["a", "b"] {
        let expected: Vec<(u32, String)> = rows_with(&expected, key, |value| match value {
            ProstValue::StringValue(text) => Some(text.clone()),
            _ => None,
        });
        let column = batch.text(key);
        assert_eq!(column.iter().map(|(row, text)| (row, text.to_owned())).collect::<Vec<_>>(), expected);
        let listed = batch.texts(key).enumerate().filter_map(|(row, text)| Some((row as u32, text?)));
        assert!(listed.eq(column.iter()));
        let again =
            TextColumn::new(column.arena().to_owned(), column.ends().to_vec(), column.rows().to_vec());
        assert_eq!(again, Ok(column));
    }
    let numbers: Vec<(u32, u64)> = batch.numbers("a").iter().map(|(row, _, bits)| (row, bits)).collect();
    assert_eq!(
        numbers,
        rows_with(&expected, "a", |value| match value {
            ProstValue::IntValue(value) => Some(value.cast_unsigned()),
            ProstValue::DoubleValue(value) => Some(value.to_bits()),
            ProstValue::BoolValue(value) => Some(u64::from(*value)),
            _ => None,
        })
    );
    for (row, flat) in expected.iter().enumerate() {
        assert_same_span(batch, row, &flat.record);
        let resource = batch.span(row).expect("a span").resource();
        let attributes = flat.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        assert_same_attributes(resource.attributes(), attributes);
        assert_eq!(resource.schema_url(), flat.resource_schema_url);
        let scope = batch.span(row).expect("a span").scope();
        let expected = flat.scope.clone().unwrap_or_default();
        assert_eq!((scope.name(), scope.version()), (&*expected.name, &*expected.version));
        assert_eq!(scope.schema_url(), flat.scope_schema_url);
        let number = batch.span(row).expect("a span").scope_number();
        assert_eq!(batch.scope(number).expect("a scope").name(), scope.name());
        let number = batch.span(row).expect("a span").resource_number();
        assert_eq!(batch.resources_of_spans().get(row), Some(&(number as u32)));
    }
}

fn rows_with<T>(
    expected: &[crate::split::Flat<Span>],
    key: &str,
    value: impl Fn(&ProstValue) -> Option<T>,
) -> Vec<(u32, T)> {
    let of_row = |(row, flat): (usize, &crate::split::Flat<Span>)| {
        let entry = flat.record.attributes.iter().find(|entry| entry.key == key)?;
        Some((row as u32, value(entry.value.as_ref()?.value.as_ref()?)?))
    };
    expected.iter().enumerate().filter_map(of_row).collect()
}

fn assert_same_span(batch: &SpanBatch, row: usize, expected: &Span) {
    let span = batch.span(row).expect("a span");
    let id = |id: &[u8]| <[u8; 8]>::try_from(id).unwrap_or_default();
    assert_eq!(batch.trace_ids()[row], <[u8; 16]>::try_from(&*expected.trace_id).unwrap_or_default());
    assert_eq!(batch.span_ids()[row], id(&expected.span_id));
    assert_eq!(batch.parent_span_ids()[row], id(&expected.parent_span_id));
    assert_eq!(batch.kinds()[row], expected.kind);
    assert_eq!(batch.start_times_unix_nano()[row], expected.start_time_unix_nano);
    assert_eq!(batch.end_times_unix_nano()[row], expected.end_time_unix_nano);
    let status = expected.status.clone().unwrap_or_default();
    assert_eq!(batch.status_codes()[row], status.code);
    assert_eq!(batch.flags()[row], expected.flags);
    assert_eq!(span.trace_id(), expected.trace_id);
    assert_eq!(span.name(), expected.name);
    assert_eq!(span.status_message(), status.message);
    assert_eq!(span.trace_state(), expected.trace_state);
    assert_same_attributes(span.attributes(), &expected.attributes);
    assert_eq!(span.events().count(), expected.events.len());
    for (event, expected) in span.events().zip(&expected.events) {
        assert_eq!((event.name(), event.time_unix_nano()), (&*expected.name, expected.time_unix_nano));
        assert_same_attributes(event.attributes(), &expected.attributes);
    }
    assert_eq!(span.links().count(), expected.links.len());
    for (link, expected) in span.links().zip(&expected.links) {
        assert_eq!((link.span_id(), link.flags()), (&*expected.span_id, expected.flags));
        assert_same_attributes(link.attributes(), &expected.attributes);
    }
}

fn assert_same_attributes<'a>(found: impl Iterator<Item = (&'a str, Value<'a>)>, expected: &[KeyValue]) {
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), expected.len());
    for ((key, value), expected) in found.iter().zip(expected) {
        assert_eq!(*key, expected.key);
        assert!(is_same(value, expected.value.as_ref()), "{value:?} {expected:?}");
    }
}

pub(crate) fn is_same(found: &Value<'_>, expected: Option<&AnyValue>) -> bool {
    match (found, expected.and_then(|expected| expected.value.as_ref())) {
        (Value::Empty, None | Some(ProstValue::StringValueStrindex(_))) => true,
        (Value::Str(found), Some(ProstValue::StringValue(expected))) => found == expected,
        (Value::Bool(found), Some(ProstValue::BoolValue(expected))) => found == expected,
        (Value::Int(found), Some(ProstValue::IntValue(expected))) => found == expected,
        (Value::Double(found), Some(ProstValue::DoubleValue(expected))) => found == expected,
        (Value::Bytes(found), Some(ProstValue::BytesValue(expected))) => found == expected,
        (Value::Array(found), Some(ProstValue::ArrayValue(expected))) => {
            found.values().count() == expected.values.len()
                && found.values().zip(&expected.values).all(|(a, b)| is_same(&a, Some(b)))
        }
        (Value::KvList(found), Some(ProstValue::KvlistValue(expected))) => {
            found.entries().count() == expected.values.len()
                && found
                    .entries()
                    .zip(&expected.values)
                    .all(|((key, value), b)| key == b.key && is_same(&value, b.value.as_ref()))
        }
        _ => false,
    }
}

fn assert_edits(batch: &mut SpanBatch, model: &mut ExportTraceServiceRequest, edits: &[Edit]) {
    for edit in edits {
        assert_eq!(apply(batch, edit), Ok(()));
        apply_to_model(model, edit);
        assert_same(batch, model);
        if let Edit::Compact = edit {
            // Resources are renumbered, because compacting leaves out resources without spans.
            *model = ExportTraceServiceRequest::decode(&*batch.chunks().concat()).expect("valid");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A sequence of edits has the same result as on prost's types, and every read in between sees the edits.
    #[test]
    fn edits_are_those_of_prost(request in requests::traces(), edits in vec(edit(), 0..8)) {
        let (mut batch, mut model) = (decode(&request.encode_to_vec()), request);
        assert_edits(&mut batch, &mut model, &edits);
    }

    /// Edits of valid bytes that no sender would write have the same result as on prost's types.
    #[test]
    fn edits_of_strange_bytes_are_those_of_prost(
        request in requests::traces(),
        edits in vec(edit(), 0..6),
        seed in any::<u64>(),
    ) {
        let bytes = scramble(Signal::Traces.request(), &request.encode_to_vec(), &mut Dice::new(seed));
        let mut model = ExportTraceServiceRequest::decode(&*bytes).expect("still valid");
        prop_assert_eq!(&model, &request);
        let mut batch = decode(&bytes);
        assert_same(&batch, &model);
        assert_edits(&mut batch, &mut model, &edits);
    }

    /// Each span goes to the part that its entry names, in order. Edits do not change that.
    #[test]
    fn a_partition_puts_each_span_in_its_part(
        request in requests::traces(),
        parts in vec(0..4u32, 36),
        edit in edit(),
    ) {
        let (mut batch, mut model) = (decode(&request.encode_to_vec()), request);
        assert_edits(&mut batch, &mut model, &[edit]);
        let parts: Vec<u32> = parts.into_iter().cycle().take(batch.items()).collect();
        let split = batch.partition(&parts).expect("an entry a span");
        prop_assert_eq!(split.len(), parts.iter().max().map_or(0, |highest| *highest as usize + 1));
        for (part, batch) in split.iter().enumerate() {
            let mut expected = spans(&model);
            let mut of_spans = parts.iter();
            expected.retain(|_| of_spans.next().is_some_and(|of_span| *of_span as usize == part));
            let decoded = ExportTraceServiceRequest::decode(&*batch.chunks().concat()).expect("valid");
            prop_assert_eq!(spans(&decoded), expected);
        }
    }

    /// Each trace goes to one part as a whole, and no span is lost.
    #[test]
    fn a_split_by_trace_keeps_traces_whole(request in requests::traces(), parts in 1..5usize) {
        let batch = decode(&request.encode_to_vec());
        let split = batch.split_by_trace(parts, |id| u64::from(id[0]));
        prop_assert_eq!(split.len(), parts);
        let mut found = Vec::new();
        for (part, batch) in split.iter().enumerate() {
            prop_assert!(batch.trace_ids().iter().all(|id| usize::from(id[0]) % parts == part));
            found.extend(spans(&ExportTraceServiceRequest::decode(&*batch.chunks().concat()).expect("valid")));
        }
        let mut expected = spans(&request);
        expected.sort_by_key(|flat| {
            usize::from(<[u8; 16]>::try_from(&*flat.record.trace_id).unwrap_or_default()[0]) % parts
        });
        prop_assert_eq!(found, expected);
    }
}

/// Unknown fields survive edits of everything around them.
#[test]
fn unknown_fields_survive_edits() {
    let unknown = |name: &str| [&[0xaa, 0x06, name.len() as u8][..], name.as_bytes()].concat();
    let framed = |tag: u8, parts: &[&[u8]]| {
        let body = parts.concat();
        [&[tag, body.len() as u8][..], &body].concat()
    };
    let value = framed(0x12, &[&unknown("in value"), &[0x0a, 0x01, b'x']]);
    let attribute = framed(0x4a, &[&[0x0a, 0x01, b'k'], &value, &unknown("in key value")]);
    let span = framed(0x12, &[&attribute, &unknown("in span")]);
    let other = framed(0x12, &[&[0x2a, 0x01, b'o']]);
    let scope = framed(0x12, &[&span, &other, &unknown("in scope spans")]);
    let resource = framed(0x0a, &[&unknown("in resource")]);
    let request =
        [framed(0x0a, &[&resource, &scope, &unknown("in resource spans")]), unknown("in request")].concat();

    let mut batch = decode(&request);
    batch.retain(|row| row == 0);
    batch.rename("k", "renamed").expect("an edit");
    batch.set(0, "new", &Value::Int(1)).expect("an edit");
    batch.set_resource(0, "new", &Value::Bool(true)).expect("an edit");
    let encoded = batch.chunks().concat();
    let held = |name: &str| encoded.windows(name.len()).any(|bytes| bytes == name.as_bytes());
    for place in ["value", "key value", "span", "scope spans", "resource", "resource spans", "request"] {
        assert!(held(&format!("in {place}")), "{place}");
    }
    assert_eq!(batch.attribute(0, "renamed"), Some(Value::Str("x")));
}

/// A list with a wrong length, or with too many parts, is an error.
#[test]
fn partitions_without_bounds_are_refused() {
    let batch = decode(&[0x0a, 0x06, 0x12, 0x04, 0x12, 0x00, 0x12, 0x00]);
    let refused = |parts: &[u32]| batch.partition(parts).expect_err("too many or too few");
    assert_eq!(refused(&[0]), EditError::Length { rows: 2, values: 1 });
    assert_eq!(refused(&[0, 1024]), EditError::Parts { parts: 1025, limit: 1024 });
    assert_eq!(batch.partition(&[3, 3]).expect("four parts").len(), 4);
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let mut batch = decode(&[]);
    assert_eq!(batch.set(0, "a", &Value::Int(1)), Err(EditError::Row { row: 0, rows: 0 }));
    assert_eq!(batch.set_resource(3, "a", &Value::Int(1)), Err(EditError::Row { row: 3, rows: 0 }));
    let column = TextColumn::new("x".into(), vec![1], vec![7]).expect("a column");
    assert_eq!(batch.set_text("a", &column), Err(EditError::Row { row: 7, rows: 0 }));
    assert!(batch.span(0).is_none());
    assert!(batch.scope(0).is_none() && batch.resource(0).is_none());
}

/// A resource's value may lie one message deeper than a span's. A value that the next receiver would refuse
/// is refused here.
#[test]
fn values_that_would_nest_too_deep_are_refused() {
    // The resource's AnyValue is the fourth message below the request. Up to 96 more may lie below it: one
    // hundred together.
    let batch_with = |lists: usize| {
        let mut value = AnyValue::default();
        for _ in 0..lists {
            let values = vec![value];
            let array = opentelemetry_proto::tonic::common::v1::ArrayValue { values };
            value = AnyValue { value: Some(ProstValue::ArrayValue(array)) };
        }
        let mut request = ExportTraceServiceRequest::default();
        request.resource_spans.push(Default::default());
        request.resource_spans[0].resource.get_or_insert_default().attributes.push(KeyValue {
            key: "deep".into(),
            value: Some(value),
            key_strindex: 0,
        });
        request.resource_spans[0].scope_spans.push(Default::default());
        request.resource_spans[0].scope_spans[0].spans.push(Span::default());
        decode(&request.encode_to_vec())
    };
    for (lists, outcome) in [(47, Ok(())), (48, Err(EditError::Depth))] {
        let mut batch = batch_with(lists);
        let resource = batch.clone();
        let value = resource.resource(0).and_then(|resource| resource.attribute("deep")).expect("a value");
        assert_eq!(batch.set_resource(0, "copy", &value), Ok(()));
        assert_eq!(batch.set(0, "copy", &value), outcome);
        assert!(ExportTraceServiceRequest::decode(&*batch.chunks().concat()).is_ok());
    }
}
