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

/// Envelopes without records cost an index as much as records do: they are counted too.
#[test]
fn all_that_an_index_has_an_entry_for_is_counted() {
    // resource_spans[0] { resource {} scope_spans[0] { scope {} spans[0] { attributes[0] {} } spans[1] {} } scope_spans[1] {} }
    let request = [
        0x0a, 0x10, 0x0a, 0x00, 0x12, 0x0a, 0x0a, 0x00, 0x12, 0x02, 0x4a, 0x00, 0x12, 0x02, 0x4a, 0x00, 0x12,
        0x00,
    ];
    assert_eq!(check(Signal::Traces, &request), Ok(Summary { items: 2, entries: 7 }));
}

fn assert_error(bytes: &[u8], expected: &str) {
    let error = check(Signal::Traces, bytes).unwrap_err();
    assert_eq!(error.to_string(), expected);
}
