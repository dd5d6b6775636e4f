//! One batch into several, without copying spans.

use std::collections::HashMap;

use super::SpanBatch;
use crate::store::Store;

/// The spans of a batch, grouped by trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// In the order of their first spans.
    pub ids: Vec<[u8; 16]>,
    /// Spans by trace, ascending within one.
    pub rows: Vec<u32>,
    /// Where in `rows` each trace ends.
    pub ends: Vec<u32>,
}

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

    /// Which spans belong together.
    pub fn group_by_trace(&self) -> Traces {
        let mut numbers = HashMap::new();
        let mut traces = Traces::default();
        let mut of_rows = Vec::with_capacity(self.items());
        for trace_id in self.trace_ids() {
            let number = *numbers.entry(trace_id).or_insert_with(|| {
                traces.ids.push(*trace_id);
                traces.ids.len() as u32 - 1
            });
            of_rows.push(number);
        }
        traces.rows = (0..of_rows.len() as u32).collect();
        // Stable, so that rows ascend within a trace.
        traces.rows.sort_by_key(|row| of_rows.get(*row as usize));
        of_rows.sort_unstable();
        let groups = of_rows.chunk_by(|a, b| a == b).map(|group| group.len() as u32);
        traces.ends = groups
            .scan(0, |end, len| {
                *end += len;
                Some(*end)
            })
            .collect();
        traces
    }
}
