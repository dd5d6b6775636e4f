//! The last decisions of samplers, as examples for an operator.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant, SystemTime},
};

use super::Telemetry;

/// How many decisions of a kind are remembered, and how many of them at most are of one second. So a busy sampler spends
/// little time on examples.
const LIMIT: usize = 100;
/// The longest name that is remembered whole, in bytes.
const NAME_LIMIT_BYTES: usize = 128;
const SECOND: Duration = Duration::from_secs(1);

/// The kinds of decisions that the running samplers have made.
#[derive(Default)]
pub(super) struct DecisionLog(Mutex<Vec<(Kind, Weak<RecentDecisions>)>>);

/// What decisions have in common: the sampler's component, the decision, and the reason, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub component: String,
    /// `keep`, `drop` or `undecided`.
    pub decision: &'static str,
    pub reason: String,
}

/// The last decisions of one kind, and their number.
#[derive(Default)]
pub struct RecentDecisions(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    traces: u64,
    /// The newest last.
    last: VecDeque<RecentDecision>,
    /// When the second began whose decisions are counted, and how many may still be noted.
    second: Option<(Instant, usize)>,
}

/// A decision on one trace.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentDecision {
    pub at: SystemTime,
    pub trace_id: [u8; 16],
    /// The share of such traces that are kept, if the trace was.
    pub rate: Option<f64>,
    /// The spans that the sampler saw.
    pub spans: u32,
    /// The name of the root span, which may be cut.
    pub root: Box<str>,
}

impl Telemetry {
    /// Returns where decisions of a kind are noted, which operators see as long as it is held.
    pub fn recent_decisions(&self, kind: Kind) -> Arc<RecentDecisions> {
        let mut kinds = lock(&self.decisions.0);
        kinds.retain(|(_, recent)| recent.strong_count() > 0);
        let known = kinds.iter().find(|(known, _)| *known == kind).and_then(|(_, recent)| recent.upgrade());
        known.unwrap_or_else(|| {
            let recent = Arc::default();
            kinds.push((kind, Arc::downgrade(&recent)));
            recent
        })
    }

    /// Returns for each kind, in their order, how many decisions there were, and the last of them, the newest first.
    pub fn decisions(&self) -> Vec<(Kind, u64, Vec<RecentDecision>)> {
        let kinds: Vec<_> = lock(&self.decisions.0).clone();
        let held = kinds.into_iter().filter_map(|(kind, recent)| Some((kind, recent.upgrade()?)));
        let mut all: Vec<_> = held
            .map(|(kind, recent)| {
                let recent = lock(&recent.0);
                (kind, recent.traces, recent.last.iter().rev().cloned().collect())
            })
            .collect();
        all.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        all
    }
}

impl RecentDecisions {
    /// Counts decisions. Returns how many of them may be noted now.
    pub fn count(&self, traces: u64, now: Instant) -> usize {
        let mut recent = lock(&self.0);
        recent.traces += traces;
        let begun = recent.second.filter(|(begun, _)| now.saturating_duration_since(*begun) < SECOND);
        let (begun, left) = begun.unwrap_or((now, LIMIT));
        let noted = left.min(usize::try_from(traces).unwrap_or(usize::MAX));
        recent.second = Some((begun, left - noted));
        noted
    }

    pub fn note(&self, decision: RecentDecision) {
        let mut recent = lock(&self.0);
        if recent.last.len() >= LIMIT {
            recent.last.pop_front();
        }
        recent.last.push_back(decision);
    }
}

/// Returns the beginning of a name, as much as is remembered.
pub fn shortened(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_LIMIT_BYTES)).unwrap_or(name)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(reason: &str) -> Kind {
        Kind { component: "sampler".to_owned(), decision: "keep", reason: reason.to_owned() }
    }

    fn decision(number: u8) -> RecentDecision {
        RecentDecision {
            at: SystemTime::UNIX_EPOCH,
            trace_id: [number; 16],
            rate: Some(1.0),
            spans: 1,
            root: shortened(&"é".repeat(100)).into(),
        }
    }

    /// Scenario: 250 decisions fall within a second, and 3 in the next; another kind ends.
    /// Guarantees: all are counted, a hundred and then three may be noted, the last hundred are remembered, the newest
    /// first, and the kind that ended is gone.
    #[test]
    fn the_last_hundred_are_remembered_and_no_more_are_noted_in_a_second() {
        let telemetry = Telemetry::new();
        let (errors, other) =
            (telemetry.recent_decisions(kind("errors")), telemetry.recent_decisions(kind("")));
        drop(other);
        let begun = Instant::now();
        assert_eq!((errors.count(60, begun), errors.count(190, begun + SECOND / 2)), (60, 40));
        assert_eq!((errors.count(0, begun + SECOND / 2), errors.count(3, begun + SECOND)), (0, 3));
        (0..103).for_each(|number| errors.note(decision(number)));
        assert!(Arc::ptr_eq(&errors, &telemetry.recent_decisions(kind("errors"))));
        let decisions = telemetry.decisions();
        let [(known, 253, last)] = decisions.as_slice() else { panic!("{decisions:?}") };
        assert_eq!((known, last.len()), (&kind("errors"), 100));
        assert_eq!((last.first(), last.last()), (Some(&decision(102)), Some(&decision(3))));
        assert_eq!(last[0].root.len(), 128);
    }
}
