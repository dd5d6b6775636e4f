use super::*;

/// Each wrong request gets the error that names the field and the byte.
#[test]
fn errors_name_the_field_the_byte_and_the_reason() {
    // resource_spans[0] { scope_spans[0] {} scope_spans[1] { spans[0] { name: <0xff> } } }
    let text = [0x0a, 0x09, 0x12, 0x00, 0x12, 0x05, 0x12, 0x03, 0x2a, 0x01, 0xff];
    assert_error(&text, "resource_spans[0].scope_spans[1].spans[0].name at byte 10: text is not UTF-8");
    assert_error(
        &[0x0a, 0x04, 0x0a, 0x80, 0x80, 0x04],
        "resource_spans[0].resource at byte 3: length 65536 runs past the end of its message (0 bytes left)",
    );
    assert_error(&[0x08, 0x01], "resource_spans[0] at byte 0: wire type 0 is not that of this field");
    assert_error(&[0x7f], "ExportTraceServiceRequest at byte 0: 127 is not a field's tag");
    assert_error(&[0x0a, 0x01, 0x00], "resource_spans[0] at byte 2: 0 is not a field's tag");
    assert_error(&[0x0a, 0x80], "resource_spans[0] at byte 1: a varint is cut short or does not fit 64 bits");
    assert_error(
        &[0x13, 0x08, 0x01],
        "ExportTraceServiceRequest at byte 3: a group does not end as it began",
    );
}

#[test]
fn unknown_fields_and_groups_are_walked_over() {
    let group = [0x13, 0x1b, 0x08, 0x01, 0x1c, 0x14, 0x1a, 0x02, 0xff, 0xff];
    assert_eq!(check(Signal::Traces, &group), Ok(Summary { items: 0, entries: 0 }));
}

#[test]
fn nothing_is_a_valid_request_of_every_signal() {
    for signal in Signal::ALL {
        assert_eq!(check(signal, &[]), Ok(Summary { items: 0, entries: 0 }));
    }
}

/// Envelopes without records take as much index memory as records do, so they are counted too.
#[test]
fn all_that_an_index_has_an_entry_for_is_counted() {
    // resource_spans[0] { resource {} scope_spans[0] { scope {} spans[0] { attributes[0] {} } spans[1] {} } scope_spans[1] {} }
    let request = [
        0x0a, 0x10, 0x0a, 0x00, 0x12, 0x0a, 0x0a, 0x00, 0x12, 0x02, 0x4a, 0x00, 0x12, 0x02, 0x4a, 0x00, 0x12,
        0x00,
    ];
    assert_eq!(check(Signal::Traces, &request), Ok(Summary { items: 2, entries: 7 }));
}

/// One span has an id that is cut short. It lies among good spans and a text that is not UTF-8.
#[test]
fn the_rest_of_a_request_is_kept_and_the_bad_id_is_named() {
    let span = |id: &[u8], name: &[u8]| {
        framed(0x12, [framed(0x12, id.to_vec()), framed(0x2a, name.to_vec())].concat())
    };
    let (good, cut, text) = (span(&[7; 8], b"a"), span(&[7; 4], b"\xff"), span(&[7; 8], b"b\xffc"));
    let request = |spans: &[&[u8]]| framed(0x0a, framed(0x12, spans.concat()));
    let mended = mend(Signal::Traces, &request(&[&good, &text, &cut, &good])).unwrap();
    assert_eq!(mended.bytes, request(&[&good, &span(&[7; 8], "b\u{fffd}c".as_bytes()), &good]));
    assert_eq!((mended.texts, mended.refused), (1, 1));
    assert_eq!(
        mended.first_refused.unwrap().to_string(),
        "resource_spans[0].scope_spans[0].spans[2].span_id at byte 40: an id of 4 bytes, and it should have 8"
    );
    assert_eq!(mend(Signal::Traces, &request(&[&cut])).unwrap().bytes, request(&[]));
}

/// A value nests one message deeper than it may. Its innermost message is left out; other spans stay as they are.
#[test]
fn a_value_is_cut_where_it_nests_too_deep() {
    // resource_spans[0] { scope_spans[0] { spans[0] { attributes[0] { value: <lists> } } spans[1] {} } }
    let request = |innermost: Vec<u8>| {
        let lists = (0..47).fold(innermost, |inner, _| framed(0x2a, framed(0x0a, inner)));
        let span = framed(0x12, framed(0x4a, framed(0x12, lists)));
        framed(0x0a, framed(0x12, [span, framed(0x12, Vec::new())].concat()))
    };
    let number = || vec![0x18, 7];
    assert!(check(Signal::Traces, &request(framed(0x2a, Vec::new()))).is_ok());
    let deep = request(framed(0x2a, [framed(0x0a, number()), framed(0x0a, vec![0xff])].concat()));
    let error = check(Signal::Traces, &deep).unwrap_err();
    assert_eq!(error.kind, Kind::Depth { limit: DEPTH_LIMIT });
    assert!(error.path.ends_with(".array_value.values[0].array_value.values[0]"), "{error}");
    let mended = mend(Signal::Traces, &deep).unwrap();
    assert_eq!(mended.bytes, request(framed(0x2a, Vec::new())));
    assert_eq!((mended.cuts, mended.texts, mended.refused), (2, 0, 0));
    assert_eq!(check(Signal::Traces, &mended.bytes).map(|summary| summary.items), Ok(2));
}

/// A fault that cannot be repaired is reported as it is, even if other faults could be repaired.
#[test]
fn other_faults_are_refused_as_before() {
    let bad_text_then_bad_tag = [0x0a, 0x03, 0x1a, 0x01, 0xff, 0x08, 0x01];
    let error = mend(Signal::Traces, &bad_text_then_bad_tag).unwrap_err();
    assert_eq!(error.to_string(), "resource_spans[1] at byte 5: wire type 0 is not that of this field");
    // The key of each attribute of the resource is not UTF-8. That needs more changes than are allowed: one for each
    // key and one for each attribute.
    let attributes = [0x0a, 0x03, 0x0a, 0x01, 0xff].repeat(600_000);
    let error = mend(Signal::Logs, &framed(0x0a, framed(0x0a, attributes))).unwrap_err();
    assert_eq!(error.path, "resource_logs[0].resource.attributes[524286].key");
    // One text consists of invalid bytes only.
    let error = mend(Signal::Logs, &framed(0x0a, framed(0x1a, vec![0xff; 1 << 20]))).unwrap_err();
    assert_eq!(error.path, "resource_logs[0].schema_url");
}

fn framed(tag: u8, body: Vec<u8>) -> Vec<u8> {
    let mut out = vec![tag];
    varint::write(&mut out, body.len() as u64);
    out.extend(body);
    out
}

fn assert_error(bytes: &[u8], expected: &str) {
    let error = check(Signal::Traces, bytes).unwrap_err();
    assert_eq!(error.to_string(), expected);
}
