//! Edits records. An edited record is written, with tag and length, into a source that the batch owns. Rows
//! edited in one pass lie there one after another, so that encoding finds one long run.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::EditError;
use crate::check::SIZE_LIMIT_BYTES;
use crate::encode::{bytes_at, framed_len, open};
use crate::layout::{Place, RECORD, payload};
use crate::patch::Patch;
use crate::view::{Columns, View};

/// A row that is edited alone leaves its old version behind. When the old versions exceed the live bytes by
/// more than this, they are cleared.
const MAX_GARBAGE_BYTES: usize = 1 << 20;

/// How many bytes an edit of all rows usually adds to each. Used to allocate ahead.
const USUAL_GROWTH_BYTES: usize = 64;

impl<C: Columns> View<C> {
    /// Returns the payload of a record.
    pub(crate) fn record(&self, row: usize) -> &[u8] {
        let place = self.records.get(row).map(|record| record.place);
        payload(place.and_then(|place| bytes_at(&self.sources, place)).unwrap_or_default())
    }

    /// Calls `edit` with every record and rewrites the records for which it fills the patch. If the records
    /// would exceed 4 GiB together, the last ones stay unedited and the result is an error.
    pub(crate) fn rewrite_all(
        &mut self,
        mut edit: impl FnMut(usize, &C, &[u8], &mut Patch),
    ) -> Result<(), EditError> {
        let mut outcome = Ok(());
        let mut patch = Patch::default();
        let mut arena = Vec::new();
        let mut moves = Vec::new();
        for (row, record) in self.records.iter().enumerate() {
            let frame = bytes_at(&self.sources, record.place).unwrap_or_default();
            let body = payload(frame);
            patch.clear();
            edit(row, &self.columns, body, &mut patch);
            if patch.is_empty() && self.arena != Some(record.place.source) {
                continue;
            }
            if arena.is_empty() {
                let rest = self.records.get(row..).unwrap_or_default();
                let len_bytes: usize =
                    rest.iter().map(|record| record.place.len() + USUAL_GROWTH_BYTES).sum();
                arena.reserve(len_bytes.min(SIZE_LIMIT_BYTES));
                moves.reserve(rest.len());
            }
            let start = arena.len();
            if start + framed_len(RECORD, patch.len_after(body.len())) > SIZE_LIMIT_BYTES {
                outcome = Err(EditError::Size);
                continue;
            }
            if patch.is_empty() {
                arena.extend_from_slice(frame);
            } else {
                write_frame(&patch, body, &mut arena);
                self.columns.patched(row, &patch);
            }
            moves.push((row, start..arena.len()));
        }
        if outcome.is_err() {
            // Records that did not fit may still lie in the old arena.
            self.arena = None;
        }
        if !moves.is_empty() {
            self.adopt(arena, moves);
        }
        outcome
    }

    /// Does the same as `rewrite_all` for one record.
    pub(crate) fn rewrite(
        &mut self,
        row: usize,
        edit: impl FnOnce(&C, &[u8], &mut Patch),
    ) -> Result<(), EditError> {
        if row >= self.records.len() {
            return Err(EditError::Row { row, rows: self.records.len() });
        }
        let body = self.record(row);
        let mut patch = Patch::default();
        edit(&self.columns, body, &mut patch);
        if patch.is_empty() {
            return Ok(());
        }
        let mut frame = Vec::new();
        write_frame(&patch, body, &mut frame);
        if frame.len() > SIZE_LIMIT_BYTES {
            return Err(EditError::Size);
        }
        self.columns.patched(row, &patch);
        self.push_to_arena(row, &frame);
        Ok(())
    }

    fn push_to_arena(&mut self, row: usize, frame: &[u8]) {
        let mut slot = self.arena_slot();
        let arena_len = self.sources.get(slot as usize).map_or(0, Bytes::len);
        if arena_len + frame.len() > SIZE_LIMIT_BYTES {
            self.arena = None;
            slot = self.arena_slot();
        }
        let source = Arc::make_mut(&mut self.sources).get_mut(slot as usize);
        if let (Some(source), Some(record)) = (source, self.records.get_mut(row)) {
            // This copies the arena only if it is shared.
            let mut arena = Vec::from(std::mem::take(source));
            arena.extend_from_slice(frame);
            record.place = place(slot, arena.len() - frame.len()..arena.len());
            *source = Bytes::from(arena);
        }
        self.changed = true;
        if arena_len > self.arena_live_bytes * 2 + MAX_GARBAGE_BYTES {
            // No record grows, so all of them fit.
            let _ = self.rewrite_all(|_, _, _, _| ());
        }
    }

    fn adopt(&mut self, arena: Vec<u8>, moves: Vec<(usize, Range<usize>)>) {
        let slot = self.arena_slot();
        self.arena_live_bytes = arena.len();
        if let Some(source) = Arc::make_mut(&mut self.sources).get_mut(slot as usize) {
            *source = Bytes::from(arena);
        }
        for (row, range) in moves {
            if let Some(record) = self.records.get_mut(row) {
                record.place = place(slot, range);
            }
        }
        self.changed = true;
    }

    fn arena_slot(&mut self) -> u32 {
        *self.arena.get_or_insert_with(|| {
            let sources = Arc::make_mut(&mut self.sources);
            sources.push(Bytes::new());
            sources.len() as u32 - 1
        })
    }
}

fn place(source: u32, range: Range<usize>) -> Place {
    Place { source, start: range.start as u32, end: range.end as u32 }
}

fn write_frame(patch: &Patch, body: &[u8], out: &mut Vec<u8>) {
    let len_bytes = patch.len_after(body.len());
    out.reserve(framed_len(RECORD, len_bytes));
    open(out, RECORD, len_bytes);
    patch.apply(body, out);
}
