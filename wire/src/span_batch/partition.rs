//! Splits one batch into several, without copying spans.

use super::SpanBatch;
use crate::EditError;
use crate::store::Store;

/// The most parts that one batch can be split into.
const MAX_PARTS: usize = 1024;

impl SpanBatch {
    /// Returns a batch of these rows, which must ascend. Rows that do not exist are skipped.
    pub fn select(&self, rows: &[u32]) -> SpanBatch {
        SpanBatch(Store::from_view(self.0.view().select(rows)))
    }

    /// Splits into batches of at most `max_items` spans, in order.
    pub fn split_items(self, max_items: usize) -> Vec<SpanBatch> {
        self.0.split_items(max_items).into_iter().map(SpanBatch).collect()
    }

    /// Puts each span into the part that its entry names. Parts are numbered from 0 to the highest number in
    /// the list.
    pub fn partition(&self, parts: &[u32]) -> Result<Vec<SpanBatch>, EditError> {
        let (rows, values) = (self.items(), parts.len());
        if rows != values {
            return Err(EditError::Length { rows, values });
        }
        let count = parts.iter().max().map_or(0, |highest| *highest as usize + 1);
        if count > MAX_PARTS {
            return Err(EditError::Parts { parts: count, limit: MAX_PARTS });
        }
        Ok(self.split_by(count, |row| parts.get(row).map_or(usize::MAX, |part| *part as usize)))
    }

    /// Splits into `parts` batches, some of which may be empty. The `hash` of a trace id chooses the batch of
    /// its spans.
    pub fn split_by_trace(&self, parts: usize, hash: impl Fn(&[u8; 16]) -> u64) -> Vec<SpanBatch> {
        let parts = parts.max(1);
        let trace_ids = self.trace_ids();
        self.split_by(parts, |row| trace_ids.get(row).map_or(0, |id| (hash(id) % parts as u64) as usize))
    }

    fn split_by(&self, parts: usize, part_of: impl Fn(usize) -> usize) -> Vec<SpanBatch> {
        let mut rows = vec![Vec::new(); parts];
        for row in 0..self.items() {
            if let Some(rows) = rows.get_mut(part_of(row)) {
                rows.push(row as u32);
            }
        }
        let parts = self.0.view().partition(rows.iter().map(Vec::as_slice));
        parts.into_iter().map(|part| SpanBatch(Store::from_view(part))).collect()
    }
}
