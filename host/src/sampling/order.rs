//! The order in which the traces of a shard leave.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::shard::{Millis, Trace, TraceId};

/// The memory of an entry.
pub(super) const ENTRY_BYTES: usize = size_of::<(Millis, TraceId)>();
/// Entries of traces that have left are removed when they are more than this and the others.
const STALE: usize = 1024;

/// The time of an entry, shortened. It tells a trace from an earlier one with the same id.
pub(super) type Stamp = u32;

pub(super) fn stamp(time: Millis) -> Stamp {
    time as Stamp
}

/// How long traces are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// From their first span on.
    pub(super) wait: Millis,
    /// From their root on.
    pub(super) after_root: Option<Millis>,
}

/// When traces leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) now: Millis,
    pub(super) waits: Waits,
    /// The oldest leave early as long as there are more.
    pub(super) max_traces: usize,
    /// The oldest leave early, because there is no room for others.
    pub(super) is_short: bool,
    /// All leave, because no others will come.
    pub(super) is_stopping: bool,
}

/// Why a trace leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It was held for as long as it should be.
    Due,
    /// There are too many traces.
    TooMany,
    /// Others need its memory.
    Short,
}

/// Two queues with the traces' ids: in the order of their first spans, and in the order of their roots. An entry
/// whose trace has left by the other queue is stale.
#[derive(Default)]
pub(super) struct Order {
    firsts: VecDeque<(Millis, TraceId)>,
    roots: VecDeque<(Millis, TraceId)>,
}

impl Order {
    pub(super) fn push(&mut self, id: TraceId, now: Millis) {
        self.firsts.push_back((now, id));
    }

    pub(super) fn push_root(&mut self, id: TraceId, now: Millis) {
        self.roots.push_back((now, id));
    }

    /// Returns the memory of the entries beyond one for each trace.
    pub(super) fn extra_bytes(&self, traces: usize) -> usize {
        (self.firsts.len() + self.roots.len()).saturating_sub(traces) * ENTRY_BYTES
    }

    /// Returns when the next trace leaves, or an earlier time.
    pub(super) fn due(&self, waits: Waits) -> Option<Millis> {
        let first = self.firsts.front().map(|(since, _)| since.saturating_add(waits.wait));
        let root = self.roots.front().map(|(since, _)| *since);
        let root = root.zip(waits.after_root).map(|(since, wait)| since.saturating_add(wait));
        [first, root].into_iter().flatten().min()
    }

    /// Returns the next trace that leaves by `rule`, if there is one. The trace stays until it is removed from
    /// `traces`.
    pub(super) fn next(&mut self, rule: Rule, traces: &HashMap<TraceId, Trace>) -> Option<(TraceId, Leaves)> {
        self.drop_stale(traces);
        let is_due = |entry: &&(Millis, TraceId), wait: Millis| rule.now.saturating_sub(entry.0) >= wait;
        let first = self.firsts.front();
        if let Some((_, id)) = first.filter(|entry| rule.is_stopping || is_due(entry, rule.waits.wait)) {
            return Some((*id, Leaves::Due));
        }
        if let Some(wait) = rule.waits.after_root
            && let Some((_, id)) = self.roots.front().filter(|entry| is_due(entry, wait))
        {
            return Some((*id, Leaves::Due));
        }
        let early = match traces.len() > rule.max_traces {
            true => Some(Leaves::TooMany),
            false => rule.is_short.then_some(Leaves::Short),
        };
        first.map(|(_, id)| *id).zip(early)
    }

    /// Removes stale entries in front of the others.
    pub(super) fn drop_stale(&mut self, traces: &HashMap<TraceId, Trace>) {
        drop_while(&mut self.firsts, |entry| !is_first(entry, traces));
        drop_while(&mut self.roots, |entry| !is_root(entry, traces));
    }

    /// Removes stale entries, if they are more than the others.
    pub(super) fn compact(&mut self, traces: &HashMap<TraceId, Trace>) {
        let limit = 2 * traces.len() + STALE;
        if self.firsts.len() > limit {
            self.firsts.retain(|entry| is_first(entry, traces));
        }
        if self.roots.len() > limit {
            self.roots.retain(|entry| is_root(entry, traces));
        }
    }
}

fn is_first((since, id): &(Millis, TraceId), traces: &HashMap<TraceId, Trace>) -> bool {
    traces.get(id).is_some_and(|trace| trace.since == stamp(*since))
}

fn is_root((since, id): &(Millis, TraceId), traces: &HashMap<TraceId, Trace>) -> bool {
    traces.get(id).is_some_and(|trace| trace.root == Some(stamp(*since)))
}

fn drop_while(queue: &mut VecDeque<(Millis, TraceId)>, is_stale: impl Fn(&(Millis, TraceId)) -> bool) {
    while queue.front().is_some_and(&is_stale) {
        queue.pop_front();
    }
}
