//! Chooses the version and the slot for a batch, and makes its calls. The version is the running one or a
//! canary, if its breaker allows calls.

use std::sync::Arc;

use futures::future::join_all;
use smallvec::{SmallVec, smallvec};
use wire::SpanBatch;

use super::{Place, Pool, candidate::Candidate};
use crate::{
    pipeline::Batch,
    plugin::{guest::failure::CallError, load::description::Concurrency, pool::breaker::Admission},
};

/// The permission to make the calls for one batch. It must live until the [calls](Route::call) have ended.
pub(in crate::plugin) struct Route<'a> {
    main: &'a Pool,
    canary: Option<Diversion>,
    /// The admissions from the breakers of the pools that are called.
    _admissions: [Option<Admission>; 2],
}

/// A canary that gets the whole batch, or some of its traces.
struct Diversion {
    candidate: Arc<Candidate>,
    /// The share of the traces, 0 to 1. `None` if the canary gets the whole batch.
    share: Option<f64>,
}

/// One slot of a pool, or any slot.
#[derive(Clone, Copy)]
pub(in crate::plugin) struct Lane<'r> {
    pub(in crate::plugin) pool: &'r Pool,
    pub(in crate::plugin) place: Place,
}

/// Data that is shown to one lane.
pub(in crate::plugin) struct Shown {
    pub(in crate::plugin) data: wire::Batch,
    /// The rows of the data in the batch. `None` if the data is the whole batch.
    pub(in crate::plugin) rows: Option<Vec<u32>>,
}

/// The parts of a batch, each with its lane. Nearly always there is one.
pub(in crate::plugin) type Parts<'r, P> = SmallVec<[(Lane<'r>, P); 1]>;

/// The answers to the parts of a batch, in the order of the parts.
pub(in crate::plugin) type Answers<A> = SmallVec<[A; 1]>;

impl Pool {
    /// Chooses the version for the next batch. Returns `None` while the plugin's breaker is open. A canary
    /// whose breaker is open gets nothing.
    pub(in crate::plugin) fn route(&self) -> Option<Route<'_>> {
        let by_trace = self.concurrency == Concurrency::ByTrace;
        if let Some(candidate) = self.beside.next_canary(by_trace)
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
    /// Returns the lane of a batch that is not divided, or of an HTTP request.
    pub(in crate::plugin) fn whole(&self) -> Lane<'_> {
        let pool = match &self.canary {
            Some(Diversion { candidate, share: None }) => candidate.pool(),
            _ => self.main,
        };
        let place = if pool.concurrency == Concurrency::Stateless { Place::Any } else { Place::Slot(0) };
        Lane { pool, place }
    }

    /// Divides the batch by trace, if the plugin is `by-trace`. Each part has the lane of its traces.
    pub(in crate::plugin) fn share_out(&self, mut batch: Box<Batch>) -> Parts<'_, Box<Batch>> {
        let parts = match self.divides(&batch.data) {
            Some(spans) => spans.split_by_trace(self.ways(), |trace| self.way_of(trace) as u64),
            None => return smallvec![(self.whole(), batch)],
        };
        let parts = parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty());
        let (ways, parts): (Vec<usize>, Vec<_>) =
            parts.map(|(way, part)| (way, wire::Batch::Spans(part))).unzip();
        let parts = batch.divide(parts);
        batch.forget();
        std::iter::zip(ways, parts).map(|(way, part)| (self.lane(way), Box::new(part))).collect()
    }

    /// Divides data that is only shown to guests, as [`Route::share_out`] does.
    pub(in crate::plugin) fn show(&self, data: &wire::Batch) -> Parts<'_, Box<Shown>> {
        let Some(spans) = self.divides(data) else {
            return smallvec![(self.whole(), Box::new(Shown { data: data.clone(), rows: None }))];
        };
        let mut rows = vec![Vec::new(); self.ways()];
        for (row, trace) in spans.trace_ids().iter().enumerate() {
            if let Some(rows) = rows.get_mut(self.way_of(trace)) {
                rows.push(row as u32);
            }
        }
        let parts = spans.split_by_trace(self.ways(), |trace| self.way_of(trace) as u64);
        (parts.into_iter().zip(rows).enumerate())
            .filter(|(_, (part, _))| !part.is_empty())
            .map(|(way, (part, rows))| {
                let shown = Shown { data: wire::Batch::Spans(part), rows: Some(rows) };
                (self.lane(way), Box::new(shown))
            })
            .collect()
    }

    /// Makes the calls for the parts of one batch concurrently, and reports the outcome to the breakers.
    ///
    /// `error_of` returns why a call failed, if it did. The answers are in the order of the parts.
    pub(in crate::plugin) async fn call<'r, P, A, F: Future<Output = A>>(
        &'r self,
        parts: Parts<'r, P>,
        call: impl Fn(Lane<'r>, P) -> F,
        error_of: impl Fn(&A) -> Option<&CallError>,
    ) -> Answers<A> {
        match parts.into_inner() {
            Ok([(lane, part)]) => {
                let answer = call(lane, part).await;
                if let Some(suspicion) = lane.pool.note(error_of(&answer)) {
                    Box::pin(lane.pool.examine(suspicion)).await;
                }
                smallvec![answer]
            }
            // Boxed, so that the future of a batch with one part stays small.
            Err(parts) => {
                Box::pin(async {
                    let (lanes, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                    let answers =
                        join_all(std::iter::zip(&lanes, parts).map(|(lane, part)| call(*lane, part))).await;
                    self.note(std::iter::zip(lanes, answers.iter().map(&error_of))).await;
                    answers.into()
                })
                .await
            }
        }
    }

    /// Reports the outcome of the batch to each pool once, however many parts the pool was given.
    async fn note<'e>(&self, calls: impl IntoIterator<Item = (Lane<'_>, Option<&'e CallError>)>) {
        let (mut main, mut canary) = (None, None);
        for (lane, error) in calls {
            let fared = if std::ptr::eq(lane.pool, self.main) { &mut main } else { &mut canary };
            let known: &mut Option<&CallError> = fared.get_or_insert_default();
            *known = known.or(error);
        }
        let canary_pool = self.canary.as_ref().map(|canary| canary.candidate.pool());
        for (pool, error) in [(Some(self.main), main), (canary_pool, canary)] {
            if let (Some(pool), Some(error)) = (pool, error)
                && let Some(suspicion) = pool.note(error)
            {
                Box::pin(pool.examine(suspicion)).await;
            }
        }
    }

    /// Returns the spans of the data, if their traces may go to different lanes.
    fn divides<'d>(&self, data: &'d wire::Batch) -> Option<&'d SpanBatch> {
        match data {
            wire::Batch::Spans(spans) if self.main.concurrency == Concurrency::ByTrace && self.ways() > 1 => {
                Some(spans)
            }
            _ => None,
        }
    }

    /// Returns the number of lanes: the slots of the running version, and those of a canary that has a share
    /// of the traces.
    fn ways(&self) -> usize {
        let of_canary = self.canary.as_ref().filter(|canary| canary.share.is_some());
        self.main.slots() + of_canary.map_or(0, |canary| canary.candidate.pool().slots())
    }

    /// Returns the number of a trace's lane, which is the same in every batch.
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

/// Takes the last bytes of a trace id, which are random in all kinds of trace ids.
fn hash(trace_id: &[u8; 16]) -> u64 {
    u128::from_be_bytes(*trace_id) as u64
}

/// Returns whether a trace belongs to the canary's share. The hash is mixed first, because its bits also
/// choose the slot, and some senders use consecutive trace ids.
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
