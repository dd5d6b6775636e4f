//! Iterates over the fields of one message that the check has accepted. Malformed bytes end the iteration and
//! never panic.

use std::ops::Range;

use crate::schema::{FIXED32, FIXED64, LEN, VARINT};
use crate::{check, varint};

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) wire_type: u32,
    /// The offset of the tag, counted from the beginning of the message.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The bytes after the tag, and after the length if there is one.
    pub(crate) value: &'a [u8],
}

pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    len: usize,
}

/// Iterates over the occurrences of one string, bytes or message field with a number below 16. Most bytes of
/// a span are in its attributes, so finding each takes only a few instructions.
pub(crate) struct Occurrences<'a> {
    rest: &'a [u8],
    len: usize,
    number: u32,
}

impl<'a> Occurrences<'a> {
    #[inline]
    pub(crate) fn of(message: &'a [u8], number: u32) -> Occurrences<'a> {
        Occurrences { rest: message, len: message.len(), number }
    }

    /// Starts at offset `start`. A field must begin there, and no occurrence may lie before it.
    #[inline]
    pub(crate) fn since(start: usize, message: &'a [u8], number: u32) -> Occurrences<'a> {
        Occurrences { rest: message.get(start..).unwrap_or_default(), len: message.len(), number }
    }
}

impl<'a> Iterator for Occurrences<'a> {
    type Item = Field<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        let number = self.number;
        loop {
            let start = self.len - self.rest.len();
            if let Some((value, rest)) = split_delimited(self.rest, number) {
                self.rest = rest;
                return Some(Field { number, wire_type: LEN, start, end: self.len - rest.len(), value });
            }
            let other = Fields::of(self.rest).next()?;
            self.rest = self.rest.get(other.end..)?;
            if let Some(value) = other.delimited(number) {
                return Some(Field { number, wire_type: LEN, start, end: start + other.end, value });
            }
        }
    }
}

/// Returns the payload of field `number` (below 16) and the bytes after it, if the bytes begin with that
/// field.
#[inline(always)]
pub(crate) fn split_delimited(bytes: &[u8], number: u32) -> Option<(&[u8], &[u8])> {
    let (tag, after) = bytes.split_first()?;
    if u32::from(*tag) != number << 3 | LEN {
        return None;
    }
    let (len, after) = varint::read(after)?;
    after.split_at_checked(usize::try_from(len).ok()?)
}

/// Returns the value of the 64-bit field `number` (below 16), if the bytes begin with that field, and the
/// bytes after it.
#[inline(always)]
pub(crate) fn split_fixed64(bytes: &[u8], number: u32) -> (Option<u64>, &[u8]) {
    match bytes.split_first_chunk::<9>() {
        Some(([tag, value @ ..], rest)) if u32::from(*tag) == number << 3 | FIXED64 => {
            (Some(u64::from_le_bytes(*value)), rest)
        }
        _ => (None, bytes),
    }
}

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn of(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message, len: message.len() }
    }

    /// Skips consecutive string, bytes or message fields of this number, which must be below 16, and returns
    /// their range.
    #[inline(always)]
    pub(crate) fn run(&mut self, number: u32) -> Range<usize> {
        let start = self.len - self.rest.len();
        while let Some((_, rest)) = split_delimited(self.rest, number) {
            self.rest = rest;
        }
        start..self.len - self.rest.len()
    }

    #[inline(always)]
    fn split(&self) -> Option<(u32, u32, &'a [u8], &'a [u8])> {
        let (tag, after) = varint::read(self.rest)?;
        let wire_type = tag as u32 & 7;
        let (value, rest) = match wire_type {
            LEN => {
                let (len, after) = varint::read(after)?;
                after.split_at_checked(usize::try_from(len).ok()?)?
            }
            FIXED64 => after.split_at_checked(8)?,
            VARINT => {
                let (_, rest) = varint::read(after)?;
                after.split_at_checked(after.len() - rest.len())?
            }
            FIXED32 => after.split_at_checked(4)?,
            _ => self.split_group(after)?,
        };
        Some(((tag >> 3) as u32, wire_type, value, rest))
    }

    #[cold]
    #[inline(never)]
    fn split_group(&self, after: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let rest = check::skip_unknown(self.rest)?;
        after.split_at_checked(after.len().checked_sub(rest.len())?)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.len - self.rest.len();
        let (number, wire_type, value, rest) = self.split()?;
        self.rest = rest;
        Some(Field { number, wire_type, start, end: self.len - rest.len(), value })
    }
}

impl<'a> Field<'a> {
    /// Returns the payload if this is a string, bytes or message field of this number.
    #[inline]
    pub(crate) fn delimited(&self, number: u32) -> Option<&'a [u8]> {
        (self.number == number && self.wire_type == LEN).then_some(self.value)
    }

    pub(crate) fn varint(&self) -> u64 {
        varint::read(self.value).map_or(0, |(value, _)| value)
    }

    pub(crate) fn fixed64(&self) -> u64 {
        self.value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn fixed32(&self) -> u32 {
        self.value.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}
