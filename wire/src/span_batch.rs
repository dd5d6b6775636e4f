mod columns;
mod edits;
mod envelopes;
mod fields;
#[cfg(feature = "json")]
mod flat;
mod frames;
mod partition;
mod rows;
mod scopes;
mod traces;
mod write;

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::store::Store;
use crate::{Signal, WireError};
pub(crate) use edits::Attributes;
use fields::SpanFields;

#[cfg(feature = "json")]
pub use flat::{FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans};
pub use frames::{Frame, Frames};
pub use rows::{Event, Link, Span};
pub use traces::Traces;

/// Spans in the bytes they arrived in.
///
/// Spans are rows, numbered from 0 in their order; resources are numbered likewise. An operation that removes
/// spans renumbers the rest. Every read sees all edits before it. Clones share bytes and index until one of
/// them is edited.
#[derive(Clone, Default)]
pub struct SpanBatch(pub(crate) Store<SpanFields>);

impl SpanBatch {
    /// Checks an `ExportTraceServiceRequest` and keeps its bytes as they are.
    pub fn decode(request: Bytes) -> Result<SpanBatch, WireError> {
        Store::decode(Signal::Traces, request).map(SpanBatch)
    }

    pub(crate) fn of_checked(request: Bytes, items: usize) -> SpanBatch {
        SpanBatch(Store::of_checked(request, items))
    }

    pub(crate) fn empty() -> SpanBatch {
        SpanBatch(Store::empty())
    }

    /// Returns the number of spans.
    pub fn items(&self) -> usize {
        self.0.items()
    }

    /// Returns whether there are no spans.
    pub fn is_empty(&self) -> bool {
        self.items() == 0
    }

    /// Returns the length of all chunks together, in bytes. After an edit or a removal, the length is
    /// computed again.
    pub fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    /// Returns one request in pieces that are sent one after another. Parts that nobody edited are the very
    /// bytes that arrived.
    pub fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        self.0.chunks()
    }

    pub(crate) fn requests(&self) -> SmallVec<[Bytes; 1]> {
        self.0.requests()
    }

    /// Adds another batch's spans after these, without copying them.
    pub fn merge(&mut self, other: SpanBatch) {
        self.0.merge(other.0);
    }

    /// Returns a copy of the batch to go back to. If the batch was not edited, the copy has the bytes but not
    /// the index, so that a later edit of this batch need not copy the index. If the batch was edited, the
    /// copy is a clone.
    pub fn original(&self) -> SpanBatch {
        SpanBatch(self.0.original())
    }

    /// Encodes edited records, and frees the index and the bytes that are no longer in the batch. Use this to
    /// keep a batch without reading it. Afterwards [`held_bytes`](Self::held_bytes) is at most a quarter more
    /// than [`encoded_len`](Self::encoded_len).
    pub fn trim(&mut self) {
        self.0.trim();
    }

    /// Returns how many bytes of memory the batch keeps alive, including its index and shared memory.
    pub fn held_bytes(&self) -> usize {
        self.0.held_bytes()
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        self.0.weight_bytes()
    }

    pub(crate) fn each_allocation(&self, each: &mut impl FnMut(usize, usize)) {
        self.0.each_allocation(each);
    }

    /// Copies the remaining spans, so that the bytes they arrived in can be freed. Use this to keep few of
    /// many spans for long.
    pub fn compact(&mut self) {
        self.0.compact();
    }

    /// Keeps the first `items` spans and returns the rest. Neither half keeps many bytes of the other alive.
    pub fn split_off_items(&mut self, items: usize) -> SpanBatch {
        SpanBatch(self.0.split_off(items))
    }
}

impl fmt::Debug for SpanBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanBatch({} spans, {} bytes)", self.items(), self.encoded_len())
    }
}
