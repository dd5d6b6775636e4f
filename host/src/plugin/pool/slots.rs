//! The guests of a pool, each in a slot that one call at a time uses.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Instant,
};

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use super::generation::Generation;
use crate::plugin::guest::instance::Instance;

/// The slot of a guest. It is empty before the first call, and after a call that destroyed the guest.
///
/// Boxed, because each call takes the guest out of its slot and puts it back.
pub(super) type Slot = Option<Box<Resident>>;

/// An instance, and the generation that it belongs to.
pub(super) struct Resident {
    pub(super) instance: Instance,
    pub(super) generation: Arc<Generation>,
}

/// Which slot a call goes to.
#[derive(Clone, Copy)]
pub(in crate::plugin) enum Place {
    Any,
    Slot(usize),
}

/// The resources that the guests of one component use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestUsage {
    pub instances: usize,
    /// The memory of all guests. A guest's memory never shrinks.
    pub memory_bytes: usize,
}

/// A fixed number of slots, at least one.
///
/// A call for [`Place::Any`] first waits for its turn, then takes the slot that was used last, whose guest is
/// the warmest. Turns are given in the order in which calls arrive, so no call waits for ever. A call for one
/// slot waits only for that slot.
pub(super) struct Slots {
    slots: Box<[Mutex<Slot>]>,
    /// A permit for each slot in `idle`.
    turns: Semaphore,
    /// The numbers of the slots that no call for [`Place::Any`] uses. The slot that was used last is at the
    /// end.
    idle: StdMutex<Vec<usize>>,
}

/// Exclusive use of a slot by one call, or by the task that tends the guests.
pub(super) struct Lease<'a> {
    // Fields are dropped in this order: the slot is unlocked before its number is idle again.
    slot: MutexGuard<'a, Slot>,
    _turn: Option<Turn<'a>>,
}

/// Puts the number of a slot back, and then lets the next call have its turn.
struct Turn<'a> {
    slots: &'a Slots,
    number: usize,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Slots {
    pub(super) fn new(count: usize) -> Slots {
        let count = count.max(1);
        Slots {
            slots: (0..count).map(|_| Mutex::new(None)).collect(),
            turns: Semaphore::new(count),
            idle: StdMutex::new((0..count).rev().collect()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Waits for a slot. A cancelled wait gives up its turn.
    pub(super) async fn lease(&self, place: Place) -> Lease<'_> {
        match place {
            Place::Any => self.lease_any().await,
            Place::Slot(number) => {
                Lease { slot: self.nth(number % self.slots.len()).lock().await, _turn: None }
            }
        }
    }

    async fn lease_any(&self) -> Lease<'_> {
        let permit = match self.turns.try_acquire() {
            Ok(permit) => Some(permit),
            // The semaphore is never closed.
            Err(_) => self.turns.acquire().await.ok(),
        };
        let number = self.idle().pop().unwrap_or_default();
        let turn = Turn { slots: self, number, _permit: permit };
        // The slot is free, unless its guest is being tended.
        let slot = match self.nth(number).try_lock() {
            Ok(slot) => slot,
            Err(_) => self.nth(number).lock().await,
        };
        Lease { slot, _turn: Some(turn) }
    }

    /// Returns the slots. The caller locks each.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Mutex<Slot>> {
        self.slots.iter()
    }

    /// Returns the current usage, without guests that are in a call.
    pub(super) fn usage(&self) -> GuestUsage {
        let idle = self.slots.iter().filter_map(|slot| slot.try_lock().ok());
        idle.fold(GuestUsage::default(), |usage, slot| match &*slot {
            None => usage,
            Some(guest) => GuestUsage {
                instances: usage.instances + 1,
                memory_bytes: usage.memory_bytes + guest.instance.memory_used_bytes(),
            },
        })
    }

    fn nth(&self, number: usize) -> &Mutex<Slot> {
        #[expect(clippy::indexing_slicing, reason = "numbers are below `len`, which is never 0")]
        &self.slots[number]
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.slots.idle().push(self.number);
    }
}

impl Deref for Lease<'_> {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.slot
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Slot {
        &mut self.slot
    }
}

/// Returns when the guest in the slot wants to be woken.
pub(super) fn wake_at(slot: &Slot) -> Option<Instant> {
    slot.as_ref().and_then(|resident| resident.instance.wake_at())
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// Scenario: three calls come while both slots are taken, and the slots are given back.
    /// Guarantees: the calls get the slots in the order in which they arrived, and a call that is given up is
    /// passed over.
    #[tokio::test]
    async fn calls_get_slots_in_the_order_in_which_they_came() {
        let slots = Slots::new(2);
        let (first, second) = (slots.lease(Place::Any).await, slots.lease(Place::Any).await);
        let mut waiting: Vec<_> = (0..3).map(|_| Some(Box::pin(slots.lease(Place::Any)))).collect();
        for call in waiting.iter_mut().flatten() {
            assert!(call.now_or_never().is_none());
        }
        waiting[1] = None;
        drop(first);
        let last = waiting[2].as_mut().unwrap();
        assert!(last.now_or_never().is_none(), "the first is first");
        let first = waiting[0].as_mut().unwrap().now_or_never();
        assert!(first.is_some());
        drop(second);
        assert!(waiting[2].as_mut().unwrap().now_or_never().is_some());
    }

    /// Scenario: two of three slots are used one after the other.
    /// Guarantees: the next call gets the slot that was used last, and concurrent calls get different slots.
    #[tokio::test]
    async fn the_slot_that_was_used_last_is_used_next() {
        let slots = Slots::new(3);
        let number = |lease: &Lease<'_>| lease._turn.as_ref().unwrap().number;
        let (first, second) = (slots.lease(Place::Any).await, slots.lease(Place::Any).await);
        let (a, b) = (number(&first), number(&second));
        assert_ne!(a, b);
        drop(second);
        drop(first);
        assert_eq!(number(&slots.lease(Place::Any).await), a);
        assert_eq!(number(&slots.lease(Place::Any).await), a);
    }

    /// Scenario: the guest of one slot is being tended, and two calls arrive: one for that slot and one for
    /// any slot.
    /// Guarantees: the first call waits for that slot, and the second uses another. A slot number beyond the
    /// last starts again at 0.
    #[tokio::test]
    async fn a_call_for_one_slot_waits_for_that_one() {
        let slots = Slots::new(2);
        let upkeep = slots.nth(1).lock().await;
        assert!(slots.lease(Place::Slot(3)).now_or_never().is_none());
        assert!(slots.lease(Place::Slot(2)).now_or_never().is_some());
        drop(upkeep);
        assert!(slots.lease(Place::Slot(3)).now_or_never().is_some());
    }
}
