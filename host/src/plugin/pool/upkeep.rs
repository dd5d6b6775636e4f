//! Tends guests between their calls: replaces guests that are old or large, wakes guests that asked to be
//! woken, and flushes all guests at the end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Outcome, Pool, Undone,
    slots::{Resident, Slot, wake_at},
};
use crate::plugin::guest::failure::{CallError, CallErrorKind};

impl Pool {
    /// Replaces guests of former generations, and guests that are due to be recycled and have a state to hand
    /// over; wakes guests that asked to be woken. Returns the outcomes, and when the next guest wants to be
    /// woken.
    pub(super) async fn tend(&self) -> (Vec<Outcome>, Option<Instant>) {
        let mut next = None;
        let mut outcomes = Vec::new();
        for slot in self.slots.iter() {
            let mut slot = slot.lock().await;
            if self.is_outdated(&slot) {
                self.succeed(&mut slot).await;
            }
            outcomes.extend(self.renew(&mut slot).await);
            if wake_at(&slot).is_some_and(|at| at <= Instant::now()) {
                outcomes.push(match self.attempt(&mut slot, 0, async |guest| guest.wake().await).await {
                    Ok(passed) => Outcome::of(passed),
                    Err(undone) => self.replay(&mut slot, undone).await,
                });
            }
            next = [next, wake_at(&slot)].into_iter().flatten().min();
        }
        let mut all = self.take_late();
        all.append(&mut outcomes);
        (all, next)
    }

    /// Flushes every guest. No guest is used afterwards.
    pub(in crate::plugin) async fn flush(&self) -> Vec<Outcome> {
        let mut outcomes = self.take_late();
        for slot in self.slots.iter() {
            self.flush_slot(&mut *slot.lock().await, &mut outcomes).await;
        }
        outcomes
    }

    async fn flush_slot(&self, slot: &mut Slot, outcomes: &mut Vec<Outcome>) {
        // This is done twice, because after an accident a fresh instance gets what the guest held.
        for _ in 0..2 {
            if slot.is_none() {
                break;
            }
            match self.attempt(slot, 0, async |guest| guest.flush().await).await {
                Ok(passed) => {
                    outcomes.push(Outcome::of(passed));
                    break;
                }
                Err(undone) => outcomes.push(self.replay(slot, undone).await),
            }
        }
        let kept = slot.take().map(|resident| resident.instance.dissolve()).unwrap_or_default();
        if !kept.is_empty() {
            let error = CallError::new(CallErrorKind::WrongAnswer, "it kept batches when it was flushed");
            let lost = Some(Box::new(Undone::holding(error, kept)));
            outcomes.push(Outcome { lost, ..Outcome::default() });
        }
    }

    /// Keeps the outcome of a call that no sender waits for, until [`Pool::tend`] takes it.
    pub(super) fn later(&self, outcome: Outcome) {
        if !outcome.is_empty() {
            self.late.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(outcome);
            self.wakes.notify_one();
        }
    }

    fn take_late(&self) -> Vec<Outcome> {
        std::mem::take(&mut *self.late.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Puts the guest back into its slot, unless the guest is due to be recycled. A guest with a state to
    /// hand over stays until [`Pool::tend`] replaces it.
    pub(super) fn keep(&self, slot: &mut Slot, resident: Box<Resident>) {
        let guest = &resident.instance;
        match self.is_due(&resident, guest.idle_since) {
            Some(why) if guest.is_empty() && !guest.hands_over() => self.metrics.recycled(why),
            due => {
                if due.is_some() && guest.hands_over() {
                    self.wakes.notify_one();
                }
                *slot = Some(resident);
            }
        }
    }

    fn is_due(&self, resident: &Resident, now: Instant) -> Option<&'static str> {
        let (guest, limits) = (&resident.instance, &resident.generation.shared.limits);
        if guest.calls >= limits.max_calls {
            Some("calls")
        } else if now.saturating_duration_since(guest.born) >= limits.max_age {
            Some("age")
        } else {
            (guest.memory_used_bytes() >= limits.recycle_memory_bytes).then_some("memory")
        }
    }

    /// Replaces a guest that is due to be recycled with a new one, which gets the guest's state.
    async fn renew(&self, slot: &mut Slot) -> Option<Outcome> {
        let old = slot.as_ref().filter(|old| old.instance.hands_over())?;
        let why = self.is_due(old, Instant::now())?;
        let generation = Arc::clone(&old.generation);
        match self.resident(&generation).await {
            Ok(fresh) => {
                self.metrics.recycled(why);
                Some(self.hand_over(slot, fresh).await)
            }
            Err(error) => {
                self.failed(&generation, &error, Duration::ZERO);
                self.metrics.report(&generation.plugin, &error, "the old instance stays");
                None
            }
        }
    }
}
