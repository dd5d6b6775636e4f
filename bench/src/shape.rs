//! Finds the spans of an encoded `ExportTraceServiceRequest` by stepping over field lengths.

use bytes::Buf;

/// The field numbers that lead down, one for each level: `resource_spans`, `scope_spans`, `spans`
/// (opentelemetry-proto, trace_service.proto and trace.proto).
const LEVELS: [u64; 3] = [1, 2, 2];

/// The numbers of a span's fields.
const PARENT_SPAN_ID: u64 = 4;
const START_TIME_UNIX_NANO: u64 = 7;

const WIRE_VARINT: u64 = 0;
const WIRE_FIXED64: u64 = 1;
const WIRE_LENGTH: u64 = 2;
const WIRE_FIXED32: u64 = 5;

/// Returns the number of spans in `request`, or `None` if its bytes are not a request.
pub(crate) fn count_spans(request: &[u8]) -> Option<u64> {
    let mut spans = 0;
    each_span(request, &mut |_| spans += 1)?;
    Some(spans)
}

/// Shows the bytes of each span. Returns `None` if the bytes are not a request.
pub(crate) fn each_span(request: &[u8], found: &mut impl FnMut(&[u8])) -> Option<()> {
    each(request, &LEVELS, found)
}

fn each(mut message: &[u8], levels: &[u64], found: &mut impl FnMut(&[u8])) -> Option<()> {
    let (&wanted, below) = levels.split_first()?;
    while !message.is_empty() {
        let (number, value) = field(&mut message)?;
        match value {
            Value::Length(field) if number == wanted && below.is_empty() => found(field),
            Value::Length(field) if number == wanted => each(field, below, found)?,
            _ => {}
        }
    }
    Some(())
}

/// Returns when a span began, in nanoseconds since 1970, if it is a root.
pub(crate) fn start_of_root(mut span: &[u8]) -> Option<u64> {
    let mut start = None;
    while !span.is_empty() {
        match field(&mut span)? {
            (PARENT_SPAN_ID, Value::Length(id)) if !id.is_empty() => return None,
            (START_TIME_UNIX_NANO, Value::Fixed64(nanos)) => start = Some(nanos),
            _ => {}
        }
    }
    start
}

enum Value<'a> {
    Length(&'a [u8]),
    Fixed64(u64),
    Other,
}

/// Takes the next field: its number and its value.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = varint(message)?;
    let value = match key & 7 {
        WIRE_LENGTH => {
            let length = usize::try_from(varint(message)?).ok()?;
            let (field, rest) = message.split_at_checked(length)?;
            *message = rest;
            Value::Length(field)
        }
        WIRE_VARINT => {
            varint(message)?;
            Value::Other
        }
        WIRE_FIXED64 => {
            let (bytes, rest) = message.split_first_chunk()?;
            *message = rest;
            Value::Fixed64(u64::from_le_bytes(*bytes))
        }
        WIRE_FIXED32 => {
            *message = message.get(4..)?;
            Value::Other
        }
        _ => return None,
    };
    Some((key >> 3, value))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.first()?;
        bytes.advance(1);
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Payload;

    /// Scenario: one request, two requests in a row, and no bytes are counted.
    /// Guarantees: the counts are right.
    #[test]
    fn the_spans_of_a_request_and_of_two_requests_in_a_row_are_counted() {
        let one = Payload::new(100).bytes;
        assert_eq!(count_spans(&one), Some(100));
        assert_eq!(count_spans(&[one.clone(), one].concat()), Some(200));
        assert_eq!(count_spans(&[]), Some(0));
    }

    /// Scenario: a request lacks its last byte, or is no protobuf.
    /// Guarantees: no count is returned.
    #[test]
    fn a_request_cut_short_is_not_counted() {
        let whole = Payload::new(3).bytes;
        assert_eq!(count_spans(&whole[..whole.len() - 1]), None);
        assert_eq!(count_spans(&[0xff; 11]), None);
    }
}
