//! The key of a series: the values of its dimensions, packed into bytes.

use spanloom_plugin::Number;
use spanloom_plugin::wire::writer::{IntoValue, ValueWriter};

/// The key of the overflow series, which counts what exceeds the limits: `otel.metric.overflow`.
pub const OVERFLOW: &[u8] = &[0xff];

const ABSENT: u8 = 0;
const TEXT: u8 = 1;
const INT: u8 = 2;
const DOUBLE: u8 = 3;
const BOOL: u8 = 4;
const SYMBOL: u8 = 5;

/// The value of one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part<'a> {
    Text(&'a str),
    Int(i64),
    Double(f64),
    Bool(bool),
    /// One of a few values whose names the packing code knows.
    Symbol(u8),
}

/// A key that is being packed. One key is reused for every row.
#[derive(Clone, Debug, Default)]
pub struct Key {
    bytes: Vec<u8>,
}

impl Key {
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Adds the value of the next dimension, or `None` if it has no value here.
    #[inline]
    pub fn push(&mut self, part: Option<Part<'_>>) {
        match part {
            None => self.bytes.push(ABSENT),
            Some(Part::Text(text)) => {
                self.bytes.push(TEXT);
                self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
            Some(Part::Int(int)) => self.number(INT, int.cast_unsigned()),
            Some(Part::Double(double)) => self.number(DOUBLE, double.to_bits()),
            Some(Part::Bool(bool)) => self.bytes.extend_from_slice(&[BOOL, u8::from(bool)]),
            Some(Part::Symbol(symbol)) => self.bytes.extend_from_slice(&[SYMBOL, symbol]),
        }
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
            TEXT => {
                let (len, after) = after.split_first_chunk()?;
                let (text, after) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
                (Some(Part::Text(std::str::from_utf8(text).ok()?)), after)
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

impl IntoValue for Part<'_> {
    fn write_into(self, out: ValueWriter<'_>) {
        match self {
            Part::Text(text) => text.write_into(out),
            Part::Int(int) => int.write_into(out),
            Part::Double(double) => double.write_into(out),
            Part::Bool(bool) => bool.write_into(out),
            Part::Symbol(symbol) => i64::from(symbol).write_into(out),
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
        ];
        let mut key = Key::default();
        all.iter().for_each(|part| key.push(*part));
        assert_eq!(parts(key.as_bytes()).collect::<Vec<_>>(), all);
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
