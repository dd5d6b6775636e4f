//! Reads a field or an attribute of all spans at once.

use super::fields::{ATTRIBUTES, SpanFields, TRACE_STATE};
use super::{Span, SpanBatch, rows};
use crate::column::{NumberColumn, NumberKind, TextColumn, present};
use crate::encode::bytes_at;
use crate::fields::Occurrences;
use crate::layout::payload;
use crate::value::{KeyValue, first_of_key, last_field, text};
use crate::view::View;
use crate::{Resource, Scope, Value};

/// Fields of fixed size, with one value per span.
impl SpanBatch {
    /// Returns the trace ids. An id that was not sent as 16 bytes is all zeros.
    pub fn trace_ids(&self) -> &[[u8; 16]] {
        &self.fields().trace_ids
    }

    /// Returns the span ids. An id that was not sent as 8 bytes is all zeros.
    pub fn span_ids(&self) -> &[[u8; 8]] {
        &self.fields().span_ids
    }

    /// Returns the parent span ids. The id is all zeros for a root span.
    pub fn parent_span_ids(&self) -> &[[u8; 8]] {
        &self.fields().parent_span_ids
    }

    /// Returns each `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kinds(&self) -> &[i32] {
        &self.fields().kinds
    }

    /// Returns the start times, in nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> &[u64] {
        &self.fields().start_times
    }

    /// Returns the end times, in nanoseconds since 1970.
    pub fn end_times_unix_nano(&self) -> &[u64] {
        &self.fields().end_times
    }

    /// Returns the durations, in nanoseconds. The duration is 0 if a span ends before it starts.
    pub fn durations_nano(&self) -> Vec<u64> {
        let times = self.fields().start_times.iter().zip(&self.fields().end_times);
        times.map(|(start, end)| end.saturating_sub(*start)).collect()
    }

    /// Returns each `StatusCode`: 0 unset, 1 ok, 2 error.
    pub fn status_codes(&self) -> &[i32] {
        &self.fields().statuses
    }

    pub fn flags(&self) -> &[u32] {
        &self.fields().flags
    }

    pub(super) fn fields(&self) -> &SpanFields {
        &self.0.view().columns
    }
}

/// Names and attributes.
impl SpanBatch {
    /// Returns the name of every span.
    pub fn names(&self) -> TextColumn {
        let view = self.0.view();
        TextColumn::collect((0..view.records.len()).map(|row| (row, view.name_bytes(row))))
    }

    /// Returns the W3C trace state of each span that has one.
    pub fn trace_states(&self) -> TextColumn {
        let view = self.0.view();
        if !view.columns.any_trace_state {
            return TextColumn::default();
        }
        let state = |row| last_field(view.record(row), TRACE_STATE).map(|field| field.value);
        TextColumn::collect(
            present((0..view.records.len()).map(state)).filter(|(_, state)| !state.is_empty()),
        )
    }

    /// Returns the text of each span that has an attribute `key` of type string.
    pub fn text(&self, key: &str) -> TextColumn {
        let view = self.0.view();
        let text = |row| view.entry(row, key).and_then(KeyValue::text);
        TextColumn::collect(present((0..view.records.len()).map(text)))
    }

    /// Does the same as `text`, with one entry per span.
    pub fn texts(&self, key: &str) -> impl Iterator<Item = Option<&str>> {
        self.values(key).map(|value| value.and_then(Value::as_text))
    }

    /// Iterates over the first attribute with that key, with one entry per span.
    pub fn values(&self, key: &str) -> impl Iterator<Item = Option<Value<'_>>> {
        let view = self.0.view();
        (0..view.records.len()).map(move |row| view.value(row, key))
    }

    /// Returns the number of each span that has an attribute `key` of type int, double or bool.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        number_column(self.values(key))
    }
}

/// All resources and scopes that arrived with the batch, including those whose spans were removed.
impl SpanBatch {
    pub fn resource_count(&self) -> usize {
        self.0.view().layout.resources.len()
    }

    /// Returns the index of each span's resource.
    pub fn resources_of_spans(&self) -> Vec<u32> {
        let view = self.0.view();
        (0..view.records.len()).map(|row| view.resource_of(row) as u32).collect()
    }

    /// Returns the text of each resource that has an attribute `key` of type string. Rows are resources.
    pub fn resource_text(&self, key: &str) -> TextColumn {
        TextColumn::of(self.resource_values(key).map(|value| value?.as_text()))
    }

    /// Returns the number of each resource that has an attribute `key` of type int, double or bool. Rows are
    /// resources.
    pub fn resource_numbers(&self, key: &str) -> NumberColumn {
        number_column(self.resource_values(key))
    }

    pub fn resource(&self, resource: usize) -> Option<Resource<'_>> {
        (resource < self.resource_count()).then(|| rows::resource(self.0.view(), resource))
    }

    pub fn scope_count(&self) -> usize {
        self.0.view().layout.scopes.len()
    }

    pub fn scope(&self, scope: usize) -> Option<Scope<'_>> {
        (scope < self.scope_count()).then(|| rows::scope(self.0.view(), scope))
    }

    /// Iterates over the first attribute with that key, with one entry per resource.
    pub fn resource_values(&self, key: &str) -> impl Iterator<Item = Option<Value<'_>>> {
        let view = self.0.view();
        (0..view.layout.resources.len()).map(move |resource| rows::resource(view, resource).attribute(key))
    }
}

/// Reads one span at a time.
impl SpanBatch {
    pub fn span(&self, row: usize) -> Option<Span<'_>> {
        Span::new(self.0.view(), row)
    }

    pub fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        let view = self.0.view();
        (0..view.records.len()).filter_map(|row| Span::new(view, row))
    }

    /// Returns the first attribute of the span with that key.
    pub fn attribute(&self, row: usize, key: &str) -> Option<Value<'_>> {
        self.span(row)?.attribute(key)
    }
}

impl View<SpanFields> {
    pub(super) fn name(&self, row: usize) -> &str {
        text(self.name_bytes(row))
    }

    fn name_bytes(&self, row: usize) -> &[u8] {
        self.columns.offsets.get(row).map_or(&[], |offsets| offsets.name(self.record(row)))
    }

    /// Returns the first attribute of the span with that key.
    pub(super) fn value(&self, row: usize, key: &str) -> Option<Value<'_>> {
        self.entry(row, key).map(KeyValue::value)
    }

    /// Does the same as `value`, and returns the encoded `KeyValue`.
    #[inline]
    fn entry(&self, row: usize, key: &str) -> Option<&[u8]> {
        let span = payload(bytes_at(&self.sources, self.records.get(row)?.place)?);
        let start = self.columns.attributes_start(row);
        first_of_key(Occurrences::since(start, span, ATTRIBUTES), key)
    }
}

fn number_column<'a>(values: impl Iterator<Item = Option<Value<'a>>>) -> NumberColumn {
    NumberColumn::collect(present(values.map(|value| NumberKind::of(value?))))
}
