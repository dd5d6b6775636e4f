//! Records in the spans of kept traces why a sampler kept them.

use hashbrown::HashMap;
use wire::{SpanBatch, Traces};

use crate::{
    plugin::guest::interface::{Decisions, SamplingDecision},
    sampling::recording::{Attributes, Recording},
};

/// Writes the reason and the rate of each kept trace to its spans. `spans` are those of `traces` that `keep` is true
/// for. A trace that is undecided gets none.
pub(super) fn record(
    recording: &Recording,
    spans: &mut SpanBatch,
    traces: &Traces,
    decisions: &Decisions,
    keep: &[bool],
) {
    let mut sets: Vec<Attributes<'_>> = Vec::new();
    // Many traces have one reason and one rate.
    let mut known: HashMap<(u32, u64), usize> = HashMap::new();
    let set_of_trace = |(trace, decision): (usize, &SamplingDecision)| {
        let SamplingDecision::Keep { rate, .. } = decision else { return None };
        let number = decisions.reasons.get(trace).copied().unwrap_or_default();
        Some(*known.entry((number, rate.to_bits())).or_insert_with(|| {
            sets.push(recording.attributes(decisions.reason(trace), *rate));
            sets.len() - 1
        }))
    };
    let of_traces: Vec<Option<usize>> = decisions.each.iter().enumerate().map(set_of_trace).collect();
    let is_kept = |trace: &&u32| keep.get(**trace as usize).copied().unwrap_or_default();
    let of_trace = |trace: &u32| of_traces.get(*trace as usize).copied().flatten();
    let of_rows: Vec<Option<usize>> = traces.of_spans().iter().filter(is_kept).map(of_trace).collect();
    // This fails only above 4 GiB, and then the trace goes on without its reason.
    let _ = recording.write(spans, &sets, |row| of_rows.get(row).copied().flatten());
}
