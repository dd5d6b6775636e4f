//! Writes nested messages front to back: the primitive of the [`RequestWriter`](crate::RequestWriter) and of the
//! JSON reader.

use crate::encode::open;
use crate::schema::{FIXED32, FIXED64, LEN, VARINT};
use crate::value::{KeyValue, write_delimited};
use crate::{Value, varint};

/// Writes nested messages front to back. The length of a message is known only at its end. A length below 128
/// is written into the byte that was reserved for it. Longer lengths are noted beside the bytes, and `finish`
/// puts them between the bytes. This takes linear time, however deep the nesting.
#[derive(Clone, Default)]
pub(crate) struct Encoder {
    /// All bytes, with one byte for the length of each message.
    body: Vec<u8>,
    /// The lengths of open messages and of long messages, ordered by their places.
    lengths: Vec<Length>,
    /// The number of bytes that the lengths known so far will take beyond the reserved ones.
    extra_len: usize,
    depth: usize,
}

#[derive(Clone)]
struct Length {
    /// The offset of the reserved byte.
    at: usize,
    value: usize,
}

/// A message that is begun and not yet ended.
#[derive(Clone, Copy)]
pub(crate) struct Open {
    number: usize,
    extra_len: usize,
    tag_at: usize,
}

/// Messages.
impl Encoder {
    /// Begins a message, which is field `number` of the message around it. Messages end in the opposite order
    /// of their beginnings.
    #[inline]
    pub(crate) fn open(&mut self, number: u32) -> Open {
        let open = Open { number: self.lengths.len(), extra_len: self.extra_len, tag_at: self.body.len() };
        self.tag(number, LEN);
        self.lengths.push(Length { at: self.body.len(), value: 0 });
        self.body.push(0);
        self.depth += 1;
        open
    }

    #[inline]
    pub(crate) fn close(&mut self, open: Open) {
        self.depth -= 1;
        let Some(length) = self.lengths.get_mut(open.number) else { return };
        let value = self.body.len() - length.at - 1 + self.extra_len - open.extra_len;
        if value < 0x80 {
            // No message in a short message is long, so its length is the last one.
            self.body.get_mut(length.at).into_iter().for_each(|byte| *byte = value as u8);
            self.lengths.truncate(open.number);
        } else {
            length.value = value;
            self.extra_len += varint::encoded_len(value as u64) - 1;
        }
    }

    /// Ends the message, or removes it if nothing was written into it.
    pub(crate) fn close_unless_empty(&mut self, open: Open) {
        if self.lengths.get(open.number).is_some_and(|length| length.at + 1 < self.body.len()) {
            return self.close(open);
        }
        self.depth -= 1;
        self.lengths.truncate(open.number);
        self.body.truncate(open.tag_at);
    }

    /// Returns how many messages are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Returns how many bytes `finish` will return. Lengths of open messages count as one byte.
    pub(crate) fn len(&self) -> usize {
        self.body.len() + self.extra_len
    }

    /// Returns the number of bytes that are in use.
    #[cfg(feature = "json")]
    pub(crate) fn held_bytes(&self) -> usize {
        self.body.len() + self.lengths.len() * size_of::<Length>()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        let mut copied = 0;
        for length in &self.lengths {
            out.extend_from_slice(self.body.get(copied..length.at).unwrap_or_default());
            varint::write(&mut out, length.value as u64);
            copied = length.at + 1;
        }
        out.extend_from_slice(self.body.get(copied..).unwrap_or_default());
        out
    }
}

/// Fields. Each writes its value, even if it is zero.
impl Encoder {
    #[inline]
    pub(crate) fn tag(&mut self, number: u32, wire_type: u32) {
        varint::write(&mut self.body, u64::from(number << 3 | wire_type));
    }

    #[inline]
    pub(crate) fn raw_varint(&mut self, value: u64) {
        varint::write(&mut self.body, value);
    }

    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn varint(&mut self, number: u32, value: u64) {
        self.tag(number, VARINT);
        self.raw_varint(value);
    }

    #[inline]
    pub(crate) fn fixed64(&mut self, number: u32, bits: u64) {
        self.tag(number, FIXED64);
        self.raw(&bits.to_le_bytes());
    }

    #[inline]
    pub(crate) fn fixed32(&mut self, number: u32, bits: u32) {
        self.tag(number, FIXED32);
        self.raw(&bits.to_le_bytes());
    }

    #[inline]
    pub(crate) fn delimited(&mut self, number: u32, bytes: &[u8]) {
        write_delimited(&mut self.body, number, bytes);
    }

    /// Writes a `KeyValue` whose value has a known length.
    #[inline]
    pub(crate) fn key_value(&mut self, number: u32, key: &str, value: &Value<'_>) {
        KeyValue::write(&mut self.body, number, key, value);
    }

    /// Writes an `AnyValue` of known length.
    #[inline]
    pub(crate) fn known_value(&mut self, number: u32, value: &Value<'_>) {
        open(&mut self.body, number, value.encoded_len());
        value.write(&mut self.body);
    }

    /// Writes the value into the open `AnyValue`.
    #[cfg(feature = "json")]
    pub(crate) fn value(&mut self, value: &Value<'_>) {
        value.write(&mut self.body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes messages that nest `depth` deep around `len` bytes, with a sibling before and after each.
    fn nested(depth: usize, len: usize) -> Vec<u8> {
        let mut encoder = Encoder::default();
        let mut open = Vec::new();
        for level in 0..depth {
            encoder.varint(2, level as u64);
            open.push(encoder.open(1));
        }
        encoder.raw(&vec![7; len]);
        assert_eq!(encoder.depth(), depth);
        for message in open.into_iter().rev() {
            encoder.close(message);
            encoder.varint(3, 1);
        }
        let expected_len = encoder.len();
        let bytes = encoder.finish();
        assert_eq!((bytes.len(), bytes.capacity()), (expected_len, expected_len));
        bytes
    }

    fn expected(depth: usize, len: usize) -> Vec<u8> {
        let mut body = vec![7; len];
        for level in (0..depth).rev() {
            let mut out = vec![0x10];
            varint::write(&mut out, level as u64);
            write_delimited(&mut out, 1, &body);
            out.extend([0x18, 1]);
            body = out;
        }
        body
    }

    /// Scenario: messages whose lengths take one, two and three bytes, around one another. Guarantees that every
    /// length is right where the lengths within it are longer than the byte that was reserved for each.
    #[test]
    fn lengths_are_right_at_every_size_and_depth() {
        for len in [0, 1, 100, 119, 120, 121, 125, 126, 127, 128, 129, 16_300, 16_383, 16_384, 70_000] {
            for depth in [0, 1, 2, 3, 60] {
                assert_eq!(nested(depth, len), expected(depth, len), "{len} bytes, {depth} deep");
            }
        }
    }

    #[test]
    fn an_empty_message_can_be_left_out() {
        let mut encoder = Encoder::default();
        let outer = encoder.open(1);
        let empty = encoder.open(2);
        encoder.close_unless_empty(empty);
        let full = encoder.open(3);
        encoder.raw(&[8, 1]);
        encoder.close_unless_empty(full);
        encoder.close(outer);
        assert_eq!((encoder.depth(), encoder.finish()), (0, vec![0x0a, 4, 0x1a, 2, 8, 1]));
    }
}
