//! The records of a batch, found in its sources: what splitting, filtering and editing work on.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::check::SIZE_LIMIT_BYTES;
use crate::encode::{Plan, framed_len, open};
use crate::layout::{Layout, Place, RECORD, Record};
use crate::patch::Patch;

/// What is known of each record beside where it lies; one row a record.
pub(crate) trait Columns: Clone + Default {
    /// Makes room for as many rows.
    fn reserve(&mut self, _rows: usize) {}
    /// Adds a row for a record, given its payload.
    fn push(&mut self, record: &[u8]);
    /// The rows named, in that order.
    fn select(&self, rows: &[u32]) -> Self;
    fn append(&mut self, other: &Self);
    /// The record has been edited.
    fn patched(&mut self, _row: usize, _patch: &Patch) {}
    /// How many items of its signal the record counts for.
    fn items(&self, row: usize) -> usize;
    /// Records of at most so many items, in place of one that has more; none if it can't be done.
    fn divide(_record: &[u8], _max_items: usize) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

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

    /// Divides the records that have more than so many items.
    pub(crate) fn divide(&mut self, max_items: usize) {
        let source = self.sources.len() as u32;
        let mut frames = Vec::new();
        let mut records = Vec::with_capacity(self.records.len());
        let mut columns = C::default();
        for (row, record) in self.records.iter().enumerate() {
            let body = self.record(row);
            let large = self.columns.items(row) > max_items;
            let parts = if large { C::divide(body, max_items) } else { Vec::new() };
            let room = SIZE_LIMIT_BYTES.saturating_sub(frames.len());
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

    /// Adds another batch's records after these.
    pub(crate) fn append(&mut self, other: &View<C>) {
        let sources = self.sources.len() as u32;
        let layout = Arc::make_mut(&mut self.layout);
        if !self.loose {
            layout.loose.clear();
        }
        let scopes = layout.append(&other.layout, sources, other.loose);
        self.loose = true;
        Arc::make_mut(&mut self.sources).extend(other.sources.iter().cloned());
        self.records.extend(other.records.iter().map(|record| {
            let mut record = *record;
            record.place.source += sources;
            record.scope += scopes;
            record
        }));
        self.columns.append(&other.columns);
        self.changed |= other.changed;
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

    pub(crate) fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        match self.changed {
            true => self.plan().encode(),
            false => self.sources.iter().cloned().collect(),
        }
    }

    fn plan(&self) -> Plan<'_> {
        Plan { sources: &self.sources, layout: &self.layout, records: &self.records, loose: self.loose }
    }
}
