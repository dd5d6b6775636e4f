//! An example of a batch: the record that log lines and errors name the batch by.

use crate::fields::Fields;
use crate::schema::LEN;
use crate::value::entry;
use crate::{Batch, Signal, Value, varint};

/// Tells an operator which telemetry a message is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// The trace id of the first span or log record; `None` if it has no trace id of 16 bytes.
    pub trace_id: Option<[u8; 16]>,
    /// The `service.name` of the record's resource.
    pub service: Option<String>,
}

/// The most bytes that are searched for the first record.
const LOOKED_AT_BYTES: usize = 64 << 10;

const RESOURCE_RECORDS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_RECORDS: u32 = 2;
const RECORDS: u32 = 2;
const ATTRIBUTES: u32 = 1;

impl Batch {
    /// Returns the trace id and the service of the first record. Makes no index, because the batch may be
    /// about to be dropped.
    pub fn example(&self) -> Example {
        let mut beginning = Vec::new();
        for chunk in self.chunks() {
            let room = LOOKED_AT_BYTES - beginning.len();
            beginning.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if beginning.len() == LOOKED_AT_BYTES {
                break;
            }
        }
        example(self.signal(), &beginning)
    }
}

fn example(signal: Signal, beginning: &[u8]) -> Example {
    let trace_id = match signal {
        Signal::Traces => Some(1),
        Signal::Metrics => None,
        Signal::Logs => Some(9),
    };
    let found = occurrences(beginning, RESOURCE_RECORDS).find_map(|of_resource| {
        let mut scopes = occurrences(of_resource, SCOPE_RECORDS);
        let record = scopes.find_map(|of_scope| occurrences(of_scope, RECORDS).next())?;
        Some((of_resource, record))
    });
    let Some((of_resource, record)) = found else { return Example::default() };
    let trace_id = trace_id.and_then(|number| occurrences(record, number).next()?.try_into().ok());
    let attributes =
        occurrences(of_resource, RESOURCE).flat_map(|resource| occurrences(resource, ATTRIBUTES)).map(entry);
    let service = attributes.into_iter().find_map(|attribute| match attribute {
        ("service.name", Value::Str(name)) => Some(name.to_owned()),
        _ => None,
    });
    Example { trace_id, service }
}

/// Iterates over the fields of this number in the first bytes of a message. The last field may be cut short.
fn occurrences(beginning: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    let mut rest = beginning;
    std::iter::from_fn(move || {
        loop {
            let Some(field) = Fields::of(rest).next() else {
                return cut_short(std::mem::take(&mut rest), number);
            };
            rest = rest.get(field.end..)?;
            if let Some(value) = field.delimited(number) {
                return Some(value);
            }
        }
    })
}

fn cut_short(rest: &[u8], number: u32) -> Option<&[u8]> {
    let (tag, after) = varint::read(rest)?;
    let (_, value) = varint::read(after)?;
    (tag == u64::from(number << 3 | LEN)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let mut out = vec![tag];
        varint::write(&mut out, body.len() as u64);
        out.extend(body);
        out
    }

    fn traces(service: &str, name_len: usize) -> Batch {
        let value = framed(0x12, &[&framed(0x0a, &[service.as_bytes()])]);
        let attribute = framed(0x0a, &[&framed(0x0a, &[b"service.name"]), &value]);
        let other = framed(0x0a, &[&framed(0x0a, &[b"host.name"])]);
        let resource = framed(0x0a, &[&other, &attribute]);
        let name = framed(0x2a, &[&vec![b'n'; name_len]]);
        let span = framed(0x12, &[&framed(0x0a, &[&[7; 16]]), &framed(0x12, &[&[8; 8]]), &name]);
        let empty = framed(0x0a, &[&framed(0x12, &[])]);
        let request = [empty, framed(0x0a, &[&resource, &framed(0x12, &[&span, &span])])].concat();
        Batch::decode(Signal::Traces, request.into()).expect("a request")
    }

    #[test]
    fn a_batch_is_named_by_its_first_record() {
        let expected = Example { trace_id: Some([7; 16]), service: Some("shop".to_owned()) };
        assert_eq!(traces("shop", 3).example(), expected);
        assert_eq!(traces("shop", 2 * LOOKED_AT_BYTES).example(), expected, "a span that is cut short");
        let mut edited = traces("shop", 3);
        let rest = edited.split_off_items(1);
        assert_eq!(rest.example(), expected, "the rest of a batch that was split");
    }

    #[test]
    fn what_is_not_there_is_not_named() {
        for signal in Signal::ALL {
            assert_eq!(Batch::empty(signal).example(), Example::default());
            // A request of one record without content.
            let request = framed(0x0a, &[&framed(0x12, &[&framed(0x12, &[])])]);
            let batch = Batch::decode(signal, request.into()).expect("a request");
            assert_eq!(batch.example(), Example::default(), "{signal}");
        }
    }
}
