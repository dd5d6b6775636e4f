//! When the spans of a trace would come, and when it would be decided.

use std::time::Duration;

use serde::Serialize;
use wire::SpanBatch;

/// How long `tail_sampling` holds a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    pub(super) wait: Duration,
    pub(super) after_root: Option<Duration>,
}

/// When a trace is decided, if each span comes when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at_unix_nano: u64,
    /// The time since the first span of the trace started.
    pub(super) after: Duration,
    pub(super) by: By,
}

/// The key that decides when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    DecisionWait,
    DecisionWaitAfterRootReceived,
}

impl By {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            By::DecisionWait => "decision_wait",
            By::DecisionWaitAfterRootReceived => "decision_wait_after_root_received",
        }
    }
}

impl Due {
    /// Returns when the trace that consists of `spans` is decided.
    pub(super) fn of(spans: &SpanBatch, waits: Waits) -> Due {
        let ends = || spans.end_times_unix_nano().iter().copied();
        let start = spans.start_times_unix_nano().iter().copied().min().unwrap_or_default();
        let roots = spans.parent_span_ids().iter().zip(ends()).filter(|(parent, _)| **parent == [0; 8]);
        let later = |time: u64, wait: Duration| {
            time.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
        };
        let first = later(ends().min().unwrap_or_default(), waits.wait);
        let root = roots.map(|(_, end)| end).min().zip(waits.after_root).map(|(end, wait)| later(end, wait));
        let (at_unix_nano, by) = match root {
            Some(root) if root < first => (root, By::DecisionWaitAfterRootReceived),
            _ => (first, By::DecisionWait),
        };
        Due { at_unix_nano, after: Duration::from_nanos(at_unix_nano.saturating_sub(start)), by }
    }

    /// Returns the rows of the spans that have come by then.
    pub(super) fn rows_in_time(&self, spans: &SpanBatch) -> Vec<u32> {
        let ends = spans.end_times_unix_nano().iter().enumerate();
        ends.filter(|(_, end)| **end <= self.at_unix_nano).map(|(row, _)| row as u32).collect()
    }
}
