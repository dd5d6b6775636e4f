//! Writes JSON: a walk over checked bytes that is led by the schema.

use smallvec::SmallVec;

use super::text::{push_hex, to_base64};
use crate::fields::{self, Fields};
use crate::schema::{Field, Kind, LEN, Label, Message};
use crate::varint;

/// Appends a message that may lie in several parts. The occurrences of a field in all parts merge.
pub(super) fn message(out: &mut Vec<u8>, message: &'static Message, parts: &[&[u8]]) {
    let mut found: SmallVec<[fields::Field<'_>; 24]> = SmallVec::new();
    for part in parts {
        for field in Fields::of(part) {
            found.push(field);
        }
    }
    let oneof = found.iter().rposition(|found| is_member(message, found.number));
    let chosen = oneof.and_then(|last| found.get(last)).map(|last| last.number);
    out.push(b'{');
    let mut first = true;
    for field in message.fields {
        let mut values = Values { field, found: &found };
        if field.label == Label::OneOf {
            if chosen != Some(field.number) {
                continue;
            }
            // Another member of the oneof replaces everything before it.
            let other =
                |found: &fields::Field<'_>| found.number != field.number && is_member(message, found.number);
            let since = found.iter().rposition(other).map_or(0, |last| last + 1);
            values.found = found.get(since..).unwrap_or_default();
        }
        if values.is_absent() {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        push_str(out, field.json_name);
        out.push(b':');
        values.write(out);
    }
    out.push(b'}');
}

fn is_member(message: &Message, number: u32) -> bool {
    message.field(number).is_some_and(|field| field.label == Label::OneOf)
}

/// The occurrences of one field.
struct Values<'a> {
    field: &'static Field,
    /// The fields of the message, including those with other numbers.
    found: &'a [fields::Field<'a>],
}

impl<'a> Values<'a> {
    fn iter(&self) -> impl DoubleEndedIterator<Item = &'a fields::Field<'a>> + use<'a> {
        let number = self.field.number;
        self.found.iter().filter(move |found| found.number == number)
    }

    /// Returns whether proto3 would not write the field. A zero is absent, except in a oneof or an `optional`
    /// field.
    fn is_absent(&self) -> bool {
        let Some(last) = self.iter().next_back() else { return true };
        match (self.field.label, self.field.kind) {
            (Label::OneOf | Label::Optional, _) | (_, Kind::Message(_)) => false,
            (Label::Repeated, _) => self.iter().all(|found| self.is_packed(found) && found.value.is_empty()),
            (Label::Singular, Kind::String | Kind::Bytes | Kind::Id(_)) => last.value.is_empty(),
            (Label::Singular, _) => self.bits(last) == 0,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match (self.field.label, self.field.kind) {
            (Label::Repeated, _) => self.write_list(out),
            (_, Kind::Message(child)) => {
                let parts: SmallVec<[&[u8]; 1]> = self.iter().map(|found| found.value).collect();
                message(out, child, &parts);
            }
            _ => {
                if let Some(last) = self.iter().next_back() {
                    self.write_value(out, last);
                }
            }
        }
    }

    fn write_list(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        let mut first = true;
        let mut comma = |out: &mut Vec<u8>| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
        };
        for found in self.iter() {
            if self.is_packed(found) {
                self.each_packed(found.value, |bits| {
                    comma(out);
                    push_bits(out, self.field.kind, bits);
                });
            } else {
                comma(out);
                self.write_value(out, found);
            }
        }
        out.push(b']');
    }

    fn is_packed(&self, found: &fields::Field<'_>) -> bool {
        let delimited =
            matches!(self.field.kind, Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_));
        found.wire_type == LEN && !delimited
    }

    fn each_packed(&self, mut packed: &[u8], mut each: impl FnMut(u64)) {
        while !packed.is_empty() {
            let next = match self.field.kind {
                Kind::Fixed64 | Kind::SFixed64 | Kind::Double => {
                    packed.split_first_chunk().map(|(bytes, rest)| (u64::from_le_bytes(*bytes), rest))
                }
                _ => varint::read(packed),
            };
            let Some((bits, rest)) = next else { return };
            each(bits);
            packed = rest;
        }
    }

    fn write_value(&self, out: &mut Vec<u8>, found: &fields::Field<'_>) {
        match self.field.kind {
            Kind::String => push_str(out, std::str::from_utf8(found.value).unwrap_or_default()),
            Kind::Bytes => push_str(out, &to_base64(found.value)),
            Kind::Id(_) => {
                out.push(b'"');
                push_hex(out, found.value);
                out.push(b'"');
            }
            Kind::Message(child) => message(out, child, &[found.value]),
            kind => push_bits(out, kind, self.bits(found)),
        }
    }

    fn bits(&self, found: &fields::Field<'_>) -> u64 {
        match self.field.kind {
            Kind::Fixed32 => u64::from(found.fixed32()),
            Kind::Fixed64 | Kind::SFixed64 | Kind::Double => found.fixed64(),
            // Protobuf truncates a varint to the width of its field.
            Kind::Int32 | Kind::UInt32 | Kind::SInt32 | Kind::Enum(_) => u64::from(found.varint() as u32),
            _ => found.varint(),
        }
    }
}

fn push_bits(out: &mut Vec<u8>, kind: Kind, bits: u64) {
    match kind {
        Kind::Bool => push(out, &(bits != 0)),
        Kind::Double => push_double(out, f64::from_bits(bits)),
        Kind::UInt32 | Kind::Fixed32 => push(out, &(bits as u32)),
        Kind::Int32 | Kind::Enum(_) => push(out, &(bits as u32).cast_signed()),
        Kind::SInt32 => {
            let bits = bits as u32;
            push(out, &((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()));
        }
        Kind::Int64 | Kind::SFixed64 => push_quoted(out, &bits.cast_signed()),
        _ => push_quoted(out, &bits),
    }
}

pub(super) fn push_double(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        push_str(out, "NaN");
    } else if value.is_infinite() {
        push_str(out, if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        push(out, &value);
    }
}

fn push_quoted(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    out.push(b'"');
    push(out, value);
    out.push(b'"');
}

pub(super) fn push_str(out: &mut Vec<u8>, text: &str) {
    // The fold has no early exit, so that the compiler can test many bytes at a time. Few texts have anything
    // to escape.
    let escape = |found, byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, escape) {
        return push(out, &text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

pub(super) fn push(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Writing these values to a Vec cannot fail.
    let _ = serde_json::to_writer(out, value);
}
