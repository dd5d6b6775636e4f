//! Reads every field of every span without copies and without calls to the host.

mod attributes;

use std::ops::Range;

use crate::bindings::spanloom::plugin::spans;
use crate::{SpanKind, StatusCode};

pub use attributes::Attributes;
pub use spans::FlatSpans;

/// One span in the packed lists.
#[derive(Clone, Copy, Debug)]
pub struct FlatSpan<'a> {
    flat: &'a FlatSpans,
    row: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct FlatEvent<'a> {
    flat: &'a FlatSpans,
    row: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct FlatLink<'a> {
    flat: &'a FlatSpans,
    row: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct FlatScope<'a> {
    flat: &'a FlatSpans,
    row: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct FlatResource<'a> {
    flat: &'a FlatSpans,
    row: usize,
}

impl FlatSpans {
    pub fn spans(&self) -> impl ExactSizeIterator<Item = FlatSpan<'_>> {
        (0..self.names.len()).map(|row| FlatSpan { flat: self, row })
    }

    pub fn resources(&self) -> impl ExactSizeIterator<Item = FlatResource<'_>> {
        (0..self.resource_table.schema_urls.len()).map(|row| FlatResource { flat: self, row })
    }

    pub fn scopes(&self) -> impl ExactSizeIterator<Item = FlatScope<'_>> {
        (0..self.scope_table.names.len()).map(|row| FlatScope { flat: self, row })
    }

    /// Returns the text with this number, or an empty text if there is none.
    #[inline]
    pub fn text(&self, number: u32) -> &str {
        let range = entries(&self.ends, number as usize);
        self.arena.get(range).unwrap_or_default()
    }

    #[inline]
    fn text_at(&self, numbers: &[u32], row: usize) -> &str {
        self.text(at(numbers, row))
    }
}

impl<'a> FlatSpan<'a> {
    /// Returns the trace id; all zeros if the sender's id was not 16 bytes.
    #[inline]
    pub fn trace_id(&self) -> &'a [u8; 16] {
        id(&self.flat.trace_ids, self.row)
    }

    /// Returns the span id; all zeros if the sender's id was not 8 bytes.
    #[inline]
    pub fn span_id(&self) -> &'a [u8; 8] {
        id(&self.flat.span_ids, self.row)
    }

    /// Returns the id of the parent span, or `None` for a root.
    #[inline]
    pub fn parent_span_id(&self) -> Option<&'a [u8; 8]> {
        Some(id(&self.flat.parent_span_ids, self.row)).filter(|id| **id != [0; 8])
    }

    #[inline]
    pub fn name(&self) -> &'a str {
        self.flat.text_at(&self.flat.names, self.row)
    }

    #[inline]
    pub fn kind(&self) -> SpanKind {
        SpanKind::from_number(at(&self.flat.kinds, self.row))
    }

    /// Returns the start time, in nanoseconds since 1970.
    #[inline]
    pub fn start_time_unix_nano(&self) -> u64 {
        at(&self.flat.start_times_unix_nano, self.row)
    }

    /// Returns the end time, in nanoseconds since 1970.
    #[inline]
    pub fn end_time_unix_nano(&self) -> u64 {
        at(&self.flat.end_times_unix_nano, self.row)
    }

    /// Returns end minus start in nanoseconds, or 0 if the span ends before it starts.
    pub fn duration_nano(&self) -> u64 {
        self.end_time_unix_nano().saturating_sub(self.start_time_unix_nano())
    }

    #[inline]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_number(at(&self.flat.status_codes, self.row))
    }

    #[inline]
    pub fn status_message(&self) -> &'a str {
        self.flat.text_at(&self.flat.status_messages, self.row)
    }

    pub fn trace_state(&self) -> &'a str {
        self.flat.text_at(&self.flat.trace_states, self.row)
    }

    /// Returns the flags. The low 8 bits are the W3C trace flags.
    pub fn flags(&self) -> u32 {
        at(&self.flat.flags, self.row)
    }

    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.flat, &self.flat.attributes, entries(&self.flat.attribute_ends, self.row))
    }

    #[inline]
    pub fn events(&self) -> impl ExactSizeIterator<Item = FlatEvent<'a>> + use<'a> {
        let flat = self.flat;
        entries(&flat.event_ends, self.row).map(move |row| FlatEvent { flat, row })
    }

    #[inline]
    pub fn links(&self) -> impl ExactSizeIterator<Item = FlatLink<'a>> + use<'a> {
        let flat = self.flat;
        entries(&flat.link_ends, self.row).map(move |row| FlatLink { flat, row })
    }

    #[inline]
    pub fn scope(&self) -> FlatScope<'a> {
        FlatScope { flat: self.flat, row: at(&self.flat.scopes, self.row) as usize }
    }

    #[inline]
    pub fn resource(&self) -> FlatResource<'a> {
        self.scope().resource()
    }
}

impl<'a> FlatEvent<'a> {
    /// Returns the time, in nanoseconds since 1970.
    #[inline]
    pub fn time_unix_nano(&self) -> u64 {
        at(&self.flat.events.times_unix_nano, self.row)
    }

    #[inline]
    pub fn name(&self) -> &'a str {
        self.flat.text_at(&self.flat.events.names, self.row)
    }

    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        let events = &self.flat.events;
        Attributes::new(self.flat, &events.attributes, entries(&events.attribute_ends, self.row))
    }
}

impl<'a> FlatLink<'a> {
    #[inline]
    pub fn trace_id(&self) -> &'a [u8; 16] {
        id(&self.flat.links.trace_ids, self.row)
    }

    #[inline]
    pub fn span_id(&self) -> &'a [u8; 8] {
        id(&self.flat.links.span_ids, self.row)
    }

    pub fn trace_state(&self) -> &'a str {
        self.flat.text_at(&self.flat.links.trace_states, self.row)
    }

    pub fn flags(&self) -> u32 {
        at(&self.flat.links.flags, self.row)
    }

    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        let links = &self.flat.links;
        Attributes::new(self.flat, &links.attributes, entries(&links.attribute_ends, self.row))
    }
}

impl<'a> FlatScope<'a> {
    /// Returns the index of the scope in the batch.
    #[inline]
    pub fn number(&self) -> usize {
        self.row
    }

    #[inline]
    pub fn name(&self) -> &'a str {
        self.flat.text_at(&self.flat.scope_table.names, self.row)
    }

    pub fn version(&self) -> &'a str {
        self.flat.text_at(&self.flat.scope_table.versions, self.row)
    }

    pub fn schema_url(&self) -> &'a str {
        self.flat.text_at(&self.flat.scope_table.schema_urls, self.row)
    }

    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        let scopes = &self.flat.scope_table;
        Attributes::new(self.flat, &scopes.attributes, entries(&scopes.attribute_ends, self.row))
    }

    #[inline]
    pub fn resource(&self) -> FlatResource<'a> {
        FlatResource { flat: self.flat, row: at(&self.flat.scope_table.resources, self.row) as usize }
    }
}

impl<'a> FlatResource<'a> {
    /// Returns the index of the resource in the batch.
    #[inline]
    pub fn number(&self) -> usize {
        self.row
    }

    pub fn schema_url(&self) -> &'a str {
        self.flat.text_at(&self.flat.resource_table.schema_urls, self.row)
    }

    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        let resources = &self.flat.resource_table;
        Attributes::new(self.flat, &resources.attributes, entries(&resources.attribute_ends, self.row))
    }
}

/// Returns the range of a row's entries.
#[inline]
fn entries(ends: &[u32], row: usize) -> Range<usize> {
    let start = row.checked_sub(1).map_or(0, |before| at(ends, before));
    start as usize..at(ends, row) as usize
}

#[inline]
fn at<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}

#[inline]
fn id<const N: usize>(ids: &[u8], row: usize) -> &[u8; N] {
    ids.as_chunks().0.get(row).unwrap_or(&[0; N])
}
