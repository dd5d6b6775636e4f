mod data_points;
mod logs;

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::check::{Summary, check};
use crate::store::Store;
use crate::uniform::Uniform;
use crate::{Signal, SpanBatch, WireError};
use data_points::DataPoints;

/// Telemetry of one signal in the bytes it arrived in. Clones share the bytes.
#[derive(Clone, Debug)]
pub enum Batch {
    Spans(SpanBatch),
    Metrics(MetricsBatch),
    Logs(LogsBatch),
}

/// Metrics in the bytes they arrived in.
#[derive(Clone)]
pub struct MetricsBatch(pub(crate) Store<DataPoints>);

/// Log records in the bytes they arrived in.
#[derive(Clone)]
pub struct LogsBatch(pub(crate) Store<Uniform>);

/// The error of merging batches of two different signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalMismatch {
    pub into: Signal,
    pub from: Signal,
}

impl Batch {
    /// Returns a batch without items and without bytes.
    pub fn empty(signal: Signal) -> Batch {
        match signal {
            Signal::Traces => Batch::Spans(SpanBatch::empty()),
            Signal::Metrics => Batch::Metrics(MetricsBatch(Store::empty())),
            Signal::Logs => Batch::Logs(LogsBatch(Store::empty())),
        }
    }

    /// Checks a request of `signal` and keeps its bytes as they are.
    pub fn decode(signal: Signal, request: Bytes) -> Result<Batch, WireError> {
        Batch::decode_counted(signal, request).map(|(batch, _)| batch)
    }

    /// Does the same as [`Batch::decode`] and also returns what the request contains.
    pub fn decode_counted(signal: Signal, request: Bytes) -> Result<(Batch, Summary), WireError> {
        let summary = check(signal, &request)?;
        let batch = match signal {
            Signal::Traces => Batch::Spans(SpanBatch::of_checked(request, summary.items)),
            Signal::Metrics => Batch::Metrics(MetricsBatch(Store::of_checked(request, summary.items))),
            Signal::Logs => Batch::Logs(LogsBatch(Store::of_checked(request, summary.items))),
        };
        Ok((batch, summary))
    }

    pub fn signal(&self) -> Signal {
        match self {
            Batch::Spans(_) => Signal::Traces,
            Batch::Metrics(_) => Signal::Metrics,
            Batch::Logs(_) => Signal::Logs,
        }
    }

    /// Returns the number of spans, data points or log records.
    pub fn items(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.items(),
            Batch::Metrics(batch) => batch.0.items(),
            Batch::Logs(batch) => batch.0.items(),
        }
    }

    /// Returns whether the batch has no items. Such a batch may still have bytes: envelopes without records.
    pub fn is_empty(&self) -> bool {
        self.items() == 0
    }

    /// Returns the length of all chunks together, in bytes. After an edit or a removal, the length is
    /// computed again.
    pub fn encoded_len(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.encoded_len(),
            Batch::Metrics(batch) => batch.0.encoded_len(),
            Batch::Logs(batch) => batch.0.encoded_len(),
        }
    }

    /// Returns one request in pieces that are sent one after another. Parts that nobody edited are the very
    /// bytes that arrived.
    pub fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        match self {
            Batch::Spans(batch) => batch.chunks(),
            Batch::Metrics(batch) => batch.0.chunks(),
            Batch::Logs(batch) => batch.0.chunks(),
        }
    }

    /// Returns whole requests, so that a reader can take them one by one.
    pub fn requests(&self) -> SmallVec<[Bytes; 1]> {
        match self {
            Batch::Spans(batch) => batch.requests(),
            Batch::Metrics(batch) => batch.0.requests(),
            Batch::Logs(batch) => batch.0.requests(),
        }
    }

    /// Adds the items of another batch of the same signal after these, without copying them.
    pub fn merge(&mut self, other: Batch) -> Result<(), SignalMismatch> {
        match (self, other) {
            (Batch::Spans(batch), Batch::Spans(other)) => batch.merge(other),
            (Batch::Metrics(batch), Batch::Metrics(other)) => batch.0.merge(other.0),
            (Batch::Logs(batch), Batch::Logs(other)) => batch.0.merge(other.0),
            (batch, other) => return Err(SignalMismatch { into: batch.signal(), from: other.signal() }),
        }
        Ok(())
    }

    /// Returns an unedited copy to go back to; see [`SpanBatch::original`].
    pub fn original(&self) -> Batch {
        match self {
            Batch::Spans(batch) => Batch::Spans(batch.original()),
            Batch::Metrics(batch) => Batch::Metrics(MetricsBatch(batch.0.original())),
            Batch::Logs(batch) => Batch::Logs(LogsBatch(batch.0.original())),
        }
    }

    /// Encodes edited records, and frees the index and the bytes that are no longer in the batch; see
    /// [`SpanBatch::trim`].
    pub fn trim(&mut self) {
        match self {
            Batch::Spans(batch) => batch.trim(),
            Batch::Metrics(batch) => batch.0.trim(),
            Batch::Logs(batch) => batch.0.trim(),
        }
    }

    /// Returns how many bytes of memory the batch keeps alive, including its index and shared memory.
    pub fn held_bytes(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.held_bytes(),
            Batch::Metrics(batch) => batch.0.held_bytes(),
            Batch::Logs(batch) => batch.0.held_bytes(),
        }
    }

    /// Returns [`held_bytes`](Self::held_bytes), with the index counted even before it is made. Takes
    /// constant time, unless the batch was edited.
    pub fn weight_bytes(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.weight_bytes(),
            Batch::Metrics(batch) => batch.0.weight_bytes(),
            Batch::Logs(batch) => batch.0.weight_bytes(),
        }
    }

    /// Calls `each` with every piece of memory that the batch keeps alive: its address and its length in
    /// bytes. Batches that share a piece report the same address. The index is counted even before it is
    /// made.
    pub fn each_allocation(&self, mut each: impl FnMut(usize, usize)) {
        match self {
            Batch::Spans(batch) => batch.each_allocation(&mut each),
            Batch::Metrics(batch) => batch.0.each_allocation(&mut each),
            Batch::Logs(batch) => batch.0.each_allocation(&mut each),
        }
    }

    /// Keeps the first `items` items and returns the rest. Both halves keep their resources and scopes. A
    /// metric stays whole unless it alone has more data points than `items`. If `items` is not 0, at least
    /// one record is kept.
    pub fn split_off_items(&mut self, items: usize) -> Batch {
        match self {
            Batch::Spans(batch) => Batch::Spans(batch.split_off_items(items)),
            Batch::Metrics(batch) => Batch::Metrics(MetricsBatch(batch.0.split_off(items))),
            Batch::Logs(batch) => Batch::Logs(LogsBatch(batch.0.split_off(items))),
        }
    }

    /// Splits the batch into batches of at most `max_items` items, in order. Batches are larger if smaller ones would
    /// together exceed four times the request and 1 MiB, because each repeats its resource. The result is that of repeated
    /// calls of `split_off_items`, in one pass.
    pub fn split_items(self, max_items: usize) -> Vec<Batch> {
        match self {
            Batch::Spans(batch) => batch.split_items(max_items).into_iter().map(Batch::Spans).collect(),
            Batch::Metrics(batch) => {
                let parts = batch.0.split_items(max_items).into_iter();
                parts.map(|part| Batch::Metrics(MetricsBatch(part))).collect()
            }
            Batch::Logs(batch) => {
                let parts = batch.0.split_items(max_items).into_iter();
                parts.map(|part| Batch::Logs(LogsBatch(part))).collect()
            }
        }
    }
}

impl MetricsBatch {
    pub fn decode(request: Bytes) -> Result<MetricsBatch, WireError> {
        Store::decode(Signal::Metrics, request).map(MetricsBatch)
    }
}

impl LogsBatch {
    pub fn decode(request: Bytes) -> Result<LogsBatch, WireError> {
        Store::decode(Signal::Logs, request).map(LogsBatch)
    }
}

impl fmt::Debug for MetricsBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetricsBatch({} data points, {} bytes)", self.0.items(), self.0.encoded_len())
    }
}

impl fmt::Debug for LogsBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogsBatch({} log records, {} bytes)", self.0.items(), self.0.encoded_len())
    }
}

impl fmt::Display for SignalMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a batch of {} does not merge into one of {}", self.from, self.into)
    }
}

impl std::error::Error for SignalMismatch {}
