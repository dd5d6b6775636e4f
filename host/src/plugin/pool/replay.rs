//! Gives the batches of a failed call to a guest once more.

use std::collections::VecDeque;

use super::{Pool, Undone, slots::Slot};
use crate::{
    pipeline::Batch,
    plugin::{
        guest::{custody::Passed, failure::CallError},
        load::card::Role,
    },
};

/// After this many batches of one guest have failed again, the guest's other batches are given up.
const FAILURE_LIMIT: usize = 3;

/// The outcome of a call, and of the calls that repeated it.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Outcome {
    pub(in crate::plugin) passed: Passed,
    /// The error, and the batches of the call, if the call failed in the end. Boxed, because failures are
    /// rare and this value is moved often.
    pub(in crate::plugin) undone: Option<Box<Undone>>,
    /// Batches of earlier calls that the guest held, and that no other guest could process.
    pub(in crate::plugin) lost: Option<Box<Undone>>,
}

impl Outcome {
    pub(super) fn of(passed: Passed) -> Outcome {
        Outcome { passed, ..Outcome::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.passed.is_empty() && self.undone.is_none() && self.lost.is_none()
    }

    /// Returns why the call failed, or why batches of earlier calls were lost.
    pub(in crate::plugin) fn error(&self) -> Option<&CallError> {
        self.undone.as_ref().or(self.lost.as_ref()).map(|undone| &undone.error)
    }

    fn lose(&mut self, error: CallError, batches: impl IntoIterator<Item = Batch>) {
        let lost = self.lost.get_or_insert_with(|| Box::new(Undone::holding(error, Vec::new())));
        lost.batches.own.extend(batches);
    }
}

impl Pool {
    /// Gives the slot's guest a batch. Starts a guest if the slot is empty.
    pub(super) async fn give(&self, slot: &mut Slot, batch: Box<Batch>) -> Result<Passed, Undone> {
        match self.ready(slot).await {
            Ok(()) => {
                let items = batch.items();
                self.attempt(slot, items, async |guest| guest.process(batch).await).await
            }
            Err(error) => Err(Undone::holding(error, vec![*batch])),
        }
    }

    /// Recovers from a failed call: processes again what the guest held or released and, after an accident,
    /// what the call was given.
    pub(super) async fn replay(&self, slot: &mut Slot, mut undone: Undone) -> Outcome {
        let mut outcome = Outcome::default();
        let is_accident = undone.error.kind.is_accident();
        if is_accident {
            self.replaying(&undone.error);
        }
        let held = std::mem::take(&mut undone.batches.held);
        outcome.passed.mixed = !held.is_empty();
        self.feed(slot, held, &mut outcome).await;
        if !is_accident {
            outcome.undone = Some(Box::new(undone));
            return outcome;
        }
        for batch in undone.batches.own {
            match self.give_again(slot, batch, &mut outcome).await {
                Ok(passed) => outcome.passed.append(passed),
                Err(again) => outcome.undone = Some(Box::new(again)),
            }
        }
        outcome
    }

    /// Gives a fresh guest a batch. If a version on trial fails again, a guest of the previous version gets
    /// the batch. Batches that the failed guests held are processed again.
    async fn give_again(
        &self,
        slot: &mut Slot,
        batch: Batch,
        outcome: &mut Outcome,
    ) -> Result<Passed, Undone> {
        let mut again = match self.give(slot, Box::new(batch)).await {
            Err(undone) => undone,
            passed => return passed,
        };
        let held = std::mem::take(&mut again.batches.held);
        let is_rejected = again.error.kind.is_accident() && self.reject(&again.error);
        self.feed(slot, held, outcome).await;
        match again.batches.own.pop() {
            Some(batch) if is_rejected => {
                self.replaying(&again.error);
                self.give(slot, Box::new(batch)).await
            }
            own => {
                again.batches.own.extend(own);
                Err(again)
            }
        }
    }

    pub(super) fn replaying(&self, error: &CallError) {
        self.metrics.replays.increment(1);
        self.metrics.report_replay(&self.plugin(), error);
    }

    /// Processes batches one after another. A batch that fails is not given to the plugin again; batches that
    /// the failed guest held are given to the next guest.
    pub(super) async fn feed(&self, slot: &mut Slot, batches: Vec<Batch>, outcome: &mut Outcome) {
        if self.role == Role::Receiver {
            // A receiver is given no batches: these are its own.
            outcome.passed.onward.extend(batches);
            return;
        }
        let mut waiting = VecDeque::from(batches);
        let mut failures = 0;
        while let Some(batch) = waiting.pop_front() {
            match self.give(slot, Box::new(batch)).await {
                Ok(passed) => outcome.passed.append(passed),
                Err(Undone { error, batches, .. }) => {
                    failures += 1;
                    batches.held.into_iter().rev().for_each(|held| waiting.push_front(held));
                    let lost = batches.own;
                    let others =
                        if failures < FAILURE_LIMIT { VecDeque::new() } else { std::mem::take(&mut waiting) };
                    outcome.lose(error, lost.into_iter().chain(others));
                }
            }
        }
    }
}
