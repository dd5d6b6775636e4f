use crate::schema::LEN;
use crate::varint;

/// Writes nested messages front to back. The length of a message is known only at its end. So lengths are
/// noted beside the bytes, and `finish` puts them between the bytes. This takes linear time, however deep the
/// nesting.
#[derive(Default)]
pub(in crate::json) struct Encoder {
    /// All bytes except the lengths of messages.
    body: Vec<u8>,
    /// Ordered by their places.
    lengths: Vec<Length>,
    /// The number of bytes that the lengths known so far will take.
    lengths_len: usize,
}

struct Length {
    /// The offset in `body`.
    at: usize,
    value: usize,
}

/// A message that is begun and not yet ended.
pub(in crate::json) struct Open {
    number: usize,
    lengths_len: usize,
    tag_at: usize,
}

impl Encoder {
    /// Returns the number of bytes that are allocated.
    pub(in crate::json) fn held_bytes(&self) -> usize {
        self.body.len() + self.lengths.len() * size_of::<Length>()
    }

    pub(in crate::json) fn varint(&mut self, value: u64) {
        varint::write(&mut self.body, value);
    }

    pub(in crate::json) fn bytes(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }

    pub(in crate::json) fn open(&mut self, field: u32) -> Open {
        let tag_at = self.body.len();
        self.varint(u64::from(field << 3 | LEN));
        let number = self.lengths.len();
        self.lengths.push(Length { at: self.body.len(), value: 0 });
        Open { number, lengths_len: self.lengths_len, tag_at }
    }

    pub(in crate::json) fn close(&mut self, open: Open) {
        if let Some(length) = self.lengths.get_mut(open.number) {
            length.value = self.body.len() - length.at + self.lengths_len - open.lengths_len;
            self.lengths_len += varint::encoded_len(length.value as u64);
        }
    }

    /// Ends the message, or removes it if nothing was written into it.
    pub(in crate::json) fn close_unless_empty(&mut self, open: Open) {
        if self.lengths.get(open.number).is_some_and(|length| length.at < self.body.len()) {
            return self.close(open);
        }
        self.lengths.truncate(open.number);
        self.body.truncate(open.tag_at);
    }

    pub(in crate::json) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + self.lengths_len);
        let mut copied = 0;
        for length in &self.lengths {
            out.extend_from_slice(self.body.get(copied..length.at).unwrap_or_default());
            varint::write(&mut out, length.value as u64);
            copied = length.at;
        }
        out.extend_from_slice(self.body.get(copied..).unwrap_or_default());
        out
    }
}
