//! One generation after another. The flip is one store: from then on each call that comes to an instance of another
//! generation first puts one of the current generation in its place, and hands over what the old one holds. Recycling
//! an instance, changing a config, swapping a plugin and putting an old version back are all this.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{Outcome, Pool, Resident, Slot, Undone};
use crate::{
    pipeline::Batch,
    plugin::{
        guest::{
            failure::{CallError, CallErrorKind},
            instance::Instance,
        },
        pool::{
            generation::Generation,
            probation::{Probation, Verdict},
        },
    },
};

/// A new generation's time of trial: what it fails on is given to the one before.
pub(super) struct Trial {
    /// On trial.
    pub(super) number: u64,
    pub(super) previous: Arc<Generation>,
    pub(super) probation: Arc<Probation>,
}

impl Pool {
    /// Replaces every instance of a former generation. Returns when the last of them has ended.
    pub(super) async fn turn_over(&self) {
        for slot in &self.slots {
            let mut slot = slot.lock().await;
            if self.is_outdated(&slot) {
                self.succeed(&mut slot).await;
            }
        }
        self.current.load().drop_spares();
    }

    pub(super) fn next_number(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Makes this the current generation: every call that begins from now on is its. Returns the former one.
    pub(super) fn advance(
        &self,
        next: Arc<Generation>,
        probation: Option<Arc<Probation>>,
    ) -> Arc<Generation> {
        let number = next.number;
        let previous = self.current.load_full();
        let trial = probation.map(|probation| Trial { number, previous: previous.clone(), probation });
        self.end_trial(&Verdict::Superseded);
        self.trial.store(trial.map(Arc::new));
        self.flip(next);
        previous
    }

    /// Puts the generation before the one on trial back. Nothing if there is none on trial.
    pub(in crate::plugin) fn put_back(&self) {
        let Some(trial) = self.trial.swap(None) else { return };
        if self.number.load(Ordering::Acquire) == trial.number {
            self.flip(Arc::new(trial.previous.again(self.next_number())));
        }
    }

    /// What is on trial has proved itself, or another takes its place.
    pub(super) fn end_trial(&self, verdict: &Verdict) {
        if let Some(trial) = self.trial.swap(None) {
            trial.probation.decide(verdict.clone());
        }
    }

    /// What speaks against the generation on trial, if there is one.
    pub(super) fn is_worse(&self) -> Option<String> {
        let (trial, current) = (self.trial.load_full()?, self.current.load_full());
        if trial.number != current.number {
            return None;
        }
        trial.probation.is_worse(current.record.figures(), trial.previous.record.figures())
    }

    fn flip(&self, next: Arc<Generation>) {
        let number = next.number;
        self.current.store(next);
        self.number.store(number, Ordering::Release);
        self.breaker.reset();
        self.metrics.breaker_open.set(0.0);
        // Who tends the guests looks at every slot.
        self.wakes.notify_one();
    }

    /// Sees to it that there is an instance in the slot, of the current generation.
    pub(super) async fn ready(&self, slot: &mut Slot) -> Result<(), CallError> {
        // In boxes: what seldom happens need not be moved about with every call.
        if self.is_outdated(slot) {
            Box::pin(self.succeed(slot)).await;
        }
        if slot.is_some() { Ok(()) } else { Box::pin(self.fill(slot)).await }
    }

    pub(super) fn is_outdated(&self, slot: &Slot) -> bool {
        let current = self.number.load(Ordering::Acquire);
        slot.as_ref().is_some_and(|resident| resident.generation.number != current)
    }

    /// Puts an instance of the current generation in the place of an older one. No call can come to it meanwhile.
    pub(super) async fn succeed(&self, slot: &mut Slot) {
        let begun = Instant::now();
        let current = self.current.load_full();
        match self.resident(&current).await {
            Ok(fresh) => {
                let outcome = self.hand_over(slot, fresh).await;
                self.later(outcome);
            }
            // What the new one cannot begin the old one does.
            Err(error) => self.failed(&current, &error, Duration::ZERO),
        }
        self.metrics.paused(begun.elapsed());
    }

    /// With an instance of the version before, if the one on trial does not start.
    async fn fill(&self, slot: &mut Slot) -> Result<(), CallError> {
        loop {
            let current = self.current.load_full();
            match self.resident(&current).await {
                Ok(fresh) => {
                    *slot = Some(fresh);
                    return Ok(());
                }
                Err(error) => {
                    self.failed(&current, &error, Duration::ZERO);
                    // Two versions have each a try: what is put back is not on trial.
                    if !self.reject(&error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    pub(super) async fn resident(&self, generation: &Arc<Generation>) -> Result<Resident, CallError> {
        let instance = generation.instance(self.role).await?;
        // It may have asked to be woken already.
        if instance.wake_at().is_some() {
            self.wakes.notify_one();
        }
        Ok(Resident { instance, generation: generation.clone() })
    }

    /// Notes that a call failed; ends the trial of its generation if that was too much.
    pub(super) fn failed(&self, generation: &Generation, error: &CallError, busy: Duration) {
        self.metrics.count(error);
        generation.record.failed(error, busy);
        let trial = self.trial.load();
        let Some(trial) = trial.as_ref().filter(|trial| trial.number == generation.number) else { return };
        let (new, old) = (generation.record.figures(), trial.previous.record.figures());
        if let Some(why) = trial.probation.is_worse(new, old) {
            self.condemn(trial, format!("{why}; the last: {error}"));
        } else if error.kind == CallErrorKind::Overrun {
            self.reject(error);
        }
    }

    /// The version on trial has failed where there is nothing left to try with it. Returns whether there was one, and the
    /// one before is back.
    pub(super) fn reject(&self, error: &CallError) -> bool {
        self.trial.load_full().is_some_and(|trial| self.condemn(&trial, error.to_string()))
    }

    /// Nothing, if something else has been decided.
    fn condemn(&self, trial: &Trial, why: String) -> bool {
        let is_worse = matches!(trial.probation.decide(Verdict::Worse(why)), Verdict::Worse(_));
        if is_worse {
            self.put_back();
        }
        is_worse
    }

    /// Puts a fresh instance in the slot, and gives it what the one that is there holds.
    pub(super) async fn hand_over(&self, slot: &mut Slot, fresh: Resident) -> Outcome {
        let takes_over = fresh.instance.hands_over();
        let Some(old) = slot.replace(fresh) else { return Outcome::default() };
        if takes_over && old.instance.hands_over() {
            self.pass_state_on(slot, old).await
        } else {
            self.empty_into(slot, old.instance).await
        }
    }

    async fn pass_state_on(&self, slot: &mut Slot, old: Resident) -> Outcome {
        let Resident { instance, generation } = old;
        let (state, batches, passed) = match instance.save().await {
            Ok(saved) => saved,
            Err(Undone { error, batches, .. }) => {
                let consequence = "its state is lost, its batches are processed anew";
                self.metrics.report(&generation.plugin, &error, consequence);
                let mut outcome = Outcome::default();
                self.feed(slot, batches.all(), &mut outcome).await;
                return outcome;
            }
        };
        let mut outcome = Outcome::of(passed);
        if let Err(undone) = self.restore(slot, state.clone(), batches, &mut outcome).await {
            let left = self.restore_former(slot, state, undone, &mut outcome).await;
            self.feed(slot, left, &mut outcome).await;
        }
        outcome
    }

    /// The new instance did not take the state over: if its generation is on trial it has failed, and the one before goes on.
    /// Returns the batches that no instance has taken.
    async fn restore_former(
        &self,
        slot: &mut Slot,
        state: Vec<u8>,
        refused: Undone,
        outcome: &mut Outcome,
    ) -> Vec<Batch> {
        let Undone { error, batches, .. } = refused;
        let error =
            CallError { message: format!("it does not take over the state: {}", error.message), ..error };
        if !self.reject(&error) {
            self.metrics.report(&self.plugin(), &error, "its batches are processed anew");
            return batches.all();
        }
        match self.resident(&self.current.load_full()).await {
            Ok(former) => *slot = Some(former),
            Err(_) => return batches.all(),
        }
        match self.restore(slot, state, batches.all(), outcome).await {
            Ok(()) => Vec::new(),
            Err(again) => again.batches.all(),
        }
    }

    async fn restore(
        &self,
        slot: &mut Slot,
        state: Vec<u8>,
        batches: Vec<Batch>,
        outcome: &mut Outcome,
    ) -> Result<(), Undone> {
        let passed = self.attempt(slot, 0, async |fresh| fresh.restore(state, batches).await).await?;
        outcome.passed.append(passed);
        Ok(())
    }

    /// One of the two does not hand over: the old one passes on what it holds, and what it does not is processed anew.
    async fn empty_into(&self, slot: &mut Slot, mut old: Instance) -> Outcome {
        let mut outcome = Outcome::default();
        if old.is_empty() {
            return outcome;
        }
        let left = match old.flush().await {
            Ok(passed) => {
                outcome.passed.append(passed);
                old.dissolve()
            }
            Err(Undone { batches, .. }) => batches.all().into_iter().chain(old.dissolve()).collect(),
        };
        self.feed(slot, left, &mut outcome).await;
        outcome
    }
}
