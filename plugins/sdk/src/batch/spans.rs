use crate::bindings::spanloom::plugin::spans::{
    FlatSpans, Span, SpanKind, SpanResource, SpanScope, Status, StatusCode,
};
use crate::{EditError, Ids, NumberColumn, TextColumn, Value, host};

/// Spans, in the host's memory, over the bytes they arrived in.
///
/// Read whole columns ([`text`](SpanBatch::text), [`durations_nano`](SpanBatch::durations_nano)): a call to the host
/// costs the same for one span as for a thousand. Rows are numbered from 0; whatever leaves spans out numbers the
/// others anew. Reading sees every edit made before, and what nobody edits leaves as the bytes that came in.
#[derive(Debug)]
pub struct SpanBatch(pub(crate) host::spans::SpanBatch);

/// Columns of fixed width, one entry a span.
impl SpanBatch {
    /// A batch of its own, of an encoded `ExportTraceServiceRequest`: new telemetry.
    pub fn from_otlp(otlp: &[u8]) -> Result<SpanBatch, EditError> {
        host::spans::SpanBatch::from_otlp(otlp).map(SpanBatch)
    }

    /// How many spans.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// No spans.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes as encoded OTLP, uncompressed.
    pub fn encoded_len(&self) -> u64 {
        self.0.encoded_len()
    }

    /// What the request said of its sender: the values of its header `key`, in any case. None where the receiver does
    /// not keep them (`include_metadata`), for what carries a secret (`authorization`, `cookie`), and where batches of
    /// senders who said different things of it were merged.
    pub fn metadata(&self, key: &str) -> Vec<String> {
        self.0.metadata(key)
    }

    pub fn trace_ids(&self) -> Ids<16> {
        Ids(self.0.trace_ids())
    }

    pub fn span_ids(&self) -> Ids<8> {
        Ids(self.0.span_ids())
    }

    /// All zeros for a root.
    pub fn parent_span_ids(&self) -> Ids<8> {
        Ids(self.0.parent_span_ids())
    }

    /// Nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> Vec<u64> {
        self.0.start_times_unix_nano()
    }

    /// Nanoseconds since 1970.
    pub fn end_times_unix_nano(&self) -> Vec<u64> {
        self.0.end_times_unix_nano()
    }

    /// End minus start; 0 where a span ends before it starts.
    pub fn durations_nano(&self) -> Vec<u64> {
        self.0.durations_nano()
    }

    pub fn kinds(&self) -> impl Iterator<Item = SpanKind> {
        self.0.kinds().into_iter().map(SpanKind::from_number)
    }

    pub fn status_codes(&self) -> impl Iterator<Item = StatusCode> {
        self.0.status_codes().into_iter().map(StatusCode::from_number)
    }
}

/// Columns of what varies.
impl SpanBatch {
    /// The names of all spans.
    pub fn names(&self) -> TextColumn {
        self.0.names()
    }

    /// The W3C trace states of the spans that have one.
    pub fn trace_states(&self) -> TextColumn {
        self.0.trace_states()
    }

    /// The text attribute `key` of the spans that have it.
    pub fn text(&self, key: &str) -> TextColumn {
        self.0.text_column(key)
    }

    /// The number or bool attribute `key` of the spans that have it.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        self.0.number_column(key)
    }
}

/// Resources and scopes: all that came with the batch, also those whose spans are gone.
impl SpanBatch {
    /// How many resources.
    pub fn resource_count(&self) -> usize {
        self.0.resource_count() as usize
    }

    /// The number of each span's resource.
    pub fn resources_of_spans(&self) -> Vec<u32> {
        self.0.resources_of_spans()
    }

    /// The text attribute `key` of the resources that have it; rows are resources.
    pub fn resource_text(&self, key: &str) -> TextColumn {
        self.0.resource_text_column(key)
    }

    /// The number or bool attribute `key` of the resources that have it; rows are resources.
    pub fn resource_numbers(&self, key: &str) -> NumberColumn {
        self.0.resource_number_column(key)
    }

    pub fn resource(&self, number: u32) -> Option<SpanResource> {
        self.0.resource(number)
    }

    pub fn scope(&self, number: u32) -> Option<SpanScope> {
        self.0.scope(number)
    }

    /// One attribute of one resource.
    pub fn resource_get(&self, number: u32, key: &str) -> Option<Value> {
        self.0.resource_get(number, key)
    }

    /// Sets one attribute of one resource.
    pub fn resource_set(&mut self, number: u32, key: &str, value: impl Into<Value>) -> Result<(), EditError> {
        self.0.resource_set(number, key, &value.into())
    }

    pub fn resource_remove(&mut self, number: u32, key: &str) -> Result<(), EditError> {
        self.0.resource_remove(number, key)
    }
}

/// Everything.
impl SpanBatch {
    /// Every field of every span: what an exporter reads instead of calling for each field.
    pub fn flat(&self) -> FlatSpans {
        self.0.flat()
    }

    /// The encoded `ExportTraceServiceRequest`.
    pub fn otlp(&self) -> Vec<u8> {
        self.0.otlp()
    }

    /// The spans in the guest's own memory, not decoded: rows and columns of them cost no call of the host.
    pub fn decode(&self) -> Result<wire::SpanBatch, wire::WireError> {
        wire::SpanBatch::decode(self.otlp().into())
    }

    /// Puts an encoded `ExportTraceServiceRequest` in the place of all spans.
    pub fn replace(&mut self, otlp: &[u8]) -> Result<(), EditError> {
        self.0.replace(otlp)
    }
}

/// Edits of all spans at once.
impl SpanBatch {
    /// Keeps the spans whose entry is true. The others count as dropped, by `filtered`.
    pub fn retain(&mut self, keep: &[bool]) -> Result<(), EditError> {
        self.0.retain(keep)
    }

    /// Sets the text attribute `key` of the column's rows; the others keep what they have.
    pub fn set_text(&mut self, key: &str, column: &TextColumn) -> Result<(), EditError> {
        if column.is_empty() { Ok(()) } else { self.0.set_text_column(key, column) }
    }

    /// Sets the number or bool attribute `key` of the column's rows.
    pub fn set_numbers(&mut self, key: &str, column: &NumberColumn) -> Result<(), EditError> {
        if column.is_empty() { Ok(()) } else { self.0.set_number_column(key, column) }
    }

    /// Sets the names of the column's rows.
    pub fn set_names(&mut self, column: &TextColumn) -> Result<(), EditError> {
        if column.is_empty() { Ok(()) } else { self.0.set_names(column) }
    }

    /// Puts the value in the place of the attribute `key` of the spans that have it, of whatever type it is there.
    pub fn replace_all(&mut self, key: &str, value: impl Into<Value>) -> Result<(), EditError> {
        self.0.replace_all(key, &value.into())
    }

    /// Removes the attribute `key` of all spans.
    pub fn remove_all(&mut self, key: &str) -> Result<(), EditError> {
        self.0.remove_all(key)
    }

    /// Renames the attribute `key` of all spans. An attribute that has the new key already goes.
    pub fn rename_all(&mut self, key: &str, to: &str) -> Result<(), EditError> {
        self.0.rename_all(key, to)
    }
}

/// One span at a time: a call of the host each.
impl SpanBatch {
    pub fn span(&self, row: u32) -> Option<Span> {
        self.0.span(row)
    }

    pub fn get(&self, row: u32, key: &str) -> Option<Value> {
        self.0.get(row, key)
    }

    /// Sets one attribute of one span, in the place of all of that key.
    pub fn set(&mut self, row: u32, key: &str, value: impl Into<Value>) -> Result<(), EditError> {
        self.0.set(row, key, &value.into())
    }

    pub fn remove(&mut self, row: u32, key: &str) -> Result<(), EditError> {
        self.0.remove(row, key)
    }

    pub fn set_name(&mut self, row: u32, name: &str) -> Result<(), EditError> {
        self.0.set_name(row, name)
    }

    pub fn set_status(&mut self, row: u32, code: StatusCode, message: &str) -> Result<(), EditError> {
        self.0.set_status(row, &Status { code, message: message.to_owned() })
    }
}

/// Batches as wholes: no span is copied.
impl SpanBatch {
    /// Keeps the first `count` spans and returns the rest.
    #[must_use]
    pub fn split_off(&mut self, count: u32) -> SpanBatch {
        SpanBatch(self.0.split_off(count))
    }

    /// Each span in the part that its entry names; parts are numbered from 0, no more than 1024.
    pub fn partition(self, parts: &[u32]) -> Result<Vec<SpanBatch>, EditError> {
        Ok(self.0.partition(parts)?.into_iter().map(SpanBatch).collect())
    }

    /// Adds the spans of another batch after these.
    pub fn merge(&mut self, other: SpanBatch) {
        self.0.merge(other.0);
    }
}

impl SpanKind {
    pub(crate) fn from_number(number: u8) -> SpanKind {
        match number {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        }
    }
}

impl StatusCode {
    pub(crate) fn from_number(number: u8) -> StatusCode {
        match number {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        }
    }
}
