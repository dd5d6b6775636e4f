//! The fields of fixed size, one list a field: read once, when the batch is first looked into.

use crate::fields::{Field, Fields};
use crate::patch::Patch;
use crate::view::{Columns, View};

pub(super) const TRACE_ID: u32 = 1;
pub(super) const SPAN_ID: u32 = 2;
pub(super) const TRACE_STATE: u32 = 3;
pub(super) const PARENT_SPAN_ID: u32 = 4;
pub(super) const NAME: u32 = 5;
const KIND: u32 = 6;
const START_TIME: u32 = 7;
const END_TIME: u32 = 8;
pub(super) const ATTRIBUTES: u32 = 9;
pub(super) const EVENTS: u32 = 11;
pub(super) const LINKS: u32 = 13;
pub(super) const STATUS: u32 = 15;
const FLAGS: u32 = 16;
pub(super) const STATUS_MESSAGE: u32 = 2;
pub(super) const STATUS_CODE: u32 = 3;

#[derive(Clone, Default)]
pub(crate) struct SpanFields {
    pub(super) trace_ids: Vec<[u8; 16]>,
    pub(super) span_ids: Vec<[u8; 8]>,
    pub(super) parent_span_ids: Vec<[u8; 8]>,
    pub(super) kinds: Vec<i32>,
    pub(super) start_times: Vec<u64>,
    pub(super) end_times: Vec<u64>,
    pub(super) statuses: Vec<i32>,
    pub(super) flags: Vec<u32>,
    /// Where in the payload of its span.
    pub(super) names: Vec<Name>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Name {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Name {
    /// The name, given its span.
    #[inline]
    pub(super) fn of(self, span: &[u8]) -> &[u8] {
        let start = self.start as usize;
        span.get(start..start + self.len as usize).unwrap_or_default()
    }
}

impl View<SpanFields> {
    /// Reads again the fields of a span that was edited.
    pub(super) fn refresh(&mut self, row: usize) {
        let fresh = Row::of(self.record(row));
        if let Some(status) = self.columns.statuses.get_mut(row) {
            *status = fresh.status;
        }
        if let Some(name) = self.columns.names.get_mut(row) {
            *name = fresh.name;
        }
    }
}

/// One span's share.
#[derive(Default)]
struct Row {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: [u8; 8],
    kind: i32,
    start_time: u64,
    end_time: u64,
    status: i32,
    flags: u32,
    name: Name,
}

impl Row {
    /// Of a field that occurs twice the last counts; two statuses merge.
    #[inline]
    fn of(span: &[u8]) -> Row {
        let mut row = Row::default();
        for field in Fields::of(span) {
            match field.number {
                ATTRIBUTES => {}
                TRACE_ID => row.trace_id = id(&field),
                SPAN_ID => row.span_id = id(&field),
                PARENT_SPAN_ID => row.parent_span_id = id(&field),
                NAME => {
                    let len = field.value.len() as u32;
                    row.name = Name { start: field.end as u32 - len, len };
                }
                KIND => row.kind = (field.varint() as u32).cast_signed(),
                START_TIME => row.start_time = field.fixed64(),
                END_TIME => row.end_time = field.fixed64(),
                STATUS => {
                    if let Some(code) = status_code(field.value) {
                        row.status = code;
                    }
                }
                FLAGS => row.flags = field.fixed32(),
                _ => {}
            }
        }
        row
    }
}

/// An id of another length is no id: all zeros, which the specification calls invalid.
#[inline]
pub(super) fn id<const N: usize>(field: &Field<'_>) -> [u8; N] {
    field.value.try_into().unwrap_or([0; N])
}

fn status_code(status: &[u8]) -> Option<i32> {
    let codes = Fields::of(status).filter(|field| field.number == STATUS_CODE);
    codes.last().map(|field| (field.varint() as u32).cast_signed())
}

impl Columns for SpanFields {
    fn reserve(&mut self, rows: usize) {
        self.trace_ids.reserve(rows);
        self.span_ids.reserve(rows);
        self.parent_span_ids.reserve(rows);
        self.kinds.reserve(rows);
        self.start_times.reserve(rows);
        self.end_times.reserve(rows);
        self.statuses.reserve(rows);
        self.flags.reserve(rows);
        self.names.reserve(rows);
    }

    fn push(&mut self, span: &[u8]) {
        let row = Row::of(span);
        self.trace_ids.push(row.trace_id);
        self.span_ids.push(row.span_id);
        self.parent_span_ids.push(row.parent_span_id);
        self.kinds.push(row.kind);
        self.start_times.push(row.start_time);
        self.end_times.push(row.end_time);
        self.statuses.push(row.status);
        self.flags.push(row.flags);
        self.names.push(row.name);
    }

    fn select(&self, rows: &[u32]) -> SpanFields {
        SpanFields {
            trace_ids: select(&self.trace_ids, rows),
            span_ids: select(&self.span_ids, rows),
            parent_span_ids: select(&self.parent_span_ids, rows),
            kinds: select(&self.kinds, rows),
            start_times: select(&self.start_times, rows),
            end_times: select(&self.end_times, rows),
            statuses: select(&self.statuses, rows),
            flags: select(&self.flags, rows),
            names: select(&self.names, rows),
        }
    }

    fn append(&mut self, other: &SpanFields) {
        self.trace_ids.extend_from_slice(&other.trace_ids);
        self.span_ids.extend_from_slice(&other.span_ids);
        self.parent_span_ids.extend_from_slice(&other.parent_span_ids);
        self.kinds.extend_from_slice(&other.kinds);
        self.start_times.extend_from_slice(&other.start_times);
        self.end_times.extend_from_slice(&other.end_times);
        self.statuses.extend_from_slice(&other.statuses);
        self.flags.extend_from_slice(&other.flags);
        self.names.extend_from_slice(&other.names);
    }

    fn patched(&mut self, row: usize, patch: &Patch) {
        if let Some(name) = self.names.get_mut(row) {
            name.start = patch.moved(name.start as usize) as u32;
        }
    }

    fn items(&self, _: usize) -> usize {
        1
    }
}

fn select<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().filter_map(|row| column.get(*row as usize).copied()).collect()
}
