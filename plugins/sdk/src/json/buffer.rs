//! A byte buffer that reserves capacity once for all bytes of one call. A vector would check its capacity at
//! each push.

use std::io;

use super::escape::copy_plain;

/// The smallest capacity that is allocated.
const MIN_ROOM: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Buffer {
    /// The written bytes, followed by zeros.
    bytes: Vec<u8>,
    len: usize,
}

/// Punctuation of at most four bytes.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    bytes: u32,
    len: usize,
}

impl Mark {
    pub(super) const QUOTE: Mark = Mark::byte(b'"');
    pub(super) const ESCAPED_QUOTE: Mark = Mark::byte(b'"').after(b'\\');

    #[inline]
    pub(super) const fn byte(byte: u8) -> Mark {
        Mark { bytes: byte as u32, len: 1 }
    }

    #[inline]
    pub(super) const fn after(self, byte: u8) -> Mark {
        Mark { bytes: self.bytes << 8 | byte as u32, len: self.len + 1 }
    }

    #[inline]
    pub(super) const fn before(self, byte: u8) -> Mark {
        Mark { bytes: self.bytes | (byte as u32) << (8 * self.len), len: self.len + 1 }
    }
}

impl Buffer {
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.bytes.truncate(std::mem::take(&mut self.len));
        std::mem::take(&mut self.bytes)
    }

    #[inline]
    pub(super) fn mark(&mut self, mark: Mark) {
        if let Some(room) = self.room(4).first_chunk_mut() {
            *room = mark.bytes.to_le_bytes();
            self.len += mark.len;
        }
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room(bytes.len()).get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// Appends text between two marks. If the text needs escaping, appends nothing and returns false.
    #[inline]
    pub(super) fn enclose(&mut self, open: Mark, text: &[u8], close: Mark) -> bool {
        let room = self.room(text.len() + 8);
        if let Some(room) = room.first_chunk_mut() {
            *room = open.bytes.to_le_bytes();
        }
        let (room, rest) = room.split_at_mut_checked(open.len + text.len()).unwrap_or_default();
        let is_plain = copy_plain(text, room.get_mut(open.len..).unwrap_or_default());
        if let Some(rest) = rest.first_chunk_mut() {
            *rest = close.bytes.to_le_bytes();
        }
        self.len += if is_plain { open.len + text.len() + close.len } else { 0 };
        is_plain
    }

    /// Returns the free part of the buffer, which is at least `len` bytes long.
    #[inline]
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() - self.len < len {
            self.grow(len);
        }
        self.bytes.get_mut(self.len..).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, by: usize) {
        self.bytes.resize((self.len + by).max(2 * self.bytes.len()).max(MIN_ROOM), 0);
    }
}

/// Writing never fails.
impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_put_together_on_either_side() {
        let mut buffer = Buffer::default();
        buffer.mark(Mark::ESCAPED_QUOTE.after(b',').before(b':'));
        buffer.mark(Mark::QUOTE);
        assert_eq!(buffer.as_bytes(), br#",\":""#);
    }

    #[test]
    fn text_of_any_length_is_enclosed_or_left_alone() {
        for length in 0..100 {
            let mut buffer = Buffer::default();
            let plain = "x".repeat(length);
            buffer.extend(b"[");
            assert!(buffer.enclose(Mark::QUOTE, plain.as_bytes(), Mark::QUOTE.before(b']')));
            assert!(!buffer.enclose(Mark::QUOTE, format!("{plain}\n").as_bytes(), Mark::QUOTE));
            assert_eq!(buffer.take(), format!("[\"{plain}\"]").as_bytes());
            assert!(buffer.as_bytes().is_empty());
        }
    }
}
