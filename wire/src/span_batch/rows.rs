//! Reads one span at a time, for code that needs all of a span or fields that have no columns.

use super::fields::{
    ATTRIBUTES, EVENTS, LINKS, PARENT_SPAN_ID, SPAN_ID, STATUS, STATUS_MESSAGE, SpanFields, TRACE_ID,
    TRACE_STATE,
};
use crate::Value;
use crate::envelope::{Resource, Scope};
use crate::fields::Fields;
use crate::value::{attribute, attributes, fields_in, last_field, text};
use crate::view::View;

/// One span of a batch.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    view: &'a View<SpanFields>,
    row: usize,
    bytes: &'a [u8],
}

#[derive(Clone, Copy)]
pub struct Event<'a> {
    bytes: &'a [u8],
}

#[derive(Clone, Copy)]
pub struct Link<'a> {
    bytes: &'a [u8],
}

impl<'a> Span<'a> {
    pub(super) fn new(view: &'a View<SpanFields>, row: usize) -> Option<Span<'a>> {
        (row < view.records.len()).then(|| Span { view, row, bytes: view.record(row) })
    }

    /// Returns 16 bytes. If the sender sent a wrong length, the bytes are as sent.
    pub fn trace_id(&self) -> &'a [u8] {
        last(self.bytes, TRACE_ID)
    }

    /// Returns 8 bytes. If the sender sent a wrong length, the bytes are as sent.
    pub fn span_id(&self) -> &'a [u8] {
        last(self.bytes, SPAN_ID)
    }

    /// Returns 8 bytes, or none for a root span.
    pub fn parent_span_id(&self) -> &'a [u8] {
        last(self.bytes, PARENT_SPAN_ID)
    }

    /// Returns the W3C trace state as sent.
    pub fn trace_state(&self) -> &'a str {
        text(last(self.bytes, TRACE_STATE))
    }

    pub fn name(&self) -> &'a str {
        self.view.name(self.row)
    }

    /// Returns the `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub fn kind(&self) -> i32 {
        self.fixed(|fields| &fields.kinds)
    }

    /// Returns the start time, in nanoseconds since 1970.
    pub fn start_time_unix_nano(&self) -> u64 {
        self.fixed(|fields| &fields.start_times)
    }

    /// Returns the end time, in nanoseconds since 1970.
    pub fn end_time_unix_nano(&self) -> u64 {
        self.fixed(|fields| &fields.end_times)
    }

    /// Returns the `StatusCode`: 0 unset, 1 ok, 2 error.
    pub fn status_code(&self) -> i32 {
        self.fixed(|fields| &fields.statuses)
    }

    pub fn status_message(&self) -> &'a str {
        let statuses = Fields::of(self.bytes).filter_map(|field| field.delimited(STATUS));
        let messages = statuses.flat_map(Fields::of).filter_map(|field| field.delimited(STATUS_MESSAGE));
        text(messages.last().unwrap_or_default())
    }

    pub fn flags(&self) -> u32 {
        self.fixed(|fields| &fields.flags)
    }

    pub fn dropped_attributes_count(&self) -> u32 {
        last_u32(self.bytes, 10)
    }

    pub fn dropped_events_count(&self) -> u32 {
        last_u32(self.bytes, 12)
    }

    pub fn dropped_links_count(&self) -> u32 {
        last_u32(self.bytes, 14)
    }

    /// Returns the first attribute with that key.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        attribute(self.bytes, ATTRIBUTES, key)
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        attributes(self.bytes, ATTRIBUTES)
    }

    pub fn events(&self) -> impl Iterator<Item = Event<'a>> + use<'a> {
        fields_in(self.bytes, EVENTS).map(|bytes| Event { bytes })
    }

    pub fn links(&self) -> impl Iterator<Item = Link<'a>> + use<'a> {
        fields_in(self.bytes, LINKS).map(|bytes| Link { bytes })
    }

    pub fn resource(&self) -> Resource<'a> {
        resource(self.view, self.resource_number())
    }

    /// Returns the index of the span's resource in the batch.
    pub fn resource_number(&self) -> usize {
        self.view.resource_of(self.row)
    }

    pub fn scope(&self) -> Scope<'a> {
        scope(self.view, self.scope_number())
    }

    /// Returns the index of the span's scope in the batch.
    pub fn scope_number(&self) -> usize {
        self.view.records.get(self.row).map_or(usize::MAX, |record| record.scope as usize)
    }

    /// Returns the encoded `Span`.
    pub fn encoded(&self) -> &'a [u8] {
        self.bytes
    }

    fn fixed<T: Copy + Default + 'a>(&self, column: impl Fn(&'a SpanFields) -> &'a Vec<T>) -> T {
        column(&self.view.columns).get(self.row).copied().unwrap_or_default()
    }
}

impl<'a> Event<'a> {
    /// Returns the time, in nanoseconds since 1970.
    pub fn time_unix_nano(&self) -> u64 {
        last_field(self.bytes, 1).map_or(0, |field| field.fixed64())
    }

    pub fn name(&self) -> &'a str {
        text(last(self.bytes, 2))
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        attributes(self.bytes, 3)
    }

    /// Returns the first attribute with that key.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        attribute(self.bytes, 3, key)
    }

    pub fn dropped_attributes_count(&self) -> u32 {
        last_u32(self.bytes, 4)
    }
}

impl<'a> Link<'a> {
    /// Returns 16 bytes. If the sender sent a wrong length, the bytes are as sent.
    pub fn trace_id(&self) -> &'a [u8] {
        last(self.bytes, 1)
    }

    /// Returns 8 bytes. If the sender sent a wrong length, the bytes are as sent.
    pub fn span_id(&self) -> &'a [u8] {
        last(self.bytes, 2)
    }

    pub fn trace_state(&self) -> &'a str {
        text(last(self.bytes, 3))
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        attributes(self.bytes, 4)
    }

    pub fn dropped_attributes_count(&self) -> u32 {
        last_u32(self.bytes, 5)
    }

    pub fn flags(&self) -> u32 {
        last_field(self.bytes, 6).map_or(0, |field| field.fixed32())
    }
}

pub(super) fn resource(view: &View<SpanFields>, number: usize) -> Resource<'_> {
    let (parts, schema_url) = view.resource_parts(number);
    Resource::new(parts, schema_url)
}

pub(super) fn scope(view: &View<SpanFields>, number: usize) -> Scope<'_> {
    let (parts, schema_url) = view.scope_parts(number);
    Scope::new(parts, schema_url)
}

fn last(message: &[u8], number: u32) -> &[u8] {
    last_field(message, number).map_or(&[], |field| field.value)
}

fn last_u32(message: &[u8], number: u32) -> u32 {
    last_field(message, number).map_or(0, |field| field.varint() as u32)
}
