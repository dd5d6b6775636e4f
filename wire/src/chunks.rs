use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::check::check;
use crate::{Signal, WireError};

/// Encoded requests of one signal, whole and checked. One after another they are one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks {
    /// None of them empty.
    pub(crate) list: SmallVec<[Bytes; 1]>,
    pub(crate) items: usize,
    pub(crate) len_bytes: usize,
}

impl Chunks {
    /// Checks `bytes` and keeps them as they are.
    pub(crate) fn decode(signal: Signal, bytes: Bytes) -> Result<Chunks, WireError> {
        let items = check(signal, &bytes)?.items;
        let len_bytes = bytes.len();
        let list = if bytes.is_empty() { SmallVec::new() } else { smallvec![bytes] };
        Ok(Chunks { list, items, len_bytes })
    }

    /// From parts that are whole only together: slices and splices of checked bytes.
    pub(crate) fn from_parts(list: SmallVec<[Bytes; 1]>, items: usize) -> Chunks {
        let len_bytes = list.iter().map(Bytes::len).sum();
        Chunks { list, items, len_bytes }
    }

    pub(crate) fn append(&mut self, other: Chunks) {
        self.list.extend(other.list);
        self.items += other.items;
        self.len_bytes += other.len_bytes;
    }
}
