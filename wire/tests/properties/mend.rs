//! Properties of the repair of requests with texts that are not UTF-8, ids of a wrong length, values that nest too
//! deep, and scopes in their former field.

use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use spanloom_wire::{Mended, WireErrorKind, mend};

use super::*;

/// Stands in texts for bytes that are not UTF-8. It has the same length as those bytes.
const MARK: char = '\u{10fffe}';
const BAD: [u8; 4] = [0xff; 4];

/// Returns the request in unusual bytes, with each mark of its texts replaced by bytes that are not UTF-8.
fn damaged<R: Request>(request: &R, seed: u64) -> Vec<u8> {
    spoiled(scramble(R::SIGNAL.request(), &request.encode_to_vec(), &mut Dice::new(seed)))
}

/// Replaces each mark by bytes that are not UTF-8.
fn spoiled(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut mark = [0; 4];
    MARK.encode_utf8(&mut mark);
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, four)| *four == mark).map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + 4].copy_from_slice(&BAD);
    }
    bytes
}

/// Asserts that the repaired request has a replacement character for each bad byte and no other change.
fn assert_mended<R: Request>(damaged: &[u8], expected: &R) -> Mended {
    let mended = mend(R::SIGNAL, damaged).expect("a request that can be mended");
    let batch = Batch::decode(R::SIGNAL, mended.bytes.clone().into()).expect("a valid request");
    let shown = |character: char| format!("{character:?}").trim_matches('\'').to_owned();
    // Decoding again drops the signs of zeros, which are not sent.
    let expected = R::decode(&*expected.encode_to_vec()).expect("what prost writes");
    let expected = format!("{expected:?}").replace(&shown(MARK), &shown('\u{fffd}').repeat(4));
    assert_eq!(format!("{:?}", R::of(&batch)), expected);
    mended
}

fn is_id(id: &[u8], len: usize) -> bool {
    id.is_empty() || id.len() == len
}

fn has_ids(span: &Span) -> bool {
    let of_links = span.links.iter().all(|link| is_id(&link.trace_id, 16) && is_id(&link.span_id, 8));
    is_id(&span.trace_id, 16) && is_id(&span.span_id, 8) && is_id(&span.parent_span_id, 8) && of_links
}

fn damage(id: &mut Vec<u8>, dice: &mut Dice) {
    if dice.one_in(8) {
        id.push(1);
    } else if dice.one_in(8) {
        id.truncate(4);
    }
}

/// Appends a field with a message.
fn push_message(to: &mut Vec<u8>, number: u32, message: &[u8]) {
    encode_key(number, WireType::LengthDelimited, to);
    encode_varint(message.len() as u64, to);
    to.extend_from_slice(message);
}

fn in_former_field(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    for resource in &request.resource_spans {
        let mut body = ResourceSpans { scope_spans: Vec::new(), ..resource.clone() }.encode_to_vec();
        for scope in &resource.scope_spans {
            push_message(&mut body, 1000, &scope.encode_to_vec());
        }
        push_message(&mut bytes, 1, &body);
    }
    bytes
}

fn with_scope_in_each_resource(bytes: &[u8], scope: &ScopeSpans) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        decode_key(&mut rest).expect("a key");
        let len = decode_varint(&mut rest).expect("a length") as usize;
        let (body, after) = rest.split_at(len);
        let mut body = body.to_vec();
        push_message(&mut body, 2, &scope.encode_to_vec());
        push_message(&mut out, 1, &body);
        rest = after;
    }
    out
}

fn scope_named(name: &str) -> ScopeSpans {
    let scope = Some(InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() });
    ScopeSpans { scope, ..ScopeSpans::default() }
}

/// Scenario: JSON has the names of OTLP before 0.15, and the names of the `.proto` files.
/// Guarantees: nothing is left out.
#[test]
fn json_with_former_names_and_names_in_snake_case_is_read() {
    let span = r#"{"traceId":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174","name":"a"}"#;
    let scopes = format!(r#"[{{"instrumentationLibrary":{{"name":"lib"}},"spans":[{span}]}}]"#);
    let json = format!(r#"{{"resource_spans":[{{"instrumentationLibrarySpans":{scopes}}}]}}"#);
    let bytes = spanloom_wire::json::from_json(Signal::Traces, json.as_bytes()).expect("a request");
    let mended = mend(Signal::Traces, &bytes).expect("a request that can be mended");
    let request = ExportTraceServiceRequest::decode(&*mended.bytes).expect("a request");
    let [resource] = request.resource_spans.as_slice() else { panic!("{request:?}") };
    let [scope] = resource.scope_spans.as_slice() else { panic!("{request:?}") };
    assert_eq!(scope.scope.as_ref().map(|scope| scope.name.as_str()), Some("lib"));
    assert_eq!((scope.spans.len(), scope.spans[0].span_id.len()), (1, 8));
}

/// Returns a request with a span whose attribute has this many lists in one another, each with a number before and
/// after the list in it. In maps, each level takes one message more.
pub(crate) fn nested(levels: usize, in_maps: bool) -> ExportTraceServiceRequest {
    let number = |number: usize| AnyValue { value: Some(ProstValue::IntValue(number as i64)) };
    let entry = |value| KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() };
    let value = (0..levels).fold(number(0), |inner, level| {
        let values = vec![number(level), inner, number(level)];
        let value = match in_maps {
            true => ProstValue::KvlistValue(KeyValueList { values: values.into_iter().map(entry).collect() }),
            false => ProstValue::ArrayValue(ArrayValue { values }),
        };
        AnyValue { value: Some(value) }
    });
    let span = Span { name: MARK.to_string(), attributes: vec![entry(value)], ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span.clone(), span], ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

fn held(value: Option<&AnyValue>) -> Option<&ProstValue> {
    value?.value.as_ref()
}

fn is_number(value: Option<&ProstValue>) -> bool {
    matches!(value, Some(ProstValue::IntValue(_)))
}

/// Returns the values of a list or a map, unless there are none.
fn elements(value: Option<&ProstValue>) -> Vec<Option<&ProstValue>> {
    let values: Vec<Option<&ProstValue>> = match value {
        Some(ProstValue::ArrayValue(list)) => list.values.iter().map(|value| held(Some(value))).collect(),
        Some(ProstValue::KvlistValue(list)) => {
            list.values.iter().map(|entry| held(entry.value.as_ref())).collect()
        }
        _ => Vec::new(),
    };
    if values.iter().all(Option::is_none) { Vec::new() } else { values }
}

/// Scenario: lists, and maps, nest deeper than a request may, among texts that are not UTF-8.
/// Guarantees: a list ends where it would nest too deep, and everything around it stays. Other decoders take the
/// request.
#[test]
fn values_that_nest_too_deep_are_cut() {
    // A span's value is five messages below the request.
    for (in_maps, fits) in [(false, 47), (true, 31)] {
        for levels in [1, fits, fits + 1, fits + 2, 300] {
            let request = nested(levels, in_maps);
            let mended = mend(Signal::Traces, &spoiled(request.encode_to_vec())).expect("a request");
            let read = ExportTraceServiceRequest::decode(&*mended.bytes).expect("what prost takes");
            let span = &read.resource_spans[0].scope_spans[0].spans[1];
            let mut value = held(span.attributes[0].value.as_ref());
            let mut depth = 0;
            while let [first, inner, last] = elements(value)[..] {
                assert!(is_number(first) && is_number(last), "{levels} levels, at {depth}");
                (value, depth) = (inner, depth + 1);
            }
            assert_eq!(depth, levels.min(fits), "{levels} levels");
            assert_eq!(is_number(value), levels <= fits, "{levels} levels");
            assert_eq!((mended.cuts > 0, mended.texts, mended.refused), (levels > fits, 2, 0), "{levels}");
            assert_eq!(span.name, "\u{fffd}".repeat(4));
        }
    }
}

/// Scenario: groups nest too deep beside a value that does.
/// Guarantees: the request is refused, at the place of the group.
#[test]
fn groups_that_nest_too_deep_are_refused() {
    let mut bytes = nested(50, false).encode_to_vec();
    let at = bytes.len();
    bytes.extend([0xa3, 0x06].repeat(101));
    bytes.extend([0xa4, 0x06].repeat(101));
    let error = mend(Signal::Traces, &bytes).expect_err("a group");
    assert_eq!(error.kind, WireErrorKind::Depth { limit: 100 });
    assert_eq!((error.path.as_str(), error.offset), ("", at + 200));
}

/// Scenario: a request has a bad id in a scope that is left out and another in one that is kept; another request
/// has a text that would grow too much, after a bad id.
/// Guarantees: the error names the place of its own fault.
#[test]
fn an_error_of_a_mended_request_has_the_place_of_its_own_fault() {
    let span = |trace_id: &[u8], name: &str| Span {
        trace_id: trace_id.to_vec(),
        name: name.to_owned(),
        ..Span::default()
    };
    let scope = |spans| ScopeSpans { spans, ..ScopeSpans::default() };
    let resource = |scope_spans| ResourceSpans { scope_spans, ..ResourceSpans::default() };
    let request = |scopes| ExportTraceServiceRequest { resource_spans: vec![resource(scopes)] };
    let former = in_former_field(&request(vec![scope(vec![span(&[1; 2], "")])]));
    let both = with_scope_in_each_resource(&former, &scope(vec![span(&[], ""), span(&[1; 3], "")]));
    let mended = mend(Signal::Traces, &both).expect("a request that can be mended");
    let first = mended.first_refused.expect("a refused span");
    assert_eq!((mended.refused, &*first.path), (1, "resource_spans[0].scope_spans[0].spans[1].trace_id"));
    let growing = MARK.to_string().repeat(150_000);
    let bytes = spoiled(request(vec![scope(vec![span(&[1; 2], ""), span(&[], &growing)])]).encode_to_vec());
    let error = mend(Signal::Traces, &bytes).expect_err("a request that cannot be mended");
    assert_eq!(error.path, "resource_spans[0].scope_spans[0].spans[1].name");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn texts_of_traces_are_mended(request in requests::traces(), seed in any::<u64>()) {
        prop_assert_eq!(assert_mended(&damaged(&request, seed), &request).refused, 0);
    }

    #[test]
    fn texts_of_metrics_are_mended(request in requests::metrics(), seed in any::<u64>()) {
        prop_assert_eq!(assert_mended(&damaged(&request, seed), &request).refused, 0);
    }

    #[test]
    fn texts_of_logs_are_mended(request in requests::logs(), seed in any::<u64>()) {
        prop_assert_eq!(assert_mended(&damaged(&request, seed), &request).refused, 0);
    }

    /// Spans with a bad id are left out, whatever their texts. All other spans are kept.
    #[test]
    fn spans_with_bad_ids_are_left_out(mut request in requests::traces(), seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            damage(&mut span.trace_id, &mut dice);
            damage(&mut span.span_id, &mut dice);
            damage(&mut span.parent_span_id, &mut dice);
            for link in &mut span.links {
                damage(&mut link.span_id, &mut dice);
            }
        }
        let bytes = damaged(&request, seed);
        let mut refused = 0;
        for scope in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
            refused += scope.spans.iter().filter(|span| !has_ids(span)).count();
            scope.spans.retain(has_ids);
        }
        let mended = assert_mended(&bytes, &request);
        prop_assert_eq!(mended.refused, refused);
        let is_id = |error: &spanloom_wire::WireError| matches!(error.kind, WireErrorKind::Id { .. });
        prop_assert_eq!(mended.first_refused.as_ref().is_some_and(is_id), refused > 0);
    }

    #[test]
    fn log_records_with_bad_ids_are_left_out(mut request in requests::logs(), seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
        for record in scopes.flat_map(|scope| &mut scope.log_records) {
            damage(&mut record.trace_id, &mut dice);
            damage(&mut record.span_id, &mut dice);
        }
        let bytes = damaged(&request, seed);
        let has_ids = |record: &LogRecord| is_id(&record.trace_id, 16) && is_id(&record.span_id, 8);
        for scope in request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs) {
            scope.log_records.retain(has_ids);
        }
        assert_mended(&bytes, &request);
    }

    /// Scopes in their former field are as in today's, unless the resource has both: then today's count.
    #[test]
    fn scopes_in_their_former_field_are_moved(mut request in requests::traces(), both in any::<bool>()) {
        let former = in_former_field(&request);
        let todays = scope_named("today's");
        let bytes = if both { with_scope_in_each_resource(&former, &todays) } else { former };
        if both {
            request.resource_spans.iter_mut().for_each(|resource| resource.scope_spans = vec![todays.clone()]);
        }
        let mended = assert_mended(&spoiled(bytes), &request);
        prop_assert_eq!((mended.refused, mended.first_refused), (0, None));
    }

    /// A request without faults keeps its bytes.
    #[test]
    fn a_good_request_stays_as_it_is(request in requests::traces(), seed in any::<u64>()) {
        let bytes = scramble(Signal::Traces.request(), &request.encode_to_vec(), &mut Dice::new(seed));
        let mended = mend(Signal::Traces, &bytes).expect("a good request");
        prop_assert_eq!(mended, Mended { bytes, texts: 0, cuts: 0, refused: 0, first_refused: None });
    }
}
