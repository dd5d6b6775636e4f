mod data_points;

use std::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::check::{Summary, check};
use crate::store::Store;
use crate::uniform::Uniform;
use crate::{Signal, SpanBatch, WireError};
use data_points::DataPoints;

/// Telemetry of one signal, over the bytes it arrived in. A clone shares them.
#[derive(Clone, Debug)]
pub enum Batch {
    Spans(SpanBatch),
    Metrics(MetricsBatch),
    Logs(LogsBatch),
}

/// Metrics over the bytes they arrived in.
#[derive(Clone)]
pub struct MetricsBatch(Store<DataPoints>);

/// Log records over the bytes they arrived in.
#[derive(Clone)]
pub struct LogsBatch(Store<Uniform>);

/// Batches of two signals do not merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalMismatch {
    pub into: Signal,
    pub from: Signal,
}

impl Batch {
    /// No items and no bytes.
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

    /// As [`Batch::decode`], and says what is in the request.
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

    /// Spans, data points or log records.
    pub fn items(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.items(),
            Batch::Metrics(batch) => batch.0.items(),
            Batch::Logs(batch) => batch.0.items(),
        }
    }

    /// No items. There may be bytes even so: envelopes with nothing in them.
    pub fn is_empty(&self) -> bool {
        self.items() == 0
    }

    /// The length of all chunks together, in bytes. Once records were edited or left out it has to be added up.
    pub fn encoded_len(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.encoded_len(),
            Batch::Metrics(batch) => batch.0.encoded_len(),
            Batch::Logs(batch) => batch.0.encoded_len(),
        }
    }

    /// One request, in pieces to be sent one after another. What no one edited is the very bytes that arrived.
    pub fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        match self {
            Batch::Spans(batch) => batch.chunks(),
            Batch::Metrics(batch) => batch.0.chunks(),
            Batch::Logs(batch) => batch.0.chunks(),
        }
    }

    /// Whole requests, which is what a reader can take one by one.
    #[cfg(feature = "json")]
    pub(crate) fn requests(&self) -> SmallVec<[Bytes; 1]> {
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

    /// The batch as it is now, to go back to; see [`SpanBatch::original`].
    pub fn original(&self) -> Batch {
        match self {
            Batch::Spans(batch) => Batch::Spans(batch.original()),
            Batch::Metrics(batch) => Batch::Metrics(MetricsBatch(batch.0.original())),
            Batch::Logs(batch) => Batch::Logs(LogsBatch(batch.0.original())),
        }
    }

    /// Encodes what was edited, and lets go of the index and of bytes that are not in the batch; see
    /// [`SpanBatch::trim`].
    pub fn trim(&mut self) {
        match self {
            Batch::Spans(batch) => batch.trim(),
            Batch::Metrics(batch) => batch.0.trim(),
            Batch::Logs(batch) => batch.0.trim(),
        }
    }

    /// The bytes of memory that the batch keeps alive, its index included, shared ones too.
    pub fn held_bytes(&self) -> usize {
        match self {
            Batch::Spans(batch) => batch.held_bytes(),
            Batch::Metrics(batch) => batch.0.held_bytes(),
            Batch::Logs(batch) => batch.0.held_bytes(),
        }
    }

    /// Names each piece of memory that the batch keeps alive: an address by which batches that share it can be told, and how
    /// many bytes. The index counts also while no one has asked for it.
    pub fn each_allocation(&self, mut each: impl FnMut(usize, usize)) {
        match self {
            Batch::Spans(batch) => batch.each_allocation(&mut each),
            Batch::Metrics(batch) => batch.0.each_allocation(&mut each),
            Batch::Logs(batch) => batch.0.each_allocation(&mut each),
        }
    }

    /// Keeps the first `items` items and returns the rest; both keep their resources and scopes. A metric goes
    /// to one side whole, unless it alone has more data points than `items`. Unless `items` is 0, at least one
    /// record is kept.
    pub fn split_off_items(&mut self, items: usize) -> Batch {
        match self {
            Batch::Spans(batch) => Batch::Spans(batch.split_off_items(items)),
            Batch::Metrics(batch) => Batch::Metrics(MetricsBatch(batch.0.split_off(items))),
            Batch::Logs(batch) => Batch::Logs(LogsBatch(batch.0.split_off(items))),
        }
    }

    /// Batches of at most `max_items` items, in order: as by `split_off_items` again and again, in one go.
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
