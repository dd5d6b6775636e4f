//! Counts the spans of an encoded `ExportTraceServiceRequest` by stepping over field lengths.

use bytes::Buf;

/// The field numbers that lead down, one for each level: `resource_spans`, `scope_spans`, `spans`
/// (opentelemetry-proto, trace_service.proto and trace.proto).
const LEVELS: [u64; 3] = [1, 2, 2];

const WIRE_VARINT: u64 = 0;
const WIRE_FIXED64: u64 = 1;
const WIRE_LENGTH: u64 = 2;
const WIRE_FIXED32: u64 = 5;

/// Returns the number of spans in `request`, or `None` if its bytes are not a request.
pub(crate) fn count_spans(request: &[u8]) -> Option<u64> {
    count(request, &LEVELS)
}

fn count(mut message: &[u8], levels: &[u64]) -> Option<u64> {
    let (&wanted, below) = levels.split_first()?;
    let mut found = 0;
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            WIRE_LENGTH => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let (field, rest) = message.split_at_checked(length)?;
                message = rest;
                if key >> 3 == wanted {
                    found += if below.is_empty() { 1 } else { count(field, below)? };
                }
            }
            WIRE_VARINT => drop(varint(&mut message)?),
            WIRE_FIXED64 => message = message.get(8..)?,
            WIRE_FIXED32 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
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
