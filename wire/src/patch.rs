//! Edits one message: cuts pieces out and inserts others in their place.

use std::ops::Range;

use smallvec::SmallVec;

/// A list of splices, reused from message to message. Splices are in ascending order and do not overlap.
#[derive(Default)]
pub(crate) struct Patch {
    splices: SmallVec<[Splice; 4]>,
    /// The inserted bytes of all splices, one after another.
    inserted: Vec<u8>,
}

struct Splice {
    cut: Range<usize>,
    /// Where the inserted bytes of this splice end in `inserted`.
    end: usize,
}

impl Patch {
    pub(crate) fn clear(&mut self) {
        self.splices.clear();
        self.inserted.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Replaces `cut` by the bytes that `write` appends. `cut` must lie after all earlier cuts.
    pub(crate) fn replace(&mut self, cut: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.inserted);
        self.splices.push(Splice { cut, end: self.inserted.len() });
    }

    pub(crate) fn remove(&mut self, cut: Range<usize>) {
        self.replace(cut, |_| ());
    }

    /// Returns the length of the patched message, given the length of the old one.
    pub(crate) fn len_after(&self, len: usize) -> usize {
        let cut: usize = self.splices.iter().map(|splice| splice.cut.len()).sum();
        (len + self.inserted.len()).saturating_sub(cut)
    }

    /// Returns the new offset of a field or byte that is not cut, given its old one. Bytes that are inserted
    /// at this very offset come after it.
    pub(crate) fn moved(&self, offset: usize) -> usize {
        let before = |splice: &&Splice| splice.cut.start < offset && splice.cut.end <= offset;
        let cut: usize = self.splices.iter().filter(before).map(|splice| splice.cut.len()).sum();
        let inserted = self.splices.iter().rfind(before).map_or(0, |splice| splice.end);
        (offset + inserted).saturating_sub(cut)
    }

    /// Appends the patched message.
    pub(crate) fn apply(&self, message: &[u8], out: &mut Vec<u8>) {
        let (mut copied, mut inserted) = (0, 0);
        for splice in &self.splices {
            out.extend_from_slice(message.get(copied..splice.cut.start).unwrap_or_default());
            out.extend_from_slice(self.inserted.get(inserted..splice.end).unwrap_or_default());
            (copied, inserted) = (splice.cut.end, splice.end);
        }
        out.extend_from_slice(message.get(copied..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_insertions_land_where_they_were_meant() {
        let mut patch = Patch::default();
        patch.replace(1..3, |out| out.extend(b"xyz"));
        patch.remove(4..5);
        patch.replace(6..6, |out| out.extend(b"!"));
        let mut out = Vec::new();
        patch.apply(b"abcdef", &mut out);
        assert_eq!(out, b"axyzdf!");
        assert_eq!(patch.len_after(6), 7);
        assert_eq!([0, 3, 5].map(|offset| patch.moved(offset)), [0, 4, 5]);
    }

    /// A search for fields from an offset on must find a field that is inserted at this offset.
    #[test]
    fn what_is_put_in_at_an_offset_comes_after_it() {
        let mut patch = Patch::default();
        patch.replace(0..1, |out| out.extend(b"xy"));
        patch.replace(3..3, |out| out.extend(b"!"));
        assert_eq!([3, 4].map(|offset| patch.moved(offset)), [4, 6]);
    }
}
