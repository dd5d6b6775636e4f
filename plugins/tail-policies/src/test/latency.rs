//! Whether a trace took longer than a bound, and at most as long as another.
//!
//! The Collector goes through a trace's spans in the order in which they came, and asks after each span how long the
//! trace took so far. With an upper bound, a trace therefore counts if it was long enough, and not too long, after any
//! of its spans.

use crate::columns::{Batch, mark};

#[derive(Debug)]
pub(crate) struct LatencyTest {
    pub(crate) above_ms: i64,
    /// Zero: no upper bound.
    pub(crate) up_to_ms: i64,
}

/// The times of the spans so far. Zero: unknown.
#[derive(Clone, Copy, Default)]
struct Times {
    start: u64,
    end: u64,
}

impl LatencyTest {
    pub(super) fn has_upper_bound(&self) -> bool {
        self.up_to_ms > 0
    }

    pub(super) fn run(&self, batch: &Batch<'_>) -> Vec<bool> {
        let mut found = vec![false; batch.count()];
        let mut traces = vec![Times::default(); batch.count()];
        let times = batch.start_times_unix_nano().iter().zip(batch.end_times_unix_nano());
        for (trace, (start, end)) in batch.traces_of_spans().iter().zip(times) {
            let Some(times) = traces.get_mut(*trace as usize) else { continue };
            times.add(*start, *end);
            if self.holds(times.millis()) {
                mark(&mut found, *trace);
            }
        }
        found
    }

    fn holds(&self, millis: i64) -> bool {
        self.above_ms < millis && (self.up_to_ms == 0 || millis <= self.up_to_ms)
    }
}

impl Times {
    fn add(&mut self, start: u64, end: u64) {
        if self.start == 0 || start < self.start {
            self.start = start;
        }
        if self.end == 0 || end > self.end {
            self.end = end;
        }
    }

    /// Returns the whole milliseconds from the first start to the last end, negative if a trace ends before.
    fn millis(self) -> i64 {
        self.end.cast_signed().saturating_sub(self.start.cast_signed()) / 1_000_000
    }
}
