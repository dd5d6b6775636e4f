use std::ops::Range;
use std::{iter::Zip, slice::Iter};

use super::FlatSpans;
use crate::ValueRef;
use crate::bindings::spanloom::plugin::spans::FlatAttributes;

/// Iterates over the keys and values of a span, an event, a link, a scope or a resource.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    flat: &'a FlatSpans,
    entries: Zip<Zip<Iter<'a, u32>, Iter<'a, u8>>, Iter<'a, u64>>,
}

impl<'a> Attributes<'a> {
    #[inline]
    pub(super) fn new(flat: &'a FlatSpans, all: &'a FlatAttributes, entries: Range<usize>) -> Attributes<'a> {
        let keys = all.keys.get(entries.clone()).unwrap_or_default();
        let kinds = all.kinds.get(entries.clone()).unwrap_or_default();
        let values = all.values.get(entries).unwrap_or_default();
        Attributes { flat, entries: keys.iter().zip(kinds).zip(values) }
    }

    /// Returns the value of the first attribute with that key.
    pub fn find_key(mut self, key: &str) -> Option<ValueRef<'a>> {
        self.find(|(of, _)| *of == key).map(|(_, value)| value)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, ValueRef<'a>);

    #[inline(always)]
    fn next(&mut self) -> Option<(&'a str, ValueRef<'a>)> {
        let ((key, kind), value) = self.entries.next()?;
        Some((self.flat.text(*key), value_of(self.flat, *kind, *value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Attributes<'_> {}

#[inline(always)]
fn value_of(flat: &FlatSpans, kind: u8, value: u64) -> ValueRef<'_> {
    match kind {
        0 => ValueRef::Text(flat.text(value as u32)),
        1 => ValueRef::Int(value.cast_signed()),
        2 => ValueRef::Double(f64::from_bits(value)),
        3 => ValueRef::Bool(value != 0),
        4 => {
            let start = (value >> 32) as usize;
            let end = start + (value & 0xffff_ffff) as usize;
            ValueRef::Bytes(flat.bytes.get(start..end).unwrap_or_default())
        }
        _ => ValueRef::Json(flat.text(value as u32)),
    }
}
