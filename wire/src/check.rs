//! Checks that received bytes are a request of their signal. Every received byte is checked once.
//!
//! The check accepts what prost's generated types decode, including their limit on nesting, but decodes
//! nothing: it skips unknown fields and groups, and requires that `string` fields are UTF-8 and that known
//! fields have their wire type. Beyond prost, it requires that ids have their exact length, and that scopes are in
//! today's field.

mod mend;
mod plain;
mod skip;
mod trace;
mod utf8;

use crate::schema::{ANY_VALUE, FORMER_SCOPES, Kind as Schema, Message, Op, SPAN_ID_BYTES, TRACE_ID_BYTES};
use crate::{Signal, WireError, WireErrorKind as Kind, varint};
pub use mend::{Mended, mend};
use trace::{Silent, Trace, Tracer};

/// How deep messages may nest below the request. The limit is that of the protobuf libraries for C++, Java, Python
/// and Rust. A destination that uses one of them refuses a whole batch for one value that nests deeper, and a plugin
/// may read values by recursion, on a small stack.
pub(crate) const DEPTH_LIMIT: usize = 100;

/// The depth of the message that holds records: the request has depth 0, a resource envelope 1, a scope
/// envelope 2. Resources and scopes lie in messages of depth 1 and 2.
const RECORD_DEPTH: usize = 2;

/// The largest request, in bytes. Offsets within a request are kept in 32 bits.
pub(crate) const SIZE_LIMIT_BYTES: usize = u32::MAX as usize;

/// What the check counts in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The number of spans, data points or log records on the wire.
    pub items: usize,
    /// An upper bound on the entries of an index: resources, scopes, the envelopes around them, and records.
    pub entries: usize,
}

/// The size of the largest index entry, which is that of a span.
const ENTRY_BYTES: usize = 88;

impl Summary {
    /// Returns an upper bound on the size of the request's index, in bytes.
    pub fn index_bytes(&self) -> usize {
        self.entries.saturating_mul(ENTRY_BYTES)
    }
}

/// Checks that `bytes` are a request of `signal`, and counts its items.
///
/// The check is one pass in constant memory. On an error, a second pass over the same bytes finds the path of
/// the field.
pub fn check(signal: Signal, bytes: &[u8]) -> Result<Summary, WireError> {
    within_size(signal, bytes)?;
    match walk(signal.request(), 0, bytes, &mut Silent) {
        Ok(summary) => Ok(summary),
        Err(fault) => Err(locate(signal, bytes, fault.kind, offset_in(bytes, fault.at))),
    }
}

fn within_size(signal: Signal, bytes: &[u8]) -> Result<(), WireError> {
    if bytes.len() <= SIZE_LIMIT_BYTES {
        return Ok(());
    }
    let kind = Kind::Size { limit: SIZE_LIMIT_BYTES };
    Err(WireError { signal, kind, path: String::new(), offset: SIZE_LIMIT_BYTES })
}

/// Returns the bytes after the group (or other field) that `at` begins with.
pub(crate) fn skip_unknown(at: &[u8]) -> Option<&[u8]> {
    skip::unknown(at, DEPTH_LIMIT).ok()
}

/// Finds the path of a fault. Its kind and its offset are already known.
#[cold]
fn locate(signal: Signal, bytes: &[u8], kind: Kind, offset: usize) -> WireError {
    let mut tracer = Tracer::new(signal.request(), bytes, offset);
    // The walk ends at the fault.
    let _ = walk(signal.request(), 0, bytes, &mut tracer);
    WireError { signal, kind, path: tracer.path(), offset }
}

/// Returns the offset of a part of the bytes.
fn offset_in(bytes: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - bytes.as_ptr().addr()
}

/// A fault in the bytes that begin at `at`.
#[derive(Clone, Copy)]
struct Fault<'a> {
    kind: Kind,
    at: &'a [u8],
}

/// A message that is not read to its end: its schema and its remaining bytes.
#[derive(Clone, Copy)]
struct Frame<'a> {
    message: &'static Message,
    rest: &'a [u8],
}

/// Returns whether an encoded `AnyValue` is valid `depth` messages below the request. A value that nests too
/// deep is not.
pub(crate) fn is_value_at(depth: usize, value: &[u8]) -> bool {
    walk(&ANY_VALUE, depth, value, &mut Silent).is_ok()
}

/// Walks a whole message and counts items. The message itself is `base` messages below the request.
fn walk<'a>(
    root: &'static Message,
    base: usize,
    bytes: &'a [u8],
    trace: &mut impl Trace,
) -> Result<Summary, Fault<'a>> {
    let mut stack = [Frame { message: root, rest: &[] }; DEPTH_LIMIT];
    let mut depth = base;
    let mut summary = Summary { items: 0, entries: 0 };
    let mut message = root;
    let mut rest = bytes;
    loop {
        let [tag, after @ ..] = rest else {
            // The message ends here. Continue with the message around it.
            if depth == base {
                return Ok(summary);
            }
            depth -= 1;
            let Some(frame) = stack.get(depth) else { return Ok(summary) };
            (message, rest) = (frame.message, frame.rest);
            trace.leave();
            continue;
        };
        trace.field(rest);
        let (op, number, after) = match message.ops.get(usize::from(*tag)) {
            Some(op) => (*op, u32::from(*tag >> 3), after),
            None => slow_tag(message, rest)?,
        };
        rest = match op {
            Op::String => {
                let (text, rest) = delimited(after)?;
                if !utf8::is_valid(text) && !trace.forgives(Kind::Utf8, after, text) {
                    return Err(Fault { kind: Kind::Utf8, at: text });
                }
                rest
            }
            Op::Message | Op::Item => {
                let (body, outer) = delimited(after)?;
                if *tag == message.attributes_tag && plain::is_attribute(body) {
                    rest = outer;
                    continue;
                }
                summary.items += usize::from(op == Op::Item);
                summary.entries += usize::from(depth <= RECORD_DEPTH);
                let child = match message.children.get(number as usize) {
                    Some(child) => *child,
                    None => former(message, number, rest, after, trace)?,
                };
                let (Some(frame), Some(child)) = (stack.get_mut(depth), child) else {
                    let kind = Kind::Depth { limit: DEPTH_LIMIT };
                    if !trace.forgives(kind, after, rest) {
                        return Err(Fault { kind, at: rest });
                    }
                    rest = outer;
                    continue;
                };
                *frame = Frame { message, rest: outer };
                depth += 1;
                message = child;
                trace.enter(child, op == Op::Item, after, body);
                body
            }
            Op::Varint => skip_varint(after)?,
            Op::Fixed64 => take(after, 8)?.1,
            Op::Fixed32 => take(after, 4)?.1,
            Op::Bytes => delimited(after)?.1,
            Op::TraceId => id(after, TRACE_ID_BYTES, trace)?,
            Op::SpanId => id(after, SPAN_ID_BYTES, trace)?,
            Op::PackedVarint => packed_varints(after)?,
            Op::PackedFixed64 => packed_fixed64(after)?,
            Op::Unknown => skip::unknown(rest, DEPTH_LIMIT - depth)?,
            Op::WrongType => {
                return Err(Fault { kind: Kind::WireType { wire_type: u32::from(*tag & 7) }, at: rest });
            }
        };
    }
}

/// Reads a tag of two bytes or more: that of a known field above 15, of an unknown field, or an invalid tag.
fn slow_tag<'a>(message: &'static Message, at: &'a [u8]) -> Result<(Op, u32, &'a [u8]), Fault<'a>> {
    let (number, wire_type, after) = tag(at)?;
    let op = message.field(number).map_or(Op::Unknown, |field| field.op(wire_type));
    Ok((op, number, after))
}

/// Returns the message type of a field above 15, if the walk goes on in it: [`FORMER_SCOPES`] must be mended.
#[cold]
fn former<'a>(
    message: &'static Message,
    number: u32,
    at: &'a [u8],
    len_at: &'a [u8],
    trace: &mut impl Trace,
) -> Result<Option<&'static Message>, Fault<'a>> {
    let Some(Schema::Message(child)) = message.field(number).map(|field| field.kind) else { return Ok(None) };
    if number != FORMER_SCOPES || !trace.forgives(Kind::FormerScopes, len_at, at) {
        return Err(Fault { kind: Kind::FormerScopes, at });
    }
    Ok(Some(child))
}

/// Reads a tag: the field's number (1 to 2^29 - 1), its wire type (0 to 5), and the bytes that follow.
fn tag(at: &[u8]) -> Result<(u32, u32, &[u8]), Fault<'_>> {
    let (tag, after) = varint::read(at).ok_or(Fault { kind: Kind::Varint, at })?;
    match u32::try_from(tag) {
        Ok(small) if small >> 3 != 0 && small & 7 < 6 => Ok((small >> 3, small & 7, after)),
        _ => Err(Fault { kind: Kind::Tag { tag }, at }),
    }
}

#[inline]
fn skip_varint(at: &[u8]) -> Result<&[u8], Fault<'_>> {
    match varint::read(at) {
        Some((_, rest)) => Ok(rest),
        None => Err(Fault { kind: Kind::Varint, at }),
    }
}

#[inline]
fn take(at: &[u8], len: usize) -> Result<(&[u8], &[u8]), Fault<'_>> {
    at.split_at_checked(len).ok_or(Fault { kind: Kind::Length { needed: len as u64, left: at.len() }, at })
}

#[inline]
fn delimited(at: &[u8]) -> Result<(&[u8], &[u8]), Fault<'_>> {
    let (len, after) = varint::read(at).ok_or(Fault { kind: Kind::Varint, at })?;
    usize::try_from(len)
        .ok()
        .and_then(|len| after.split_at_checked(len))
        .ok_or(Fault { kind: Kind::Length { needed: len, left: after.len() }, at })
}

/// Checks an id. A length of 0 is allowed and means that the id is absent.
#[inline]
fn id<'a>(at: &'a [u8], expected: usize, trace: &mut impl Trace) -> Result<&'a [u8], Fault<'a>> {
    let (id, rest) = delimited(at)?;
    if id.len() != expected && !id.is_empty() {
        let kind = Kind::Id { length: id.len(), expected };
        if !trace.forgives(kind, at, id) {
            return Err(Fault { kind, at: id });
        }
    }
    Ok(rest)
}

fn packed_varints(at: &[u8]) -> Result<&[u8], Fault<'_>> {
    let (mut values, rest) = delimited(at)?;
    while !values.is_empty() {
        values = skip_varint(values)?;
    }
    Ok(rest)
}

fn packed_fixed64(at: &[u8]) -> Result<&[u8], Fault<'_>> {
    let (values, rest) = delimited(at)?;
    if !values.len().is_multiple_of(8) {
        return Err(Fault { kind: Kind::Packed { length: values.len() }, at });
    }
    Ok(rest)
}

#[cfg(test)]
mod tests;
