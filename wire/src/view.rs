//! The records of a batch, found in its sources: what splitting, filtering and editing work on.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::check::SIZE_LIMIT_BYTES;
use crate::encode::{Plan, framed_len, open};
use crate::layout::{Layout, Place, RECORD, Record};
use crate::patch::Patch;
use crate::request::Request;

/// What is known of each record beside where it lies; one row a record.
pub(crate) trait Columns: Clone + Default {
    /// What splitting needs to know of a record: how many items it has.
    type Counts: Columns;
    /// What a row takes in memory, beside its [`Record`].
    const ROW_BYTES: usize;
    /// Makes room for as many rows.
    fn reserve(&mut self, _rows: usize) {}
    /// Adds a row for a record, given its payload.
    fn push(&mut self, record: &[u8]);
    /// The rows named, in that order.
    fn select(&self, rows: &[u32]) -> Self;
    /// The record has been edited.
    fn patched(&mut self, _row: usize, _patch: &Patch) {}
    /// How many items of its signal the record counts for.
    fn items(&self, row: usize) -> usize;
    /// Records of at most so many items, in place of one that has more; none if it can't be done.
    fn divide(_record: &[u8], _max_items: usize) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// What is repeated in several parts may be together so many times as large as what was divided…
pub(crate) const MAX_REPETITION: usize = 4;
/// …and so much larger than that.
pub(crate) const MIN_REPETITION_BYTES: usize = 1 << 20;

#[derive(Clone)]
pub(crate) struct View<C> {
    /// These and the layout are shared by all that were split from one batch.
    pub(crate) sources: Arc<Vec<Bytes>>,
    pub(crate) layout: Arc<Layout>,
    /// In the order of their scopes.
    pub(crate) records: Vec<Record>,
    pub(crate) columns: C,
    /// The sources one after another are no longer this batch: it has to be encoded.
    pub(crate) changed: bool,
    /// The requests' own unknown fields are this batch's to pass on: of several parts, the first's.
    pub(crate) loose: bool,
    /// The source that edited records are written to, once there is one.
    pub(crate) arena: Option<u32>,
    /// How much of it was not left behind when it was last written in one go.
    pub(crate) arena_live_bytes: usize,
}

impl<C: Columns> View<C> {
    /// Walks whole requests of about as many records.
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

    /// The records named, in ascending order, with their envelopes.
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

    /// As `select`, several times: a record named for one part is not named for another.
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

    /// As `partition`, one part after another: a record named for one part is not named for another. The first part that has
    /// a record takes the request's own unknown fields.
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

    /// Divides the records that have more than so many items. The parts repeat what a record's items have in common: as long
    /// as that does not make them much larger than the sources.
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

    /// The sources as requests, for as long as nothing is changed.
    pub(crate) fn requests(&self) -> SmallVec<[Request; 1]> {
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

    /// The batch as one request in pieces, and the length of the buffers that the pieces keep alive.
    pub(crate) fn encode(&self) -> (SmallVec<[Bytes; 1]>, usize) {
        match self.changed {
            true => self.plan().encode(),
            false => (self.sources.iter().cloned().collect(), self.encoded_len()),
        }
    }

    /// What the index of one record takes.
    pub(crate) const ROW_BYTES: usize = size_of::<Record>() + C::ROW_BYTES;

    /// The bytes of memory that records, columns and layout take.
    pub(crate) fn index_bytes(&self) -> usize {
        self.records.len() * Self::ROW_BYTES + self.layout.held_bytes()
    }

    /// Names the layout, and records with columns: an address by which views that share it can be told, and its bytes.
    pub(crate) fn each_allocation(&self, each: &mut impl FnMut(usize, usize)) {
        each(Arc::as_ptr(&self.layout) as usize, self.layout.held_bytes());
        each(std::ptr::from_ref(self) as usize, self.records.len() * Self::ROW_BYTES);
    }

    fn plan(&self) -> Plan<'_> {
        Plan { sources: &self.sources, layout: &self.layout, records: &self.records, loose: self.loose }
    }
}
