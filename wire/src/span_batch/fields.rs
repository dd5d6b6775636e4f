//! The fields of fixed size, in one list per field. They are read when the batch is first looked into.

use super::edits::Attributes;
use crate::fields::{Field, Fields, split_delimited};
use crate::patch::Patch;
use crate::uniform::Uniform;
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
    pub(super) offsets: Vec<Offsets>,
    /// Whether any span may have a trace state. Few have one, and this saves looking at every span.
    pub(super) any_trace_state: bool,
}

/// Offsets in the payload of a span.
#[derive(Clone, Copy, Default)]
pub(super) struct Offsets {
    name_start: u32,
    name_len: u32,
    /// No attribute lies before this offset. If the span has attributes, a field begins here.
    attributes_start: u32,
}

impl Offsets {
    /// Returns the name, given the span.
    #[inline]
    pub(super) fn name(self, span: &[u8]) -> &[u8] {
        let start = self.name_start as usize;
        span.get(start..start + self.name_len as usize).unwrap_or_default()
    }
}

impl SpanFields {
    /// Returns where to look for the attributes of a span.
    #[inline]
    pub(super) fn attributes(&self, row: usize) -> Attributes {
        Attributes { number: ATTRIBUTES, start: self.attributes_start(row) }
    }

    #[inline]
    pub(super) fn attributes_start(&self, row: usize) -> usize {
        self.offsets.get(row).map_or(0, |offsets| offsets.attributes_start as usize)
    }
}

impl View<SpanFields> {
    /// Reads the fields of an edited span again.
    pub(super) fn refresh(&mut self, row: usize) {
        let fresh = Row::of(self.record(row));
        if let Some(status) = self.columns.statuses.get_mut(row) {
            *status = fresh.status;
        }
        if let Some(offsets) = self.columns.offsets.get_mut(row) {
            *offsets = fresh.offsets;
        }
    }
}

/// The fields of one span.
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
    offsets: Offsets,
    trace_state: bool,
}

impl Row {
    /// Reads the fields of a span. The last occurrence of a field counts; two statuses merge.
    #[inline]
    fn of(span: &[u8]) -> Row {
        let mut row = Row::default();
        let mut rest = row.read_head(span);
        row.offsets.attributes_start = (span.len() - rest.len()) as u32;
        while let Some((_, after)) = split_delimited(rest, ATTRIBUTES) {
            rest = after;
        }
        let base = span.len() - rest.len();
        for field in Fields::of(rest) {
            row.read(&field, base);
        }
        row
    }

    /// Reads the fields before the attributes, as far as they are in the order that every sender writes.
    /// Returns the remaining bytes.
    #[inline(always)]
    fn read_head<'a>(&mut self, span: &'a [u8]) -> &'a [u8] {
        let mut rest = span;
        if let Some((id, after)) = split_fixed(rest, &[0x0a, 16]) {
            (self.trace_id, rest) = (*id, after);
        }
        if let Some((id, after)) = split_fixed(rest, &[0x12, 8]) {
            (self.span_id, rest) = (*id, after);
        }
        if let Some((_, after)) = split_delimited(rest, TRACE_STATE) {
            (self.trace_state, rest) = (true, after);
        }
        if let Some((id, after)) = split_fixed(rest, &[0x22, 8]) {
            (self.parent_span_id, rest) = (*id, after);
        }
        if let Some((name, after)) = split_delimited(rest, NAME) {
            let name_start = span.len() - after.len() - name.len();
            self.offsets.name_start = name_start as u32;
            self.offsets.name_len = name.len() as u32;
            rest = after;
        }
        if let [0x30, kind @ 0..0x80, after @ ..] = rest {
            (self.kind, rest) = (i32::from(*kind), after);
        }
        if let Some((time, after)) = split_fixed(rest, &[0x39]) {
            (self.start_time, rest) = (u64::from_le_bytes(*time), after);
        }
        if let Some((time, after)) = split_fixed(rest, &[0x41]) {
            (self.end_time, rest) = (u64::from_le_bytes(*time), after);
        }
        rest
    }

    /// Reads a field of a span. `base` is the offset from which the field's own offsets are counted.
    #[inline]
    fn read(&mut self, field: &Field<'_>, base: usize) {
        match field.number {
            TRACE_ID => self.trace_id = id(field),
            SPAN_ID => self.span_id = id(field),
            TRACE_STATE => self.trace_state = true,
            PARENT_SPAN_ID => self.parent_span_id = id(field),
            NAME => {
                let len = field.value.len();
                self.offsets.name_start = (base + field.end - len) as u32;
                self.offsets.name_len = len as u32;
            }
            KIND => self.kind = (field.varint() as u32).cast_signed(),
            START_TIME => self.start_time = field.fixed64(),
            END_TIME => self.end_time = field.fixed64(),
            STATUS => {
                if let Some(code) = status_code(field.value) {
                    self.status = code;
                }
            }
            FLAGS => self.flags = field.fixed32(),
            _ => {}
        }
    }
}

/// Returns the payload of a fixed length after a tag (and a length), and the bytes after it.
#[inline(always)]
fn split_fixed<'a, const N: usize>(bytes: &'a [u8], tag: &[u8]) -> Option<(&'a [u8; N], &'a [u8])> {
    bytes.strip_prefix(tag)?.split_first_chunk()
}

/// Reads an id. If the length is wrong, the id is all zeros, which the specification calls invalid.
#[inline]
pub(super) fn id<const N: usize>(field: &Field<'_>) -> [u8; N] {
    field.value.try_into().unwrap_or([0; N])
}

fn status_code(status: &[u8]) -> Option<i32> {
    let codes = Fields::of(status).filter(|field| field.number == STATUS_CODE);
    codes.last().map(|field| (field.varint() as u32).cast_signed())
}

impl Columns for SpanFields {
    type Counts = Uniform;
    const ROW_BYTES: usize = size_of::<Row>();

    fn reserve(&mut self, rows: usize) {
        self.trace_ids.reserve(rows);
        self.span_ids.reserve(rows);
        self.parent_span_ids.reserve(rows);
        self.kinds.reserve(rows);
        self.start_times.reserve(rows);
        self.end_times.reserve(rows);
        self.statuses.reserve(rows);
        self.flags.reserve(rows);
        self.offsets.reserve(rows);
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
        self.offsets.push(row.offsets);
        self.any_trace_state |= row.trace_state;
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
            offsets: select(&self.offsets, rows),
            any_trace_state: self.any_trace_state,
        }
    }

    fn patched(&mut self, row: usize, patch: &Patch) {
        if let Some(offsets) = self.offsets.get_mut(row) {
            for offset in [&mut offsets.name_start, &mut offsets.attributes_start] {
                *offset = patch.moved(*offset as usize) as u32;
            }
        }
    }

    fn items(&self, _: usize) -> usize {
        1
    }
}

fn select<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().filter_map(|row| column.get(*row as usize).copied()).collect()
}
