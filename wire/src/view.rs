//! The records of a batch, found in its sources. Splitting, filtering and editing work on this view.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::check::SIZE_LIMIT_BYTES;
use crate::encode::{Plan, framed_len, open};
use crate::layout::{Layout, Place, RECORD, Record};
use crate::patch::Patch;
use crate::request::Request;
use crate::requests::Requests;

/// What a view knows of each record beside its place, with one row per record.
pub(crate) trait Columns: Clone + Default {
    /// The columns that splitting needs: the number of items of each record.
    type Counts: Columns;
    /// The memory that a row takes, in bytes, without its [`Record`].
    const ROW_BYTES: usize;
    /// Reserves memory for so many more rows.
    fn reserve(&mut self, _rows: usize) {}
    /// Adds a row for a record with this payload.
    fn push(&mut self, record: &[u8]);
    /// Returns the given rows, in that order.
    fn select(&self, rows: &[u32]) -> Self;
    /// Updates a row after an edit of its record.
    fn patched(&mut self, _row: usize, _patch: &Patch) {}
    /// Returns how many items of its signal the record counts for.
    fn items(&self, row: usize) -> usize;
    /// Divides a record into records of at most `max_items` items. Returns nothing if that is not possible.
    fn divide(_record: &[u8], _max_items: usize) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// How many times as large as the whole its parts may be together. Parts repeat what they have in common.
pub(crate) const MAX_REPETITION: usize = 4;
/// How many bytes the parts may take beyond [`MAX_REPETITION`] times the whole.
pub(crate) const MIN_REPETITION_BYTES: usize = 1 << 20;

#[derive(Clone)]
pub(crate) struct View<C> {
    /// The sources. Views that were split from one batch share the sources and the layout.
    pub(crate) sources: Arc<Vec<Bytes>>,
    pub(crate) layout: Arc<Layout>,
    /// Ordered by their scopes.
    pub(crate) records: Vec<Record>,
    pub(crate) columns: C,
    /// Whether the batch differs from the concatenation of its sources, so that it must be encoded.
    pub(crate) changed: bool,
    /// Whether this batch passes on the requests' unknown fields. Of several parts, the first does.
    pub(crate) loose: bool,
    /// The source that edited records are written to, once there is one.
    pub(crate) arena: Option<u32>,
    /// How many bytes of the arena were live when it was last written in one pass.
    pub(crate) arena_live_bytes: usize,
}

impl<C: Columns> View<C> {
    /// Walks whole requests that have about `records_hint` records.
    pub(crate) fn of(requests: &[Bytes], records_hint: usize) -> View<C> {
        let mut layout = Layout::default();
        let mut records = Vec::with_capacity(records_hint);
        let mut columns = C::default();
        columns.reserve(records_hint);
        for (source, request) in requests.iter().enumerate() {
            layout.add(source as u32, request, |record, payload| {
                records.push(record);
                columns.push(payload);
            });
        }
        View {
            sources: Arc::new(requests.to_vec()),
            layout: Arc::new(layout),
            records,
            columns,
            changed: false,
            loose: true,
            arena: None,
            arena_live_bytes: 0,
        }
    }

    /// Returns a view of these rows, which must ascend, with their envelopes.
    pub(crate) fn select(&self, rows: &[u32]) -> View<C> {
        View {
            sources: Arc::clone(&self.sources),
            layout: Arc::clone(&self.layout),
            records: rows.iter().filter_map(|row| self.records.get(*row as usize).copied()).collect(),
            columns: self.columns.select(rows),
            changed: self.changed || rows.len() != self.records.len(),
            loose: self.loose,
            arena: self.arena,
            arena_live_bytes: self.arena_live_bytes,
        }
    }

    /// Does the same as `select` for several parts. A row must be in one part at most.
    pub(crate) fn partition<'r>(&self, parts: impl IntoIterator<Item = &'r [u32]>) -> Vec<View<C>> {
        let mut parts: Vec<View<C>> = parts.into_iter().map(|rows| self.select(rows)).collect();
        let first = parts.iter().position(|part| !part.records.is_empty()).unwrap_or(0);
        for (at, part) in parts.iter_mut().enumerate() {
            if at != first {
                (part.loose, part.changed) = (false, true);
            }
        }
        parts
    }

    /// Does the same as `partition`, but makes one part after another. A row must be in one part at most. The
    /// first part that has a record takes the request's unknown fields.
    pub(crate) fn split<'r>(
        &'r self,
        parts: impl IntoIterator<Item = &'r [u32], IntoIter: 'r>,
    ) -> impl Iterator<Item = View<C>> + 'r {
        let mut is_first = true;
        parts.into_iter().map(move |rows| {
            let mut part = self.select(rows);
            if rows.is_empty() || !std::mem::take(&mut is_first) {
                (part.loose, part.changed) = (false, true);
            }
            part
        })
    }

    /// Divides the records that have more than `max_items` items. The parts repeat what the items of a record
    /// have in common. A record stays whole if its parts would be much larger than the sources.
    pub(crate) fn divide(&mut self, max_items: usize) {
        let source = self.sources.len() as u32;
        let sources_len: usize = self.sources.iter().map(Bytes::len).sum();
        let limit_bytes = (sources_len * MAX_REPETITION + MIN_REPETITION_BYTES).min(SIZE_LIMIT_BYTES);
        let mut frames = Vec::new();
        let mut records = Vec::with_capacity(self.records.len());
        let mut columns = C::default();
        for (row, record) in self.records.iter().enumerate() {
            let body = self.record(row);
            let large = self.columns.items(row) > max_items;
            let parts = if large { C::divide(body, max_items) } else { Vec::new() };
            let room = limit_bytes.saturating_sub(frames.len());
            if parts.is_empty()
                || parts.iter().map(|part| framed_len(RECORD, part.len())).sum::<usize>() > room
            {
                columns.push(body);
                records.push(*record);
                continue;
            }
            for part in parts {
                let start = frames.len() as u32;
                open(&mut frames, RECORD, part.len());
                frames.extend_from_slice(&part);
                columns.push(&part);
                let place = Place { source, start, end: frames.len() as u32 };
                records.push(Record { place, scope: record.scope });
            }
        }
        Arc::make_mut(&mut self.sources).push(Bytes::from(frames));
        (self.records, self.columns, self.changed) = (records, columns, true);
    }

    /// Returns the sources as requests. Valid only while nothing is changed.
    pub(crate) fn requests(&self) -> Requests {
        let mut items = vec![0; self.sources.len()];
        for (row, record) in self.records.iter().enumerate() {
            if let Some(items) = items.get_mut(record.place.source as usize) {
                *items += self.columns.items(row);
            }
        }
        let requests = self.sources.iter().zip(items);
        requests.map(|(source, items)| Request::arrived(source.clone(), items)).collect()
    }

    pub(crate) fn items(&self) -> usize {
        (0..self.records.len()).map(|row| self.columns.items(row)).sum()
    }

    pub(crate) fn encoded_len(&self) -> usize {
        match self.changed {
            true => self.plan().encoded_len(),
            false => self.sources.iter().map(Bytes::len).sum(),
        }
    }

    /// Returns the batch as one request in pieces, and the total length of the buffers that the pieces keep
    /// alive.
    pub(crate) fn encode(&self) -> (SmallVec<[Bytes; 1]>, usize) {
        match self.changed {
            true => self.plan().encode(),
            false => (self.sources.iter().cloned().collect(), self.encoded_len()),
        }
    }

    /// The memory that the index of one record takes, in bytes.
    pub(crate) const ROW_BYTES: usize = size_of::<Record>() + C::ROW_BYTES;

    /// Returns how many bytes of memory the records, columns and layout take.
    pub(crate) fn index_bytes(&self) -> usize {
        self.records.len() * Self::ROW_BYTES + self.layout.held_bytes()
    }

    /// Calls `each` with the layout, and with records and columns: an address that views report alike if they
    /// share it, and its length in bytes.
    pub(crate) fn each_allocation(&self, each: &mut impl FnMut(usize, usize)) {
        each(Arc::as_ptr(&self.layout) as usize, self.layout.held_bytes());
        each(std::ptr::from_ref(self) as usize, self.records.len() * Self::ROW_BYTES);
    }

    pub(crate) fn plan(&self) -> Plan<'_> {
        Plan { sources: &self.sources, layout: &self.layout, records: &self.records, loose: self.loose }
    }
}
