//! Reading: a field or an attribute of all spans at once.

use super::fields::{ATTRIBUTES, SpanFields, TRACE_STATE};
use super::{Span, SpanBatch, rows};
use crate::column::{NumberColumn, NumberKind, TextColumn, present};
use crate::encode::bytes_at;
use crate::fields::Occurrences;
use crate::layout::payload;
use crate::value::{KeyValue, first_of_key, last_field, text};
use crate::view::View;
use crate::{Resource, Scope, Value};

/// Fields of fixed size: one value a span.
impl SpanBatch {
    /// All zeros where the sender's id was not 16 bytes.
    pub fn trace_ids(&self) -> &[[u8; 16]] {
        &self.fields().trace_ids
    }

    /// All zeros where the sender's id was not 8 bytes.
    pub fn span_ids(&self) -> &[[u8; 8]] {
        &self.fields().span_ids
    }

    /// All zeros for a root span.
    pub fn parent_span_ids(&self) -> &[[u8; 8]] {
        &self.fields().parent_span_ids
    }

    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kinds(&self) -> &[i32] {
        &self.fields().kinds
    }

    /// Nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> &[u64] {
        &self.fields().start_times
    }

    /// Nanoseconds since 1970.
    pub fn end_times_unix_nano(&self) -> &[u64] {
        &self.fields().end_times
    }

    /// Nanoseconds; 0 where a span ends before it starts.
    pub fn durations_nano(&self) -> Vec<u64> {
        let times = self.fields().start_times.iter().zip(&self.fields().end_times);
        times.map(|(start, end)| end.saturating_sub(*start)).collect()
    }

    /// `StatusCode`: 0 unset, 1 ok, 2 error.
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
    /// Of every span.
    pub fn names(&self) -> TextColumn {
        let view = self.0.view();
        TextColumn::collect((0..view.records.len()).map(|row| (row, view.name_bytes(row))))
    }

    /// The W3C trace state of each span that has one.
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

    /// The text of each span that has an attribute `key` of type string.
    pub fn text(&self, key: &str) -> TextColumn {
        let view = self.0.view();
        let text = |row| view.entry(row, key).and_then(KeyValue::text);
        TextColumn::collect(present((0..view.records.len()).map(text)))
    }

    /// As `text`, an entry a span.
    pub fn texts(&self, key: &str) -> impl Iterator<Item = Option<&str>> {
        self.values(key).map(|value| value.and_then(Value::as_text))
    }

    /// The first attribute of that key, an entry a span.
    pub fn values(&self, key: &str) -> impl Iterator<Item = Option<Value<'_>>> {
        let view = self.0.view();
        (0..view.records.len()).map(move |row| view.value(row, key))
    }

    /// The number of each span that has an attribute `key` of type int, double or bool.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        number_column(self.values(key))
    }
}

/// Resources and scopes: all that arrived with the batch, also those whose spans are gone.
impl SpanBatch {
    pub fn resource_count(&self) -> usize {
        self.0.view().layout.resources.len()
    }

    /// The number of each span's resource.
    pub fn resources_of_spans(&self) -> Vec<u32> {
        let view = self.0.view();
        (0..view.records.len()).map(|row| view.resource_of(row) as u32).collect()
    }

    /// The text of each resource that has an attribute `key` of type string; rows are resources.
    pub fn resource_text(&self, key: &str) -> TextColumn {
        TextColumn::of(self.resource_values(key).map(|value| value?.as_text()))
    }

    /// The number of each resource that has an attribute `key` of type int, double or bool; rows are resources.
    pub fn resource_numbers(&self, key: &str) -> NumberColumn {
        number_column(self.resource_values(key))
    }

    pub fn resource(&self, resource: usize) -> Option<Resource<'_>> {
        (resource < self.resource_count()).then(|| rows::resource(self.0.view(), resource))
    }

    pub fn scope_count(&self) -> usize {
        self.0.view().layout.scopes.len()
    }

    /// The number of each span's scope.
    pub fn scopes_of_spans(&self) -> impl Iterator<Item = u32> {
        self.0.view().records.iter().map(|record| record.scope)
    }

    pub fn scope(&self, scope: usize) -> Option<Scope<'_>> {
        (scope < self.scope_count()).then(|| rows::scope(self.0.view(), scope))
    }

    /// The first attribute of that key, an entry a resource.
    pub fn resource_values(&self, key: &str) -> impl Iterator<Item = Option<Value<'_>>> {
        let view = self.0.view();
        (0..view.layout.resources.len()).map(move |resource| rows::resource(view, resource).attribute(key))
    }
}

/// One span at a time.
impl SpanBatch {
    pub fn span(&self, row: usize) -> Option<Span<'_>> {
        Span::new(self.0.view(), row)
    }

    pub fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        let view = self.0.view();
        (0..view.records.len()).filter_map(|row| Span::new(view, row))
    }

    /// The first attribute of that key of one span.
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

    /// The first attribute of that key of one span.
    pub(super) fn value(&self, row: usize, key: &str) -> Option<Value<'_>> {
        self.entry(row, key).map(KeyValue::value)
    }

    /// The same, encoded.
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
