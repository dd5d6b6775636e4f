//! Where a batch goes: to the pool that runs or to a canary, if their breakers give leave, and to which of their slots.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};
use wire::SpanBatch;

use super::{Candidate, Place, Pool};
use crate::{
    pipeline::Batch,
    plugin::{guest::failure::CallError, load::description::Concurrency, pool::breaker::Admission},
};

/// Leave for the calls that one batch takes. To be kept until they have been [noted](Route::note).
pub(in crate::plugin) struct Route<'a> {
    main: &'a Pool,
    canary: Option<Diversion>,
    /// Of both pools, if both are called.
    _admissions: [Option<Admission>; 2],
}

/// A canary that is given the batch, or some of its traces.
struct Diversion {
    candidate: Arc<Candidate>,
    /// Of the traces, 0 to 1; none if the batch goes there whole.
    share: Option<f64>,
}

/// A slot of a pool, or any.
#[derive(Clone, Copy)]
pub(in crate::plugin) struct Lane<'r> {
    pub(in crate::plugin) pool: &'r Pool,
    pub(in crate::plugin) place: Place,
}

/// Rows of a batch that go one way; all of them if none are named.
type Rows = Option<Vec<u32>>;

impl Pool {
    /// The way of the batch that comes now; `None` while the plugin is left alone. A canary that is left alone is passed over.
    pub(in crate::plugin) fn route(&self) -> Option<Route<'_>> {
        let by_trace = self.concurrency == Concurrency::ByTrace;
        if let Some(candidate) = self.next_canary(by_trace)
            && let Some(to_canary) = candidate.pool().breaker.admit()
        {
            let share = by_trace.then(|| candidate.share());
            let to_main = if by_trace { Some(self.breaker.admit()?) } else { None };
            let canary = Some(Diversion { candidate, share });
            return Some(Route { main: self, canary, _admissions: [to_main, Some(to_canary)] });
        }
        let to_main = self.breaker.admit()?;
        Some(Route { main: self, canary: None, _admissions: [Some(to_main), None] })
    }
}

impl Route<'_> {
    /// Where what is not divided goes: all of a batch, or a request of HTTP.
    pub(in crate::plugin) fn whole(&self) -> Lane<'_> {
        let pool = match &self.canary {
            Some(Diversion { candidate, share: None }) => candidate.pool(),
            _ => self.main,
        };
        let place = if pool.concurrency == Concurrency::Stateless { Place::Any } else { Place::Slot(0) };
        Lane { pool, place }
    }

    /// The parts of the batch, each with the way that its traces go.
    pub(in crate::plugin) fn share_out(&self, mut batch: Batch) -> SmallVec<[(Lane<'_>, Batch); 1]> {
        let parts = match self.divides(&batch.data) {
            Some(spans) => spans.split_by_trace(self.ways(), |trace| self.way_of(trace) as u64),
            None => return smallvec![(self.whole(), batch)],
        };
        let parts = (parts.into_iter().enumerate())
            .filter(|(_, part)| !part.is_empty())
            .map(|(way, part)| (self.lane(way), batch.derive(wire::Batch::Spans(part))))
            .collect();
        batch.forget();
        parts
    }

    /// As [`Route::share_out`], of data that is shown only: the rows of each part go along.
    pub(in crate::plugin) fn show(&self, data: &wire::Batch) -> SmallVec<[(Lane<'_>, wire::Batch, Rows); 1]> {
        let Some(spans) = self.divides(data) else { return smallvec![(self.whole(), data.clone(), None)] };
        let mut rows = vec![Vec::new(); self.ways()];
        for (row, trace) in spans.trace_ids().iter().enumerate() {
            if let Some(rows) = rows.get_mut(self.way_of(trace)) {
                rows.push(row as u32);
            }
        }
        let parts = spans.split_by_trace(self.ways(), |trace| self.way_of(trace) as u64);
        (parts.into_iter().zip(rows).enumerate())
            .filter(|(_, (part, _))| !part.is_empty())
            .map(|(way, (part, rows))| (self.lane(way), wire::Batch::Spans(part), Some(rows)))
            .collect()
    }

    /// Tells the breakers and the log how the batch fared: of each pool once, however many parts it was given.
    pub(in crate::plugin) async fn note<'e>(
        &self,
        calls: impl IntoIterator<Item = (Lane<'_>, Option<&'e CallError>)>,
    ) {
        let (mut main, mut canary) = (None, None);
        for (lane, error) in calls {
            let fared = if std::ptr::eq(lane.pool, self.main) { &mut main } else { &mut canary };
            let known: &mut Option<&CallError> = fared.get_or_insert_default();
            *known = known.or(error);
        }
        if let Some(error) = main {
            self.main.note(error).await;
        }
        if let (Some(error), Some(diversion)) = (canary, &self.canary) {
            diversion.candidate.pool().note(error).await;
        }
    }

    /// The spans, if their traces go different ways.
    fn divides<'d>(&self, data: &'d wire::Batch) -> Option<&'d SpanBatch> {
        match data {
            wire::Batch::Spans(spans) if self.main.concurrency == Concurrency::ByTrace && self.ways() > 1 => {
                Some(spans)
            }
            _ => None,
        }
    }

    /// The slots of the pool that runs, and then those of the canary if it has a share of the traces.
    fn ways(&self) -> usize {
        let of_canary = self.canary.as_ref().filter(|canary| canary.share.is_some());
        self.main.slots() + of_canary.map_or(0, |canary| canary.candidate.pool().slots())
    }

    /// The same for all spans of a trace, in every batch.
    fn way_of(&self, trace_id: &[u8; 16]) -> usize {
        let hash = hash(trace_id);
        let slot_of = |slots: usize| (hash % slots.max(1) as u64) as usize;
        match &self.canary {
            Some(Diversion { candidate, share: Some(share) }) if is_within(*share, hash) => {
                self.main.slots() + slot_of(candidate.pool().slots())
            }
            _ => slot_of(self.main.slots()),
        }
    }

    fn lane(&self, way: usize) -> Lane<'_> {
        match (way.checked_sub(self.main.slots()), &self.canary) {
            (Some(slot), Some(canary)) => Lane { pool: canary.candidate.pool(), place: Place::Slot(slot) },
            _ => Lane { pool: self.main, place: Place::Slot(way) },
        }
    }
}

/// Trace ids are random, or their last bytes are.
fn hash(trace_id: &[u8; 16]) -> u64 {
    u128::from_be_bytes(*trace_id) as u64
}

/// Whether a trace is among those of a canary. Of the hash other bits count than for the slot, and those of a sender who
/// counts its traces up are mixed.
fn is_within(share: f64, hash: u64) -> bool {
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed as f64) < share * (1u64 << 32) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_traces_is_the_same_traces_each_time_and_about_so_many() {
        for random in [false, true] {
            let ids =
                (0..10_000u64).map(|id| if random { id.wrapping_mul(0xd134_2543_de82_ef95) } else { id });
            let within = ids.filter(|id| is_within(0.1, *id)).count();
            assert!((800..1200).contains(&within), "{within} of 10,000");
        }
        assert!(!is_within(0.0, 0) && is_within(1.0, u64::MAX));
    }
}
