use crate::bindings::spanloom::plugin::spans::{
    FlatSpans, Span, SpanKind, SpanResource, SpanScope, Status, StatusCode,
};
use crate::{EditError, Ids, NumberColumn, TextColumn, Value, host};

/// Spans in the host's memory, in the bytes they arrived in.
///
/// Read whole columns ([`text`](SpanBatch::text), [`durations_nano`](SpanBatch::durations_nano)): a call to
/// the host costs the same for one span as for a thousand. Rows are numbered from 0, and an operation that
/// removes spans renumbers the rest. Every read sees all edits before it. Bytes that nobody edits leave as
/// they arrived.
#[derive(Debug)]
pub struct SpanBatch(pub(crate) host::spans::SpanBatch);

/// Columns of fixed width, with one entry per span.
impl SpanBatch {
    /// Makes a batch of new telemetry from an encoded `ExportTraceServiceRequest`, as a [`wire::RequestWriter`]
    /// writes it.
    pub fn from_otlp(otlp: &[u8]) -> Result<SpanBatch, EditError> {
        host::spans::SpanBatch::from_otlp(otlp).map(SpanBatch)
    }

    /// Returns the number of spans.
    pub fn len(&self) -> usize {
        self.0.len() as usize
    }

    /// Returns whether there are no spans.
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

    pub fn trace_ids(&self) -> Ids<16> {
        Ids(self.0.trace_ids())
    }

    pub fn span_ids(&self) -> Ids<8> {
        Ids(self.0.span_ids())
    }

    /// Returns the parent span ids. The id is all zeros for a root.
    pub fn parent_span_ids(&self) -> Ids<8> {
        Ids(self.0.parent_span_ids())
    }

    /// Returns the start times, in nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> Vec<u64> {
        self.0.start_times_unix_nano()
    }

    /// Returns the end times, in nanoseconds since 1970.
    pub fn end_times_unix_nano(&self) -> Vec<u64> {
        self.0.end_times_unix_nano()
    }

    /// Returns end minus start in nanoseconds, or 0 if a span ends before it starts.
    pub fn durations_nano(&self) -> Vec<u64> {
        self.0.durations_nano()
    }

    /// Returns the kinds. A kind that OTLP does not have is unspecified.
    pub fn kinds(&self) -> impl Iterator<Item = SpanKind> {
        self.kind_numbers().into_iter().map(SpanKind::from_number)
    }

    /// Returns the numbers of the kinds in OTLP, or 255 for a kind that OTLP does not have.
    pub fn kind_numbers(&self) -> Vec<u8> {
        self.0.kinds()
    }

    /// Returns the status codes. A code that OTLP does not have is unset.
    pub fn status_codes(&self) -> impl Iterator<Item = StatusCode> {
        self.status_numbers().into_iter().map(StatusCode::from_number)
    }

    /// Returns the numbers of the status codes in OTLP, or 255 for a code that OTLP does not have.
    pub fn status_numbers(&self) -> Vec<u8> {
        self.0.status_codes()
    }
}

/// Columns of variable width.
impl SpanBatch {
    /// Returns the names of all spans.
    pub fn names(&self) -> TextColumn {
        self.0.names()
    }

    /// Returns the W3C trace states of the spans that have one.
    pub fn trace_states(&self) -> TextColumn {
        self.0.trace_states()
    }

    /// Returns the text attribute `key` of the spans that have it.
    pub fn text(&self, key: &str) -> TextColumn {
        self.0.text_column(key)
    }

    /// Returns the number or bool attribute `key` of the spans that have it.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        self.0.number_column(key)
    }
}

/// All resources and scopes that arrived with the batch, including those whose spans were removed.
impl SpanBatch {
    /// Returns the number of resources.
    pub fn resource_count(&self) -> usize {
        self.0.resource_count() as usize
    }

    /// Returns the index of each span's resource.
    pub fn resources_of_spans(&self) -> Vec<u32> {
        self.0.resources_of_spans()
    }

    /// Returns the text attribute `key` of the resources that have it. Rows are resources.
    pub fn resource_text(&self, key: &str) -> TextColumn {
        self.0.resource_text_column(key)
    }

    /// Returns the number or bool attribute `key` of the resources that have it. Rows are resources.
    pub fn resource_numbers(&self, key: &str) -> NumberColumn {
        self.0.resource_number_column(key)
    }

    pub fn resource(&self, number: u32) -> Option<SpanResource> {
        self.0.resource(number)
    }

    pub fn scope(&self, number: u32) -> Option<SpanScope> {
        self.0.scope(number)
    }

    /// Returns one attribute of one resource.
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

/// The whole content of a batch.
impl SpanBatch {
    /// Returns every field of every span. An exporter reads this instead of calling the host for each field.
    pub fn flat(&self) -> FlatSpans {
        self.0.flat()
    }

    /// Returns the encoded `ExportTraceServiceRequest`.
    pub fn otlp(&self) -> Vec<u8> {
        self.0.otlp()
    }

    /// Returns the spans in the guest's own memory, in their encoded bytes. Reading their rows and columns
    /// takes no call to the host.
    pub fn decode(&self) -> Result<wire::SpanBatch, wire::WireError> {
        wire::SpanBatch::decode(self.otlp().into())
    }

    /// Replaces all spans with an encoded `ExportTraceServiceRequest`.
    pub fn replace(&mut self, otlp: &[u8]) -> Result<(), EditError> {
        self.0.replace(otlp)
    }
}

/// Edits of all spans at once.
impl SpanBatch {
    /// Keeps the spans whose entry is true. The others count as dropped with the reason `filtered`, or as sampled
    /// out after [`count_as_sampled_out`](SpanBatch::count_as_sampled_out).
    pub fn retain(&mut self, keep: &[bool]) -> Result<(), EditError> {
        self.0.retain(keep)
    }

    /// Sets the text attribute `key` of the column's rows. Other rows stay as they are.
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

    /// Sets the W3C trace states of the column's rows. An empty text removes the trace state.
    pub fn set_trace_states(&mut self, column: &TextColumn) -> Result<(), EditError> {
        if column.is_empty() { Ok(()) } else { self.0.set_trace_states(column) }
    }

    /// Sets the attribute `key` of the spans that have it, whatever its type.
    pub fn replace_all(&mut self, key: &str, value: impl Into<Value>) -> Result<(), EditError> {
        self.0.replace_all(key, &value.into())
    }

    /// Removes the attribute `key` from all spans.
    pub fn remove_all(&mut self, key: &str) -> Result<(), EditError> {
        self.0.remove_all(key)
    }

    /// Renames the attribute `key` of all spans. An existing attribute with the new key is removed.
    pub fn rename_all(&mut self, key: &str, to: &str) -> Result<(), EditError> {
        self.0.rename_all(key, to)
    }
}

/// One span at a time, with one call to the host each.
impl SpanBatch {
    pub fn span(&self, row: u32) -> Option<Span> {
        self.0.span(row)
    }

    pub fn get(&self, row: u32, key: &str) -> Option<Value> {
        self.0.get(row, key)
    }

    /// Sets one attribute of one span. The value replaces all attributes with that key.
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

/// Operations on whole batches, which copy no span.
impl SpanBatch {
    /// Makes what this call leaves out of the batch, or discards of it, count as sampled out, and not as dropped
    /// with the reason `filtered`.
    pub fn count_as_sampled_out(&mut self) {
        self.0.count_as_sampled_out();
    }

    /// Keeps the first `count` spans and returns the rest.
    #[must_use]
    pub fn split_off(&mut self, count: u32) -> SpanBatch {
        SpanBatch(self.0.split_off(count))
    }

    /// Puts each span into the part that its entry names. Parts are numbered from 0, and there are at most
    /// 1024.
    pub fn partition(self, parts: &[u32]) -> Result<Vec<SpanBatch>, EditError> {
        Ok(self.0.partition(parts)?.into_iter().map(SpanBatch).collect())
    }

    /// Adds the spans of another batch after these. The rows of these spans stay the same. The resources and
    /// scopes of both are renumbered, so do not use numbers that were read before.
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

impl From<SpanKind> for i32 {
    /// Returns the number of the kind in OTLP.
    fn from(kind: SpanKind) -> i32 {
        kind as i32
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

impl From<StatusCode> for i32 {
    /// Returns the number of the code in OTLP.
    fn from(code: StatusCode) -> i32 {
        code as i32
    }
}
