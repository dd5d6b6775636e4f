//! The key of a series: the values of its dimensions, packed into bytes.

use spanloom_plugin::wire::json::value_from_json;
use spanloom_plugin::wire::writer::{IntoValue, ValueWriter};
use spanloom_plugin::{Number, Value, ValueRef};

use crate::text::write_text;

/// The key of the overflow series, which counts what exceeds the limits: `otel.metric.overflow`.
pub const OVERFLOW: &[u8] = &[0xff];

const ABSENT: u8 = 0;
const TEXT: u8 = 1;
const INT: u8 = 2;
const DOUBLE: u8 = 3;
const BOOL: u8 = 4;
const SYMBOL: u8 = 5;
const BYTES: u8 = 6;
const JSON: u8 = 7;

/// The value of one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part<'a> {
    Text(&'a str),
    Int(i64),
    Double(f64),
    Bool(bool),
    /// One of a few values whose names the packing code knows.
    Symbol(u8),
    Bytes(&'a [u8]),
    /// A list, a map or an empty value, as JSON.
    Json(&'a str),
}

/// A key that is being packed. One key is reused for every row.
#[derive(Clone, Debug, Default)]
pub struct Key {
    bytes: Vec<u8>,
    lost_types: bool,
}

impl Key {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.lost_types = false;
    }

    /// Adds the value of the next dimension, or `None` if it has no value here.
    #[inline]
    pub fn push(&mut self, part: Option<Part<'_>>) {
        match part {
            None => self.bytes.push(ABSENT),
            Some(Part::Text(text)) => self.chunk(TEXT, text.as_bytes()),
            Some(Part::Bytes(bytes)) => self.chunk(BYTES, bytes),
            Some(Part::Json(json)) => self.chunk(JSON, json.as_bytes()),
            Some(Part::Int(int)) => self.number(INT, int.cast_unsigned()),
            Some(Part::Double(double)) => self.number(DOUBLE, double.to_bits()),
            Some(Part::Bool(bool)) => self.bytes.extend_from_slice(&[BOOL, u8::from(bool)]),
            Some(Part::Symbol(symbol)) => self.bytes.extend_from_slice(&[SYMBOL, symbol]),
        }
    }

    /// Adds the text of a value: 200, 200.0 and "200" are the same. An empty text is the same as no value,
    /// because a label without a value is none in Prometheus.
    #[inline]
    pub fn push_text(&mut self, part: Option<Part<'_>>) {
        match part {
            None | Some(Part::Symbol(_)) => self.push(part),
            Some(Part::Text(text)) if !text.is_empty() => self.chunk(TEXT, text.as_bytes()),
            Some(part) => self.push_text_of(part),
        }
    }

    fn push_text_of(&mut self, part: Part<'_>) {
        const LEN_BYTES: usize = size_of::<u32>();
        self.lost_types = true;
        let start = self.bytes.len();
        self.bytes.push(TEXT);
        self.bytes.extend_from_slice(&[0; LEN_BYTES]);
        write_text(&mut self.bytes, part);
        let len = self.bytes.len() - start - 1 - LEN_BYTES;
        if len == 0 {
            self.bytes.truncate(start);
            return self.bytes.push(ABSENT);
        }
        if let Some(place) = self.bytes.get_mut(start + 1..start + 1 + LEN_BYTES) {
            place.copy_from_slice(&(len as u32).to_le_bytes());
        }
    }

    /// Returns whether [`push_text`](Key::push_text) was given a value whose type the key does not tell.
    pub fn lost_types(&self) -> bool {
        self.lost_types
    }

    #[inline]
    fn chunk(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    fn number(&mut self, tag: u8, bits: u64) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&bits.to_le_bytes());
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    pub fn hash(&self) -> u64 {
        hash(&self.bytes)
    }
}

/// Iterates over the values of a key in the order in which they were packed. Ends early if the bytes are not
/// a key.
pub fn parts(key: &[u8]) -> impl Iterator<Item = Option<Part<'_>>> {
    let mut rest = key;
    std::iter::from_fn(move || {
        let (tag, after) = rest.split_first()?;
        let (part, after) = match *tag {
            ABSENT => (None, after),
            TEXT | BYTES | JSON => {
                let (len, after) = after.split_first_chunk()?;
                let (bytes, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
                let part = match *tag {
                    BYTES => Part::Bytes(bytes),
                    JSON => Part::Json(std::str::from_utf8(bytes).ok()?),
                    _ => Part::Text(std::str::from_utf8(bytes).ok()?),
                };
                (Some(part), after)
            }
            INT | DOUBLE => {
                let (bits, after) = after.split_first_chunk()?;
                let bits = u64::from_le_bytes(*bits);
                let int = *tag == INT;
                let part =
                    if int { Part::Int(bits.cast_signed()) } else { Part::Double(f64::from_bits(bits)) };
                (Some(part), after)
            }
            BOOL => after.split_first().map(|(bool, after)| (Some(Part::Bool(*bool != 0)), after))?,
            SYMBOL => after.split_first().map(|(symbol, after)| (Some(Part::Symbol(*symbol)), after))?,
            _ => return None,
        };
        rest = after;
        Some(part)
    })
}

/// Hashes a key, eight bytes at a time. The hash is good enough for a table that also compares keys.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(ODD);
        mixed ^ (mixed >> 29)
    };
    let (words, tail) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let tail = tail.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    mix(mix(hash, tail), ODD)
}

impl From<Number> for Part<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(int) => Part::Int(int),
            Number::Double(double) => Part::Double(double),
            Number::Bool(bool) => Part::Bool(bool),
        }
    }
}

impl<'a> From<ValueRef<'a>> for Part<'a> {
    fn from(value: ValueRef<'a>) -> Part<'a> {
        match value {
            ValueRef::Text(text) => Part::Text(text),
            ValueRef::Int(int) => Part::Int(int),
            ValueRef::Double(double) => Part::Double(double),
            ValueRef::Bool(bool) => Part::Bool(bool),
            ValueRef::Bytes(bytes) => Part::Bytes(bytes),
            ValueRef::Json(json) => Part::Json(json),
        }
    }
}

impl<'a> From<&'a Value> for Part<'a> {
    fn from(value: &'a Value) -> Part<'a> {
        match value {
            Value::Text(text) => Part::Text(text),
            Value::Int(int) => Part::Int(*int),
            Value::Double(double) => Part::Double(*double),
            Value::Bool(bool) => Part::Bool(*bool),
            Value::Bytes(bytes) => Part::Bytes(bytes),
            Value::Json(json) => Part::Json(json),
        }
    }
}

impl IntoValue for Part<'_> {
    fn write_into(self, out: ValueWriter<'_>) {
        match self {
            Part::Text(text) => text.write_into(out),
            Part::Int(int) => int.write_into(out),
            Part::Double(double) => double.write_into(out),
            Part::Bool(bool) => bool.write_into(out),
            Part::Symbol(symbol) => i64::from(symbol).write_into(out),
            Part::Bytes(bytes) => bytes.write_into(out),
            Part::Json(json) => match value_from_json(json) {
                Ok(value) => value.get().write_into(out),
                Err(_) => json.write_into(out),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_was_packed() {
        let all = [
            Some(Part::Text("é")),
            None,
            Some(Part::Int(-1)),
            Some(Part::Double(0.5)),
            Some(Part::Bool(true)),
            Some(Part::Symbol(3)),
            Some(Part::Text("")),
            Some(Part::Bytes(&[0, 255])),
            Some(Part::Json("[1]")),
        ];
        let mut key = Key::default();
        all.iter().for_each(|part| key.push(*part));
        assert_eq!(parts(key.as_bytes()).collect::<Vec<_>>(), all);
    }

    #[test]
    fn values_with_the_same_text_are_the_same() {
        let packed = |part| {
            let mut key = Key::default();
            key.push_text(part);
            (key.as_bytes().to_vec(), key.lost_types())
        };
        let (text, lost) = packed(Some(Part::Text("200")));
        assert!(!lost);
        for part in [Part::Int(200), Part::Double(200.0), Part::Json("200")] {
            assert_eq!(packed(Some(part)), (text.clone(), true), "{part:?}");
        }
        assert_ne!(packed(Some(Part::Int(201))).0, text);
        let (none, lost) = packed(None);
        assert!(!lost);
        for part in [Part::Text(""), Part::Bytes(&[]), Part::Json("null")] {
            assert_eq!(packed(Some(part)), (none.clone(), true), "{part:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_key_end_early() {
        let mut key = Key::default();
        key.push(Some(Part::Int(1)));
        key.push(Some(Part::Text("text")));
        for end in 0..key.as_bytes().len() {
            assert!(parts(&key.as_bytes()[..end]).count() < 2);
        }
        assert_eq!(parts(OVERFLOW).count(), 0);
    }
}
