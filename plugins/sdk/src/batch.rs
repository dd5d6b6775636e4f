//! Batches: the telemetry that moves through a pipeline.

mod spans;
mod traces;

pub use spans::SpanBatch;
pub use traces::TraceBatch;

use crate::{EditError, Signal, host};

/// Telemetry of one signal.
#[derive(Debug)]
pub enum Batch {
    Spans(SpanBatch),
    Metrics(MetricsBatch),
    Logs(LogsBatch),
}

/// Metrics of one batch, which are read and replaced as encoded OTLP.
#[derive(Debug)]
pub struct MetricsBatch(pub(crate) host::batches::MetricsBatch);

/// Log records of one batch, which are read and replaced as encoded OTLP.
#[derive(Debug)]
pub struct LogsBatch(pub(crate) host::batches::LogsBatch);

/// Collects the batches that go on to the next component, in order. They leave once the call has returned
/// without an error.
#[derive(Debug, Default)]
pub struct Output {
    pub(crate) batches: Vec<Batch>,
}

/// Calls a method that the batches of all signals have.
macro_rules! of_any {
    ($batch:expr, $each:ident => $call:expr) => {
        match $batch {
            Batch::Spans($each) => $call,
            Batch::Metrics($each) => $call,
            Batch::Logs($each) => $call,
        }
    };
}

impl Batch {
    pub fn signal(&self) -> Signal {
        match self {
            Batch::Spans(_) => Signal::Traces,
            Batch::Metrics(_) => Signal::Metrics,
            Batch::Logs(_) => Signal::Logs,
        }
    }

    /// Returns the number of spans, data points or log records.
    pub fn len(&self) -> usize {
        of_any!(self, batch => batch.len())
    }

    /// Returns whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the length as uncompressed OTLP, in bytes.
    pub fn encoded_len(&self) -> u64 {
        of_any!(self, batch => batch.encoded_len())
    }

    /// Returns the request's values of a header; see [`SpanBatch::metadata`].
    pub fn metadata(&self, key: &str) -> Vec<String> {
        of_any!(self, batch => batch.metadata(key))
    }

    /// Keeps the first `count` items and returns the rest. A metric stays whole unless it alone has more data
    /// points.
    #[must_use]
    pub fn split_off(&mut self, count: u32) -> Batch {
        of_any!(self, batch => batch.split_off(count).into())
    }

    /// Adds another batch of the same signal after this one. A batch of another signal is returned as the
    /// error.
    #[allow(
        clippy::result_large_err,
        reason = "it is large in native tests only: in a guest a batch is a number"
    )]
    pub fn merge(&mut self, other: Batch) -> Result<(), Batch> {
        match (self, other) {
            (Batch::Spans(spans), Batch::Spans(other)) => spans.merge(other),
            (Batch::Metrics(metrics), Batch::Metrics(other)) => metrics.merge(other),
            (Batch::Logs(logs), Batch::Logs(other)) => logs.merge(other),
            (_, other) => return Err(other),
        }
        Ok(())
    }

    pub fn into_spans(self) -> Option<SpanBatch> {
        match self {
            Batch::Spans(spans) => Some(spans),
            Batch::Metrics(_) | Batch::Logs(_) => None,
        }
    }

    pub fn into_metrics(self) -> Option<MetricsBatch> {
        match self {
            Batch::Metrics(metrics) => Some(metrics),
            Batch::Spans(_) | Batch::Logs(_) => None,
        }
    }

    pub fn into_logs(self) -> Option<LogsBatch> {
        match self {
            Batch::Logs(logs) => Some(logs),
            Batch::Spans(_) | Batch::Metrics(_) => None,
        }
    }
}

impl Output {
    /// Passes a batch on.
    pub fn pass(&mut self, batch: impl Into<Batch>) {
        self.batches.push(batch.into());
    }

    /// Discards a batch: its items count as dropped with the reason `filtered`. A batch that is neither
    /// passed on nor discarded nor kept counts as a mistake of the plugin.
    pub fn discard(&mut self, batch: impl Into<Batch>) {
        host::output::discard(batch.into().into());
    }
}

impl MetricsBatch {
    /// Makes a batch of new telemetry from an encoded `ExportMetricsServiceRequest`, as a [`wire::RequestWriter`]
    /// writes it.
    pub fn from_otlp(otlp: &[u8]) -> Result<MetricsBatch, EditError> {
        host::batches::MetricsBatch::from_otlp(otlp).map(MetricsBatch)
    }

    /// Returns the number of data points.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Returns whether there are no data points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the length as uncompressed OTLP, in bytes.
    pub fn encoded_len(&self) -> u64 {
        self.0.encoded_len()
    }

    /// Returns the values of the request header `key`, in any case. The list is empty if the receiver does
    /// not keep headers (`include_metadata`), if the header carries a secret (`authorization`, `cookie`), or
    /// if batches of senders with different values were merged.
    pub fn metadata(&self, key: &str) -> Vec<String> {
        self.0.metadata(key)
    }

    /// Returns the encoded `ExportMetricsServiceRequest`. The bytes are checked, and [`wire::metrics`] walks
    /// them without decoding.
    pub fn otlp(&self) -> Vec<u8> {
        self.0.otlp()
    }

    /// Replaces all metrics with an encoded `ExportMetricsServiceRequest`.
    pub fn replace(&mut self, otlp: &[u8]) -> Result<(), EditError> {
        self.0.replace(otlp)
    }

    /// Keeps the first `count` data points and returns the rest. A metric stays whole unless it alone has
    /// more.
    #[must_use]
    pub fn split_off(&mut self, count: u32) -> MetricsBatch {
        MetricsBatch(self.0.split_off(count))
    }

    /// Makes what this call leaves out of the batch count as sampled out; see
    /// [`SpanBatch::count_as_sampled_out`].
    pub fn count_as_sampled_out(&mut self) {
        self.0.count_as_sampled_out();
    }

    /// Adds the metrics of another batch after these.
    pub fn merge(&mut self, other: MetricsBatch) {
        self.0.merge(other.0);
    }
}

impl LogsBatch {
    /// Makes a batch of new telemetry from an encoded `ExportLogsServiceRequest`, as a [`wire::RequestWriter`]
    /// writes it.
    pub fn from_otlp(otlp: &[u8]) -> Result<LogsBatch, EditError> {
        host::batches::LogsBatch::from_otlp(otlp).map(LogsBatch)
    }

    /// Returns the number of log records.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Returns whether there are no log records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the length as uncompressed OTLP, in bytes.
    pub fn encoded_len(&self) -> u64 {
        self.0.encoded_len()
    }

    /// Returns the values of the request header `key`, in any case. The list is empty if the receiver does
    /// not keep headers (`include_metadata`), if the header carries a secret (`authorization`, `cookie`), or
    /// if batches of senders with different values were merged.
    pub fn metadata(&self, key: &str) -> Vec<String> {
        self.0.metadata(key)
    }

    /// Returns the encoded `ExportLogsServiceRequest`.
    pub fn otlp(&self) -> Vec<u8> {
        self.0.otlp()
    }

    /// Replaces all log records with an encoded `ExportLogsServiceRequest`.
    pub fn replace(&mut self, otlp: &[u8]) -> Result<(), EditError> {
        self.0.replace(otlp)
    }

    /// Keeps the first `count` log records and returns the rest.
    #[must_use]
    pub fn split_off(&mut self, count: u32) -> LogsBatch {
        LogsBatch(self.0.split_off(count))
    }

    /// Makes what this call leaves out of the batch count as sampled out; see
    /// [`SpanBatch::count_as_sampled_out`].
    pub fn count_as_sampled_out(&mut self) {
        self.0.count_as_sampled_out();
    }

    /// Adds the log records of another batch after these.
    pub fn merge(&mut self, other: LogsBatch) {
        self.0.merge(other.0);
    }
}

impl From<SpanBatch> for Batch {
    fn from(batch: SpanBatch) -> Batch {
        Batch::Spans(batch)
    }
}

impl From<MetricsBatch> for Batch {
    fn from(batch: MetricsBatch) -> Batch {
        Batch::Metrics(batch)
    }
}

impl From<LogsBatch> for Batch {
    fn from(batch: LogsBatch) -> Batch {
        Batch::Logs(batch)
    }
}

impl From<Batch> for host::batches::Batch {
    fn from(batch: Batch) -> host::batches::Batch {
        match batch {
            Batch::Spans(batch) => host::batches::Batch::Spans(batch.0),
            Batch::Metrics(batch) => host::batches::Batch::Metrics(batch.0),
            Batch::Logs(batch) => host::batches::Batch::Logs(batch.0),
        }
    }
}

impl From<host::batches::Batch> for Batch {
    fn from(batch: host::batches::Batch) -> Batch {
        match batch {
            host::batches::Batch::Spans(batch) => Batch::Spans(SpanBatch(batch)),
            host::batches::Batch::Metrics(batch) => Batch::Metrics(MetricsBatch(batch)),
            host::batches::Batch::Logs(batch) => Batch::Logs(LogsBatch(batch)),
        }
    }
}
