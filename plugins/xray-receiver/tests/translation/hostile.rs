//! Datagrams that no SDK sends.

use proptest::prelude::*;
use serde_json::json;
use spanloom_plugin::wire::{Signal, check};
use spanloom_xray_receiver::Rejected;

use crate::document::{HEADER, translated};

fn segment() -> serde_json::Value {
    json!({"name": "shop", "id": "70de5b6f19ff9a0b", "trace_id": "1-581cf771-a006649127e371903a2de979",
        "start_time": 1_478_293_361.271, "end_time": 1_478_293_361.449})
}

fn datagram(segment: &serde_json::Value) -> Vec<u8> {
    format!("{HEADER}{segment}").into_bytes()
}

/// Scenario: documents that lack what each segment must have, in the segment or in a subsegment. Guarantees: each is
/// refused with its reason.
#[test]
fn a_segment_without_identity_is_refused_with_the_reason() {
    let check = |field: &str, value: serde_json::Value, expected: Rejected| {
        let mut wrong = segment();
        wrong[field] = value.clone();
        assert_eq!(translated(&datagram(&wrong)), Err(expected), "{field}: {value}");
        if field != "trace_id" && field != "parent_id" {
            let mut outer = segment();
            outer["subsegments"] = json!([wrong]);
            assert_eq!(translated(&datagram(&outer)), Err(expected), "{field}: {value}");
        }
    };
    for nothing in [json!(null), json!(""), json!([]), json!({})] {
        check("name", nothing.clone(), Rejected::Name);
        check("id", nothing.clone(), Rejected::Id);
        check("trace_id", nothing.clone(), Rejected::TraceId);
        check("start_time", nothing.clone(), Rejected::StartTime);
    }
    check("id", json!("70de5b6f19ff9a0"), Rejected::Id);
    check("trace_id", json!("581cf771a006649127e371903a2de979"), Rejected::TraceId);
    check("parent_id", json!("x"), Rejected::ParentId);
    check("start_time", json!(-1), Rejected::StartTime);
    check("end_time", json!(1e300), Rejected::EndTime);
    check("end_time", json!("soon"), Rejected::EndTime);
}

/// Scenario: JSON that nests deeper than a parser should follow, as metadata and as subsegments. Guarantees: it is
/// refused, and what is not too deep is taken with all its subsegments.
#[test]
fn deep_documents_are_taken_or_refused() {
    let nested = |levels: usize| {
        (0..levels).fold(segment(), |inner, _| {
            let mut outer = segment();
            outer["subsegments"] = json!([inner]);
            outer
        })
    };
    let taken = translated(&datagram(&nested(60))).expect("not too deep");
    assert_eq!(check(Signal::Traces, &taken).expect("OTLP").items, 61);
    assert_eq!(translated(&datagram(&nested(64))), Err(Rejected::Json));
    for open in ["[", "{\"a\":"] {
        let deep = format!("{HEADER}{{\"metadata\":{}", open.repeat(30_000));
        assert_eq!(translated(deep.as_bytes()), Err(Rejected::Json));
    }
}

/// Scenario: a document with 4,000 annotations of one name. Guarantees: the span has the attribute once, with the
/// last value.
#[test]
fn a_repeated_key_is_one_attribute() {
    let repeated = (0..4_000).map(|value| format!("\"a\":{value}")).collect::<Vec<_>>().join(",");
    let text = segment().to_string().replacen('{', &format!("{{\"annotations\":{{{repeated}}},"), 1);
    let otlp = crate::document::otlp(&crate::document::spans(&text));
    let attributes =
        otlp["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].as_array().expect("some");
    let found: Vec<_> = attributes.iter().filter(|attribute| attribute["key"] == "a").collect();
    assert_eq!(found, [&json!({"key": "a", "value": {"intValue": "3999"}})]);
}

/// Scenario: the largest datagrams, each full of the smallest items of one kind. Guarantees: the spans are valid, and take
/// at most sixteen times the datagram, so that a call's datagrams fit into a guest's memory.
#[test]
fn no_kind_of_item_makes_spans_much_larger_than_the_datagram() {
    const LARGEST: usize = 65_507;
    let child = "{\"name\":\"y\",\"id\":\"70de5b6f19ff9a0b\",\"start_time\":1}";
    let link = "{\"trace_id\":\"1-581cf771-a006649127e371903a2de979\",\"id\":\"70de5b6f19ff9a0b\"}";
    for (before, item, after) in [
        ("\"cause\":{\"exceptions\":[", "{}", "]}"),
        ("\"cause\":{\"exceptions\":[{\"stack\":[", "{}", "]}]}"),
        ("\"subsegments\":[", child, "]"),
        ("\"links\":[", link, "]"),
        ("\"metadata\":{\"m\":[", "0", "]}"),
        ("\"aws\":{\"x\":[", "{}", "]}"),
        ("\"precursor_ids\":[", "0", "]"),
    ] {
        let count = (LARGEST - 400) / (item.len() + 1);
        let items = vec![item; count].join(",");
        let text = segment().to_string().replacen('{', &format!("{{{before}{items}{after},"), 1);
        let datagram = format!("{HEADER}{text}");
        assert!(datagram.len() <= LARGEST);
        let otlp = translated(datagram.as_bytes()).expect("a segment");
        assert!(check(Signal::Traces, &otlp).is_ok(), "{before}");
        assert!(otlp.len() <= 16 * datagram.len(), "{before}: {} of {}", otlp.len(), datagram.len());
    }
}

fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let golden = [
        include_str!("../golden/python.segment.json"),
        include_str!("../golden/java.segment.json"),
        include_str!("../golden/odd.segment.json"),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (prop::sample::select(golden.to_vec()), changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(text, changes, end, is_cut)| {
            let mut bytes = format!("{HEADER}{text}").into_bytes();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if is_cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any bytes. Guarantees: they are refused, or make a valid request.
    #[test]
    fn any_bytes_are_refused_or_valid(bytes in proptest::collection::vec(any::<u8>(), 0..200), with_header: bool) {
        let datagram = if with_header { [HEADER.as_bytes(), &bytes].concat() } else { bytes };
        if let Ok(otlp) = translated(&datagram) {
            prop_assert!(check(Signal::Traces, &otlp).is_ok());
        }
    }

    /// Scenario: real documents with bytes changed or cut off. Guarantees: they are refused, or make a valid request.
    #[test]
    fn damaged_documents_are_refused_or_valid(datagram in mangled()) {
        if let Ok(otlp) = translated(&datagram) {
            prop_assert!(check(Signal::Traces, &otlp).is_ok());
        }
    }
}
