//! Puts guests into slots, replaces guests of former generations, and hands over what a replaced guest holds.
//!
//! A call that finds an instance of another generation in its slot first replaces that instance with one of
//! the current generation. Recycling, a changed config, a swap and a roll-back are all done this way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Outcome, Pool, Undone,
    generation::Generation,
    slots::{Resident, Slot},
};
use crate::{
    pipeline::Batch,
    plugin::guest::{failure::CallError, instance::Instance},
};

impl Pool {
    /// Replaces every instance of a former generation, and returns when the last of them has ended.
    pub(super) async fn turn_over(&self) {
        for slot in self.slots.iter() {
            let mut slot = slot.lock().await;
            if self.is_outdated(&slot) {
                self.succeed(&mut slot).await;
            }
        }
        self.current().drop_spares();
    }

    /// Makes sure that the slot has an instance of the current generation.
    pub(super) async fn ready(&self, slot: &mut Slot) -> Result<(), CallError> {
        // Boxed, because this branch is rare and would enlarge the future of every call.
        if self.is_outdated(slot) {
            Box::pin(self.succeed(slot)).await;
        }
        if slot.is_some() { Ok(()) } else { Box::pin(self.fill(slot)).await }
    }

    /// Returns whether the slot has an instance of a former generation.
    pub(super) fn is_outdated(&self, slot: &Slot) -> bool {
        slot.as_ref().is_some_and(|resident| !self.succession.is_current(&resident.generation))
    }

    /// Replaces the slot's instance with one of the current generation. The caller holds the slot, so no call
    /// comes in between.
    pub(super) async fn succeed(&self, slot: &mut Slot) {
        let begun = Instant::now();
        let current = self.generation();
        match self.resident(&current).await {
            Ok(fresh) => {
                let outcome = self.hand_over(slot, fresh).await;
                self.later(outcome);
            }
            // If the new version does not start, the old instance takes the call.
            Err(error) => self.failed(&current, &error, Duration::ZERO),
        }
        self.metrics.paused(begun.elapsed());
    }

    /// Puts an instance into the empty slot. If a version on trial does not start, the previous version is
    /// tried.
    async fn fill(&self, slot: &mut Slot) -> Result<(), CallError> {
        loop {
            let current = self.generation();
            match self.resident(&current).await {
                Ok(fresh) => {
                    *slot = Some(fresh);
                    return Ok(());
                }
                Err(error) => {
                    self.failed(&current, &error, Duration::ZERO);
                    // The loop ends after two tries, because the restored version is not on trial.
                    if !self.reject(&error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Starts an instance of a generation.
    pub(super) async fn resident(&self, generation: &Arc<Generation>) -> Result<Box<Resident>, CallError> {
        let instance = generation.instance(self.role).await?;
        // The guest may have asked to be woken while it was configured.
        if instance.wake_at().is_some() {
            self.wakes.notify_one();
        }
        Ok(Box::new(Resident { instance, generation: generation.clone() }))
    }

    /// Replaces the slot's instance with a fresh one, and gives the fresh one what the old one holds.
    pub(super) async fn hand_over(&self, slot: &mut Slot, fresh: Box<Resident>) -> Outcome {
        let takes_over = fresh.instance.hands_over();
        let Some(old) = slot.replace(fresh) else { return Outcome::default() };
        if takes_over && old.instance.hands_over() {
            self.pass_state_on(slot, old).await
        } else {
            self.empty_into(slot, old.instance).await
        }
    }

    /// Takes the old instance's state and batches with `save`, and gives them to the slot's instance with
    /// `restore`.
    async fn pass_state_on(&self, slot: &mut Slot, old: Box<Resident>) -> Outcome {
        let Resident { instance, generation } = *old;
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

    /// Gives the state back to an instance of the previous generation, if the new generation is on trial: the
    /// trial has failed. Returns the batches that no instance has taken.
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
        match self.resident(&self.generation()).await {
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

    /// Ends an instance that cannot hand over its state: flushes it, and processes again the batches that it
    /// still holds.
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
