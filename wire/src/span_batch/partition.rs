//! One batch into several, without copying spans.

use super::SpanBatch;
use crate::store::Store;

impl SpanBatch {
    /// The spans named, in ascending order. Rows that do not exist are passed over.
    pub fn select(&self, rows: &[u32]) -> SpanBatch {
        SpanBatch(Store::from_view(self.0.view().select(rows)))
    }

    /// Batches of at most `max_items` spans, in order.
    pub fn split_items(self, max_items: usize) -> Vec<SpanBatch> {
        self.0.split_items(max_items).into_iter().map(SpanBatch).collect()
    }

    /// `parts` batches, some perhaps empty; `hash` of a trace id says which one its spans go to.
    pub fn split_by_trace(&self, parts: usize, hash: impl Fn(&[u8; 16]) -> u64) -> Vec<SpanBatch> {
        let parts = parts.max(1);
        let mut rows = vec![Vec::new(); parts];
        for (row, trace_id) in self.trace_ids().iter().enumerate() {
            if let Some(rows) = rows.get_mut((hash(trace_id) % parts as u64) as usize) {
                rows.push(row as u32);
            }
        }
        let parts = self.0.view().partition(rows.iter().map(Vec::as_slice));
        parts.into_iter().map(|part| SpanBatch(Store::from_view(part))).collect()
    }
}
