use proptest::prelude::*;
use spanloom_wire::{Frame, SpanBatch, Value};

use super::*;
use crate::split::spans;

/// The bytes that a frame borrows.
struct Owned {
    resource_fields: Vec<u8>,
    scope_fields: Vec<u8>,
    span: Vec<u8>,
}

/// Takes all spans out of the batch.
fn taken(batch: &SpanBatch) -> Vec<Owned> {
    let frames = batch.frames();
    let take = |row| {
        let (mut resource_fields, mut scope_fields) = (Vec::new(), Vec::new());
        frames.write_resource(frames.scope(row), &mut resource_fields);
        frames.write_scope(frames.scope(row), &mut scope_fields);
        Owned { resource_fields, scope_fields, span: frames.span(row).to_vec() }
    };
    (0..batch.items()).map(take).collect()
}

/// Numbers the values in the order of their first occurrence.
fn number<T: PartialEq>(known: &mut Vec<T>, value: T) -> u32 {
    let at = known.iter().position(|one| *one == value).unwrap_or_else(|| {
        known.push(value);
        known.len() - 1
    });
    at as u32
}

fn assembled(taken: &[Owned]) -> SpanBatch {
    let (mut resources, mut scopes) = (Vec::new(), Vec::new());
    let frames: Vec<Frame<'_>> = (taken.iter())
        .map(|Owned { resource_fields, scope_fields, span }| {
            let resource = number(&mut resources, resource_fields);
            let scope = number(&mut scopes, (resource, scope_fields));
            Frame { resource, scope, resource_fields, scope_fields, span }
        })
        .collect();
    SpanBatch::of_frames(&frames).expect("a small request")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Spans that are taken out of a request, edited or not, and put together in any order, keep their resource
    /// and scope; and the whole is a valid request with as many spans as it says.
    #[test]
    fn spans_put_together_in_any_order_keep_their_envelopes(
        (request, order) in requests::traces().prop_flat_map(|request| {
            let rows: Vec<usize> = (0..spans(&request).len()).collect();
            (Just(request), Just(rows).prop_shuffle())
        }),
        is_edited: bool,
    ) {
        let Batch::Spans(mut batch) = request.batch() else { panic!("spans") };
        if is_edited && !batch.is_empty() {
            batch.set_resource(0, "edited", &Value::Bool(true)).expect("a small edit");
            batch.set(0, "edited", &Value::Bool(true)).expect("a small edit");
        }
        let edited = ExportTraceServiceRequest::of(&Batch::Spans(batch.clone()));
        let flat = spans(&edited);
        let mut rows: Vec<Option<Owned>> = taken(&batch).into_iter().map(Some).collect();
        prop_assert_eq!(rows.len(), flat.len());
        let shuffled: Vec<Owned> = order.iter().filter_map(|row| rows[*row].take()).collect();
        let assembled = assembled(&shuffled);
        let expected: Vec<_> = order.iter().map(|row| flat[*row].clone()).collect();
        prop_assert_eq!(assembled.items(), expected.len());
        let encoded = Bytes::from(assembled.chunks().concat());
        let decoded = Batch::decode(Signal::Traces, encoded).expect("a valid request");
        prop_assert_eq!(decoded.items(), expected.len());
        prop_assert_eq!(spans(&ExportTraceServiceRequest::of(&decoded)), expected);
    }

    /// Scopes get attributes by a set of each span. Every span keeps its place, its bytes, its resource and the rest
    /// of its scope, and its scope has the attributes of the span's set and of no other.
    #[test]
    fn each_span_is_in_a_scope_with_the_attributes_of_its_set(
        request in requests::traces(),
        set_of in proptest::collection::vec(proptest::option::of(0..2usize), 1..8),
    ) {
        const KEYS: [&str; 2] = ["spanloom.test.a", "spanloom.test.b"];
        let Batch::Spans(mut batch) = request.batch() else { panic!("spans") };
        let before = batch.clone();
        let sets = [vec![(KEYS[0], Value::Str("x"))], vec![(KEYS[0], Value::Str("y")), (KEYS[1], Value::Bool(true))]];
        let set_of = |row: usize| set_of[row % set_of.len()];
        batch.set_scope_attributes(&sets, set_of).unwrap();
        let whole: Vec<u8> = batch.chunks().concat();
        let batch = SpanBatch::decode(whole.into()).unwrap();
        prop_assert_eq!(batch.items(), before.items());
        for row in 0..batch.items() {
            let (old, new) = (before.span(row).unwrap(), batch.span(row).unwrap());
            prop_assert_eq!(old.encoded(), new.encoded());
            prop_assert!(old.resource().attributes().eq(new.resource().attributes()));
            prop_assert_eq!((old.scope().name(), old.scope().version()), (new.scope().name(), new.scope().version()));
            let others = new.scope().attributes().filter(|(key, _)| !KEYS.contains(key));
            prop_assert!(old.scope().attributes().eq(others));
            let expected = match set_of(row) {
                None => [None, None],
                Some(0) => [Some(Value::Str("x")), None],
                Some(_) => [Some(Value::Str("y")), Some(Value::Bool(true))],
            };
            let of = |key| new.scope().attributes().find(|(known, _)| *known == key).map(|(_, value)| value);
            prop_assert_eq!(KEYS.map(of), expected);
        }
    }
}
