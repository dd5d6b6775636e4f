mod columns;
mod edits;
mod envelopes;
mod fields;
#[cfg(feature = "json")]
mod flat;
mod partition;
mod rows;
mod traces;
mod write;

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::store::Store;
use crate::{Signal, WireError};
use fields::SpanFields;

#[cfg(feature = "json")]
pub use flat::{FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans};
pub use rows::{Event, Link, Span};
pub use traces::Traces;

/// Spans over the bytes they arrived in.
///
/// Spans are rows, numbered from 0 in the order in which they lie; resources are numbered likewise. Whatever
/// leaves spans out numbers the others anew. Reading sees every edit made before. A clone shares bytes and
/// index until one of the two is edited.
#[derive(Clone, Default)]
pub struct SpanBatch(Store<SpanFields>);

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

    /// How many spans.
    pub fn items(&self) -> usize {
        self.0.items()
    }

    /// No spans.
    pub fn is_empty(&self) -> bool {
        self.items() == 0
    }

    /// The length of all chunks together, in bytes. Once spans were edited or left out it has to be added up.
    pub fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    /// One request, in pieces to be sent one after another. What no one edited is the very bytes that arrived.
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

    /// The batch as it is now, to go back to. Of one that was not edited it has the bytes but not the index, so that
    /// a later edit of this one does not have to leave the index alone; of an edited one it is a clone.
    pub fn original(&self) -> SpanBatch {
        SpanBatch(self.0.original())
    }

    /// Encodes what was edited, and lets go of the index and of bytes that are not in the batch any more: for who keeps a
    /// batch and does not look into it. Afterwards [`held_bytes`](Self::held_bytes) is at most a quarter more than
    /// [`encoded_len`](Self::encoded_len).
    pub fn trim(&mut self) {
        self.0.trim();
    }

    /// The bytes of memory that the batch keeps alive, its index included, shared ones too.
    pub fn held_bytes(&self) -> usize {
        self.0.held_bytes()
    }

    pub(crate) fn each_allocation(&self, each: &mut impl FnMut(usize, usize)) {
        self.0.each_allocation(each);
    }

    /// Copies what is left, so that the bytes it arrived in can be freed: for who keeps few spans of many, and long.
    pub fn compact(&mut self) {
        self.0.compact();
    }

    /// Keeps the first `items` spans and returns the rest. Neither holds many bytes of the other.
    pub fn split_off_items(&mut self, items: usize) -> SpanBatch {
        SpanBatch(self.0.split_off(items))
    }
}

impl fmt::Debug for SpanBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanBatch({} spans, {} bytes)", self.items(), self.encoded_len())
    }
}
