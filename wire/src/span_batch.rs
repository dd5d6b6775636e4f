use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::store::Store;
use crate::view::Columns;
use crate::{Signal, WireError};

/// Spans over the bytes they arrived in. A clone shares them.
#[derive(Clone)]
pub struct SpanBatch(Store<Spans>);

impl SpanBatch {
    /// Checks an `ExportTraceServiceRequest` and keeps its bytes as they are.
    pub fn decode(request: Bytes) -> Result<SpanBatch, WireError> {
        Store::decode(Signal::Traces, request).map(SpanBatch)
    }

    pub(crate) fn empty() -> SpanBatch {
        SpanBatch(Store::empty())
    }

    /// How many spans.
    pub fn items(&self) -> usize {
        self.0.items()
    }

    /// The length of all chunks together, in bytes.
    pub fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    /// One request, in pieces to be sent one after another.
    pub fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        self.0.chunks()
    }

    #[cfg(feature = "json")]
    pub(crate) fn requests(&self) -> SmallVec<[Bytes; 1]> {
        self.0.requests()
    }

    /// Adds another batch's spans after these, without copying them.
    pub fn merge(&mut self, other: SpanBatch) {
        self.0.merge(other.0);
    }

    /// Keeps the first `items` spans and returns the rest.
    pub fn split_off_items(&mut self, items: usize) -> SpanBatch {
        SpanBatch(self.0.split_off(items))
    }
}

impl fmt::Debug for SpanBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanBatch({} spans, {} bytes)", self.items(), self.encoded_len())
    }
}

#[derive(Clone, Default)]
struct Spans;

impl Columns for Spans {
    fn push(&mut self, _: &[u8]) {}

    fn select(&self, _: &[u32]) -> Spans {
        Spans
    }

    fn append(&mut self, _: &Spans) {}

    fn items(&self, _: usize) -> usize {
        1
    }
}
