//! Fills the packed lists in one walk over every span's bytes. Fields that are in the index are taken from
//! the index.

use super::pool::Pool;
use super::{FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans};
use crate::encode::bytes_at;
use crate::fields::Fields;
use crate::layout::payload;
use crate::span_batch::SpanBatch;
use crate::span_batch::fields::{
    ATTRIBUTES, EVENTS, LINKS, STATUS, STATUS_MESSAGE, SpanFields, TRACE_STATE, id,
};
use crate::value::{fields_of, last_field};
use crate::view::View;

/// How many bytes an attribute usually takes on the wire, with its key and value. Used to allocate ahead.
const ATTRIBUTE_BYTES: usize = 32;

impl SpanBatch {
    /// Returns every field of every span.
    pub fn flat(&self) -> FlatSpans {
        self.0.view().flat()
    }
}

impl View<SpanFields> {
    fn flat(&self) -> FlatSpans {
        let spans = self.records.len();
        let encoded_bytes: usize = self.records.iter().map(|record| record.place.len()).sum();
        let attributes = encoded_bytes / ATTRIBUTE_BYTES;
        let mut pool = Pool::with_capacity(spans + attributes, encoded_bytes / 2);
        let mut flat = self.flat_columns();
        flat.attributes = FlatAttributes::with_capacity(attributes);
        for (record, offsets) in self.records.iter().zip(&self.columns.offsets) {
            let span = payload(bytes_at(&self.sources, record.place).unwrap_or_default());
            flat.names.push(pool.text(offsets.name(span)));
            flat.scopes.push(record.scope);
            flat.push_rest(&mut pool, span);
        }
        flat.scope_table = self.flat_scopes(&mut pool);
        flat.resource_table = self.flat_resources(&mut pool);
        (flat.arena, flat.ends, flat.bytes) = pool.finish();
        flat
    }

    /// Returns the fields of fixed size, with capacity for the rows of the others.
    fn flat_columns(&self) -> FlatSpans {
        let columns = &self.columns;
        let room = || Vec::with_capacity(self.records.len());
        FlatSpans {
            trace_ids: columns.trace_ids.as_flattened().to_vec(),
            span_ids: columns.span_ids.as_flattened().to_vec(),
            parent_span_ids: columns.parent_span_ids.as_flattened().to_vec(),
            start_times_unix_nano: columns.start_times.clone(),
            end_times_unix_nano: columns.end_times.clone(),
            kinds: columns.kinds.iter().map(|kind| enum_byte(*kind, 5)).collect(),
            status_codes: columns.statuses.iter().map(|code| enum_byte(*code, 2)).collect(),
            flags: columns.flags.clone(),
            names: room(),
            status_messages: room(),
            trace_states: room(),
            scopes: room(),
            attribute_ends: room(),
            event_ends: room(),
            link_ends: room(),
            ..FlatSpans::default()
        }
    }

    fn flat_scopes<'a>(&'a self, pool: &mut Pool<'a>) -> FlatScopes {
        let mut table = FlatScopes::default();
        for (scope, envelope) in self.layout.scopes.iter().enumerate() {
            let (parts, schema_url) = self.scope_parts(scope);
            let last = |number| fields_of(parts.clone(), number).last().unwrap_or_default();
            table.resources.push(envelope.parent);
            table.names.push(pool.text(last(1)));
            table.versions.push(pool.text(last(2)));
            table.schema_urls.push(pool.text(schema_url.as_bytes()));
            for entry in fields_of(parts.clone(), 3) {
                pool.attribute(&mut table.attributes, entry);
            }
            table.attribute_ends.push(table.attributes.end());
        }
        table
    }

    fn flat_resources<'a>(&'a self, pool: &mut Pool<'a>) -> FlatResources {
        let mut table = FlatResources::default();
        for resource in 0..self.layout.resources.len() {
            let (parts, schema_url) = self.resource_parts(resource);
            table.schema_urls.push(pool.text(schema_url.as_bytes()));
            for entry in fields_of(parts, 1) {
                pool.attribute(&mut table.attributes, entry);
            }
            table.attribute_ends.push(table.attributes.end());
        }
        table
    }
}

impl FlatSpans {
    /// Adds the fields of one span that are not in the index.
    fn push_rest<'a>(&mut self, pool: &mut Pool<'a>, span: &'a [u8]) {
        let (mut trace_state, mut status_message): (&[u8], &[u8]) = (&[], &[]);
        for field in Fields::of(span) {
            match field.number {
                ATTRIBUTES => pool.attribute(&mut self.attributes, field.value),
                TRACE_STATE => trace_state = field.value,
                EVENTS => self.events.push(pool, field.value),
                LINKS => self.links.push(pool, field.value),
                // Two statuses merge.
                STATUS => {
                    if let Some(message) = last_field(field.value, STATUS_MESSAGE) {
                        status_message = message.value;
                    }
                }
                _ => {}
            }
        }
        self.trace_states.push(pool.text(trace_state));
        self.status_messages.push(pool.text(status_message));
        self.attribute_ends.push(self.attributes.end());
        self.event_ends.push(self.events.names.len() as u32);
        self.link_ends.push(self.links.flags.len() as u32);
    }
}

impl FlatEvents {
    fn push<'a>(&mut self, pool: &mut Pool<'a>, event: &'a [u8]) {
        let (mut time, mut name): (u64, &[u8]) = (0, &[]);
        for field in Fields::of(event) {
            match field.number {
                1 => time = field.fixed64(),
                2 => name = field.value,
                3 => pool.attribute(&mut self.attributes, field.value),
                _ => {}
            }
        }
        self.times_unix_nano.push(time);
        self.names.push(pool.text(name));
        self.attribute_ends.push(self.attributes.end());
    }
}

impl FlatLinks {
    fn push<'a>(&mut self, pool: &mut Pool<'a>, link: &'a [u8]) {
        let (mut trace_id, mut span_id, mut flags) = ([0; 16], [0; 8], 0);
        let mut trace_state: &[u8] = &[];
        for field in Fields::of(link) {
            match field.number {
                1 => trace_id = id(&field),
                2 => span_id = id(&field),
                3 => trace_state = field.value,
                4 => pool.attribute(&mut self.attributes, field.value),
                6 => flags = field.fixed32(),
                _ => {}
            }
        }
        self.trace_ids.extend(trace_id);
        self.span_ids.extend(span_id);
        self.trace_states.push(pool.text(trace_state));
        self.flags.push(flags);
        self.attribute_ends.push(self.attributes.end());
    }
}

/// Returns the number of an enum's case, or 0 if the number is above `last`.
fn enum_byte(number: i32, last: u8) -> u8 {
    u8::try_from(number).ok().filter(|number| *number <= last).unwrap_or(0)
}
