use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use proptest::prelude::*;
use spanloom_wire::json::{from_json, from_json_within, to_json, value_from_json, value_to_json};

use super::*;
use crate::edits::{is_same, with_value};

fn survives_json<R: Request>(request: &R, seed: u64) {
    let bytes = scramble(R::SIGNAL.request(), &request.encode_to_vec(), &mut Dice::new(seed));
    let json = to_json(&Batch::decode(R::SIGNAL, bytes.into()).expect("a valid request"));
    let bytes = from_json(R::SIGNAL, &json).unwrap_or_else(|error| {
        panic!("{error} in {}", String::from_utf8_lossy(&json));
    });
    let back = R::decode(&*bytes).expect("valid bytes");
    assert!(back == *request, "{back:?}\n{request:?}\n{}", String::from_utf8_lossy(&json));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn traces_survive_json(request in requests::traces(), seed in any::<u64>()) {
        survives_json(&request, seed);
    }

    #[test]
    fn metrics_survive_json(request in requests::metrics(), seed in any::<u64>()) {
        survives_json(&request, seed);
    }

    #[test]
    fn logs_survive_json(request in requests::logs(), seed in any::<u64>()) {
        survives_json(&request, seed);
    }

    /// A value that is written as plain JSON and read again is the same value, except for bytes, and for
    /// doubles that JSON has no number for. These come back as text.
    #[test]
    fn values_survive_plain_json(value in requests::any_value()) {
        let json = with_value(&value, value_to_json);
        let read = value_from_json(&json).unwrap_or_else(|error| panic!("{error} in {json}"));
        prop_assert!(is_same(&read.get(), Some(&as_plain(value.clone()))), "{value:?}\n{json}");
    }
}

pub(crate) fn as_plain(mut value: AnyValue) -> AnyValue {
    value.value = match value.value {
        Some(ProstValue::BytesValue(bytes)) => Some(ProstValue::StringValue(base64(&bytes))),
        Some(ProstValue::DoubleValue(double)) if double.is_infinite() => {
            let text = if double > 0.0 { "Infinity" } else { "-Infinity" };
            Some(ProstValue::StringValue(text.into()))
        }
        Some(ProstValue::ArrayValue(mut array)) => {
            array.values = array.values.into_iter().map(as_plain).collect();
            Some(ProstValue::ArrayValue(array))
        }
        Some(ProstValue::KvlistValue(mut list)) => {
            for entry in &mut list.values {
                entry.value = entry.value.take().map(as_plain);
            }
            Some(ProstValue::KvlistValue(list))
        }
        other => other,
    };
    value
}

/// Encodes base64 as in RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let quartet = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        let digit = |at: usize| match at <= chunk.len() {
            true => char::from(ALPHABET[bits >> (18 - 6 * at) & 63]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(quartet).collect()
}

/// The examples of the opentelemetry-proto repository are read whole: written again, they are equivalent.
#[test]
fn examples_of_the_specification_survive() {
    assert_example(Signal::Traces, include_str!("../fixtures/trace.json"), 1);
    assert_example(Signal::Metrics, include_str!("../fixtures/metrics.json"), 4);
    assert_example(Signal::Logs, include_str!("../fixtures/logs.json"), 1);
    assert_example(Signal::Logs, include_str!("../fixtures/events.json"), 1);
}

fn assert_example(signal: Signal, example: &str, items: usize) {
    let bytes = from_json(signal, example.as_bytes()).expect("an example");
    let batch = Batch::decode(signal, bytes.into()).expect("a valid request");
    assert_eq!(batch.items(), items);
    let again = serde_json::from_slice(&to_json(&batch)).expect("JSON");
    assert_eq!(canonical(again), canonical(serde_json::from_str(example).expect("JSON")));
}

/// Removes differences of spelling: ids in lower case, integers as floats, zeros of plain fields left out.
fn canonical(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(key, value)| {
                    !(["scale", "zeroThreshold"].contains(&&**key) && value.as_f64() == Some(0.0))
                })
                .map(|(key, value)| match value {
                    Value::String(id) if key.ends_with("Id") => (key, id.to_lowercase().into()),
                    value => (key, canonical(value)),
                })
                .collect(),
        ),
        Value::Array(list) => list.into_iter().map(canonical).collect(),
        Value::Number(number) => number.as_f64().expect("a float").into(),
        other => other,
    }
}

/// The reader accepts all spellings of the specification, including those that we do not write.
#[test]
fn other_spellings_are_read() {
    let span = |json: &str| {
        let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{json}]}}]}}]}}"#);
        let bytes =
            from_json(Signal::Traces, json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"));
        let request = ExportTraceServiceRequest::decode(&*bytes).expect("valid");
        request.resource_spans[0].scope_spans[0].spans[0].clone()
    };
    assert_eq!(span(r#"{"startTimeUnixNano":7}"#).start_time_unix_nano, 7);
    assert_eq!(span(r#"{"startTimeUnixNano":"7"}"#).start_time_unix_nano, 7);
    assert_eq!(span(r#"{"startTimeUnixNano":"18446744073709551615"}"#).start_time_unix_nano, u64::MAX);
    assert_eq!(span(r#"{"startTimeUnixNano":1e3}"#).start_time_unix_nano, 1_000);
    let id = r#"{"traceId":"AbCdEf0123456789AbCdEf0123456789"}"#;
    assert_eq!(span(id).trace_id, [0xab, 0xcd, 0xef, 1, 0x23, 0x45, 0x67, 0x89].repeat(2));
    assert_eq!(span(r#"{"name":null,"status":null,"attributes":null,"kind":null}"#), Default::default());
    assert_eq!(span(r#"{"TraceId":"zz","start-time":{},"new":[{"deep":[1]}]}"#), Default::default());
    // The last value of a key counts, also if it is the default; null is no value.
    let twice = span(r#"{"name":"a","kind":2,"traceId":"ab","name":"","kind":0,"traceId":""}"#);
    assert_eq!((twice.name.as_str(), twice.kind, twice.trace_id), ("", 0, vec![]));
    assert_eq!(span(r#"{"name":"a","name":null}"#).name, "a");
    // Protobuf's own JSON has these too, and senders that use it are not told that their data is left out.
    assert_eq!(span(r#"{"start_time_unix_nano":"7"}"#).start_time_unix_nano, 7);
    assert_eq!(span(r#"{"kind":"SPAN_KIND_SERVER"}"#).kind, 2);
    let status = span(r#"{"status":{"code":"STATUS_CODE_ERROR"}}"#).status;
    assert_eq!(status.map(|status| status.code), Some(2));
    assert_eq!(span(r#"{"name":"\u00e9\ud83c\udf89"}"#).name, "é🎉");
    assert_eq!(span(r#"{"name":"a\ud83cb","x\udf89":["\ud83c"]}"#).name, "a\u{fffd}b");
    let value = |json: &str| {
        let span = span(&format!(r#"{{"attributes":[{{"key":"k","value":{json}}}]}}"#));
        span.attributes[0].value.clone().and_then(|value| value.value)
    };
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    assert_eq!(value(r#"{"intValue":"-9223372036854775808"}"#), Some(Value::IntValue(i64::MIN)));
    assert_eq!(value(r#"{"intValue":0}"#), Some(Value::IntValue(0)));
    assert_eq!(value(r#"{"boolValue":false}"#), Some(Value::BoolValue(false)));
    assert_eq!(value(r#"{"stringValue":""}"#), Some(Value::StringValue(String::new())));
    assert_eq!(value(r#"{"stringValue":null}"#), None);
    assert_eq!(value(r#"{"bytesValue":"_-8"}"#), Some(Value::BytesValue(vec![0xff, 0xef])));
    assert_eq!(value(r#"{"doubleValue":"-Infinity"}"#), Some(Value::DoubleValue(f64::NEG_INFINITY)));
    assert_eq!(value(r#"{"doubleValue":"1.5"}"#), Some(Value::DoubleValue(1.5)));
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Some(Value::DoubleValue(value)) if value.is_nan()));
}

/// A request that would grow too large is refused while it is read. Two characters of JSON may become eight
/// bytes. An empty message takes two.
#[test]
fn what_grows_too_large_is_refused_on_the_way() {
    let bounds = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","histogram":{{"dataPoints":[{{"explicitBounds":[{}]}}]}}}}]}}]}}]}}"#,
        vec!["1"; 10_000].join(",")
    );
    let empty = format!(r#"{{"resourceMetrics":[{}]}}"#, vec!["{}"; 10_000].join(","));
    for (json, limit_bytes) in [(bounds, 50_000), (empty, 15_000)] {
        assert!(from_json(Signal::Metrics, json.as_bytes()).is_ok());
        let error = from_json_within(Signal::Metrics, json.as_bytes(), limit_bytes).unwrap_err();
        assert!(error.message.contains("larger as protobuf"), "{error}");
    }
}

/// Unknown keys are ignored, however deep they nest: no reader sees them.
#[test]
fn what_is_ignored_may_nest() {
    for depth in [1, 126, 127, 100_000] {
        let json = format!(r#"{{"x":{}1e999{},"resourceSpans":[]}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(from_json(Signal::Traces, json.as_bytes()), Ok(Vec::new()));
    }
}

/// Scenario: lists, and maps, nest deeper in JSON than is read.
/// Guarantees: a list ends where it would nest too deep, and everything around it is read.
#[test]
fn what_nests_too_deep_is_cut() {
    let list = (r#"{"arrayValue":{"values":[{"intValue":1},"#, "]}}", 39);
    let map =
        (r#"{"kvlistValue":{"values":[{"key":"k","value":{"intValue":1}},{"key":"k","value":"#, "}]}}", 29);
    for (open, close, fits) in [list, map] {
        for levels in [1, fits, fits + 1, fits + 2, 50_000] {
            let value = format!("{}{{\"intValue\":2}}{}", open.repeat(levels), close.repeat(levels));
            let span = format!(r#"{{"attributes":[{{"key":"k","value":{value}}}],"name":"a"}}"#);
            let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span},{span}]}}]}}]}}"#);
            let read = from_json_within(Signal::Traces, json.as_bytes(), usize::MAX).expect("JSON");
            assert_eq!(read.cuts > 0, levels > fits, "{levels} levels");
            let batch = Batch::decode(Signal::Traces, read.bytes.into()).expect("a valid request");
            let again = String::from_utf8(to_json(&batch)).expect("JSON");
            assert_eq!(again.matches(r#""intValue":"1""#).count(), 2 * levels.min(fits), "{levels} levels");
            assert_eq!(again.matches(r#""intValue":"2""#).count(), if levels > fits { 0 } else { 2 });
            assert_eq!(again.matches(r#""name":"a""#).count(), 2, "{levels} levels");
        }
    }
}

#[test]
fn errors_name_the_key_the_place_and_what_was_expected() {
    let error = |json: &str| from_json(Signal::Traces, json.as_bytes()).expect_err(json).to_string();
    let of_span =
        |json: &str| error(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{}},{json}]}}]}}]}}"#));
    assert_eq!(error(""), "the request at line 1 column 0: EOF while parsing a value");
    assert_eq!(
        error("[]"),
        "the request at line 1 column 2: invalid type: sequence, expected an object (ExportTraceServiceRequest)"
    );
    assert_eq!(
        of_span(r#"{"traceId":"xy"}"#),
        "resourceSpans[0].scopeSpans[0].spans[1].traceId at line 1 column 61: \
         invalid value: string \"xy\", expected an id in hex"
    );
    let double = |value: &str| {
        of_span(&format!(r#"{{"attributes":[{{"key":"k","value":{{"doubleValue":{value}}}}}]}}"#))
    };
    assert!(double(r#""1e999""#).contains("expected a number"), "{}", double(r#""1e999""#));
    assert!(of_span(r#"{"kind":"SERVER"}"#).contains("expected the number or the name of an enum's value"));
    assert!(of_span(r#"{"startTimeUnixNano":-1}"#).contains("unsigned 64-bit integer"));
    assert!(of_span(r#"{"startTimeUnixNano":1.5}"#).contains("unsigned 64-bit integer"));
    assert!(of_span(r#"{"droppedEventsCount":4294967296}"#).contains("unsigned 32-bit integer"));
    assert!(of_span(r#"{"attributes":{}}"#).contains("expected an array"));
    assert!(of_span(r#"{"attributes":[null]}"#).contains("attributes[0]"));
    // The message of an error does not grow with what the sender wrote, wherever it is wrong.
    let long = format!("\"{}\"", "\u{7f}é".repeat(1 << 20));
    for json in [
        format!(r#"{{"kind":{long}}}"#),
        format!(r#"{{"events":{long}}}"#),
        format!(r#"{{"status":{long}}}"#),
    ] {
        let error = of_span(&json);
        assert!(error.len() < 1000 && error.contains("expected"), "{} bytes", error.len());
    }
    assert!(error(&long).len() < 1000);
    assert!(error(r#"{"resourceSpans":[]} x"#).contains("trailing characters"));
    // Neither known nor unknown keys overflow the stack if they are opened a hundred thousand times.
    let value = r#"{"arrayValue":{"values":["#.repeat(100_000);
    let head = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"value":"#;
    assert!(error(&format!("{head}{value}")).contains("EOF"));
    assert!(error(&format!(r#"{{"x":{}"#, "[".repeat(100_000))).contains("EOF"));
}
