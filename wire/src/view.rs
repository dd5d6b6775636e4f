//! The records of a batch, found in its sources: what splitting, filtering and editing work on.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::encode::Plan;
use crate::layout::{Layout, Record};
use crate::patch::Patch;

/// What is known of each record beside where it lies; one row a record.
pub(crate) trait Columns: Clone + Default {
    /// Adds a row for a record, given its payload.
    fn push(&mut self, record: &[u8]);
    /// The rows named, in that order.
    fn select(&self, rows: &[u32]) -> Self;
    fn append(&mut self, other: &Self);
    /// The record has been edited.
    fn patched(&mut self, _row: usize, _patch: &Patch) {}
    /// How many items of its signal the record counts for.
    fn items(&self, row: usize) -> usize;
}

#[derive(Clone)]
pub(crate) struct View<C> {
    pub(crate) sources: SmallVec<[Bytes; 1]>,
    /// Shared by all that were split from one batch.
    pub(crate) layout: Arc<Layout>,
    /// In the order of their scopes.
    pub(crate) records: Vec<Record>,
    pub(crate) columns: C,
    /// The sources one after another are no longer this batch: it has to be encoded.
    pub(crate) changed: bool,
    /// The source that edited records are written to, once there is one.
    pub(crate) arena: Option<u32>,
    /// How much of it was not left behind when it was last written in one go.
    pub(crate) arena_live_bytes: usize,
}

impl<C: Columns> View<C> {
    /// Walks whole requests.
    pub(crate) fn of(requests: &[Bytes]) -> View<C> {
        let mut layout = Layout::default();
        let mut records = Vec::new();
        let mut columns = C::default();
        for (source, request) in requests.iter().enumerate() {
            layout.add(source as u32, request, |record, payload| {
                records.push(record);
                columns.push(payload);
            });
        }
        let sources = requests.iter().cloned().collect();
        View {
            sources,
            layout: Arc::new(layout),
            records,
            columns,
            changed: false,
            arena: None,
            arena_live_bytes: 0,
        }
    }

    /// The records named, in ascending order, with their envelopes.
    pub(crate) fn select(&self, rows: &[u32]) -> View<C> {
        View {
            sources: self.sources.clone(),
            layout: Arc::clone(&self.layout),
            records: rows.iter().filter_map(|row| self.records.get(*row as usize).copied()).collect(),
            columns: self.columns.select(rows),
            changed: self.changed || rows.len() != self.records.len(),
            arena: self.arena,
            arena_live_bytes: self.arena_live_bytes,
        }
    }

    /// Adds another batch's records after these.
    pub(crate) fn append(&mut self, other: &View<C>) {
        let sources = self.sources.len() as u32;
        let scopes = Arc::make_mut(&mut self.layout).append(&other.layout, sources);
        self.sources.extend(other.sources.iter().cloned());
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
            false => self.sources.clone(),
        }
    }

    fn plan(&self) -> Plan<'_> {
        Plan { sources: &self.sources, layout: &self.layout, records: &self.records }
    }
}
