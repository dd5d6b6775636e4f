//! The decisions about traces, for the spans that come after their trace was decided.

use std::{
    hash::BuildHasher,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashbrown::DefaultHashBuilder;
use tokio::time::Instant;

use super::shard::TraceId;

/// How many decisions share a set of a table. A new decision replaces the one of its set that was not used for
/// the longest time.
const WAYS: usize = 16;
/// How many locks share the decisions.
const STRIPES: usize = 16;
/// Times are kept in seconds, modulo this.
const TURN: u64 = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Kept,
    NotSampled,
}

/// A decision that was made before, and how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) decision: Decision,
    pub(super) age_secs: u64,
}

/// How many decisions of each kind are remembered, about: the sets are filled unevenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) kept: usize,
    pub(super) not_sampled: usize,
}

/// Remembers decisions, with 16 bytes each. The first decision about a trace stands, until others have taken its
/// place.
///
/// An entry holds the last 14 bytes of the trace id. All schemes of ids that are in use have their variety there,
/// so two traces are not mistaken for each other.
pub(super) struct Decisions {
    stripes: Vec<Mutex<Stripe>>,
    /// Keyed, so that a sender cannot choose traces that all go to one set.
    hasher: DefaultHashBuilder,
    started: Instant,
}

struct Stripe {
    kept: Table,
    not_sampled: Table,
}

/// Sets of entries. An entry is an id, shifted by 16 bits, and a time from 1 on. Zero is a free entry.
struct Table(Vec<[u128; WAYS]>);

impl Decisions {
    pub(super) fn new(sizes: Sizes) -> Decisions {
        let stripe = || Mutex::new(Stripe::new(sizes));
        Decisions {
            stripes: std::iter::repeat_with(stripe).take(STRIPES).collect(),
            hasher: DefaultHashBuilder::default(),
            started: Instant::now(),
        }
    }

    /// Changes the sizes. What is remembered stays, as far as there is room.
    pub(super) fn set(&self, sizes: Sizes) {
        for stripe in &self.stripes {
            let mut stripe = lock(stripe);
            if stripe.is_of(sizes) {
                continue;
            }
            let Stripe { kept, not_sampled } = std::mem::replace(&mut *stripe, Stripe::new(sizes));
            kept.move_to(&mut stripe.kept, |key| self.hash(key));
            not_sampled.move_to(&mut stripe.not_sampled, |key| self.hash(key));
        }
    }

    /// Returns the decision about a trace.
    pub(super) fn get(&self, id: &TraceId) -> Option<Known> {
        let key = key(id)?;
        let hash = self.hash(key);
        let mut stripe = lock(self.stripe(hash)?);
        let (decision, time) = match stripe.kept.get(hash, key) {
            Some(time) => (Decision::Kept, time),
            None => (Decision::NotSampled, stripe.not_sampled.get(hash, key)?),
        };
        Some(Known { decision, age_secs: (TURN + self.time() - time) % TURN })
    }

    /// Remembers a decision, unless one about this trace is known already.
    pub(super) fn note(&self, id: &TraceId, decision: Decision) {
        let Some(key) = key(id) else { return };
        let (hash, time) = (self.hash(key), self.time());
        let Some(stripe) = self.stripe(hash) else { return };
        let mut stripe = lock(stripe);
        if stripe.kept.get(hash, key).is_some() || stripe.not_sampled.get(hash, key).is_some() {
            return;
        }
        let table = match decision {
            Decision::Kept => &mut stripe.kept,
            Decision::NotSampled => &mut stripe.not_sampled,
        };
        table.insert(hash, (key << 16) | u128::from(time));
    }

    fn hash(&self, key: u128) -> u64 {
        self.hasher.hash_one(key)
    }

    fn stripe(&self, hash: u64) -> Option<&Mutex<Stripe>> {
        self.stripes.get(hash as usize % STRIPES)
    }

    /// Returns a time for an entry.
    fn time(&self) -> u64 {
        self.started.elapsed().as_secs() % TURN + 1
    }
}

/// Returns the part of an id that is remembered. Spans without a valid id belong to no trace, and are decided each
/// time.
fn key(id: &TraceId) -> Option<u128> {
    let key = u128::from_be_bytes(*id) & (u128::MAX >> 16);
    (key != 0).then_some(key)
}

impl Stripe {
    fn new(sizes: Sizes) -> Stripe {
        Stripe { kept: Table::new(sizes.kept), not_sampled: Table::new(sizes.not_sampled) }
    }

    fn is_of(&self, sizes: Sizes) -> bool {
        let Stripe { kept, not_sampled } = self;
        (kept.0.len(), not_sampled.0.len()) == (sets(sizes.kept), sets(sizes.not_sampled))
    }
}

/// Returns the number of sets in one stripe.
fn sets(size: usize) -> usize {
    size.div_ceil(STRIPES * WAYS).max(1)
}

impl Table {
    /// Memory that was never written to is not taken from the system.
    fn new(size: usize) -> Table {
        Table(vec![[0; WAYS]; sets(size)])
    }

    fn set(&mut self, hash: u64) -> Option<&mut [u128; WAYS]> {
        let number = ((u128::from(hash) * self.0.len() as u128) >> 64) as usize;
        self.0.get_mut(number)
    }

    /// Returns the time of a decision, which becomes the one of its set that was used last.
    fn get(&mut self, hash: u64, key: u128) -> Option<u64> {
        let set = self.set(hash)?;
        let at = set.iter().position(|entry| entry >> 16 == key)?;
        set.get_mut(..=at)?.rotate_right(1);
        set.first().map(|entry| *entry as u64 & 0xffff)
    }

    fn insert(&mut self, hash: u64, entry: u128) {
        let Some(set) = self.set(hash) else { return };
        set.rotate_right(1);
        if let Some(first) = set.first_mut() {
            *first = entry;
        }
    }

    fn move_to(self, other: &mut Table, hash: impl Fn(u128) -> u64) {
        for set in self.0 {
            for entry in set.into_iter().rev().filter(|entry| *entry != 0) {
                other.insert(hash(entry >> 16), entry);
            }
        }
    }
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(number: u32) -> TraceId {
        u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes()
    }

    fn remembered(decisions: &Decisions, numbers: std::ops::Range<u32>) -> usize {
        numbers.filter(|number| decisions.get(&id(*number)).is_some()).count()
    }

    /// Scenario: many more traces are decided than are remembered; the sizes change in between.
    /// Guarantees: about as many as the sizes say are remembered, the newest above all; none is taken for another,
    /// and the first decision stands.
    #[tokio::test(start_paused = true)]
    async fn the_newest_decisions_are_remembered_and_none_is_mistaken() {
        let decisions = Decisions::new(Sizes { kept: 1_000, not_sampled: 10_000 });
        for number in 1..=50_000 {
            decisions.note(&id(number), Decision::NotSampled);
            decisions.note(&id(number), Decision::Kept);
        }
        let newest = remembered(&decisions, 47_500..50_001);
        let all = remembered(&decisions, 1..50_001);
        assert!(newest > 2_450 && (9_000..=10_240).contains(&all), "{newest} {all}");
        assert_eq!(remembered(&decisions, 50_001..150_000), 0);
        tokio::time::advance(Duration::from_secs(70)).await;
        let known = Known { decision: Decision::NotSampled, age_secs: 70 };
        assert_eq!(decisions.get(&id(50_000)), Some(known));
        decisions.set(Sizes { kept: 1_000, not_sampled: 2_000 });
        let fewer = remembered(&decisions, 1..50_001);
        assert!((1_800..=2_048).contains(&fewer), "{fewer}");
        decisions.set(Sizes { kept: 1_000, not_sampled: 20_000 });
        assert_eq!(remembered(&decisions, 1..50_001), fewer);
    }

    /// Scenario: an id of zeros is decided.
    /// Guarantees: it is not remembered, because spans without an id are of no trace.
    #[tokio::test]
    async fn spans_without_an_id_are_decided_each_time() {
        let decisions = Decisions::new(Sizes { kept: 10, not_sampled: 10 });
        decisions.note(&[0; 16], Decision::Kept);
        assert_eq!(decisions.get(&[0; 16]), None);
    }
}
