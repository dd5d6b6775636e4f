//! The decisions about traces, for the spans that come after their trace was decided.

use std::{
    hash::BuildHasher,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashbrown::DefaultHashBuilder;
use tokio::time::Instant;

use super::{relief::Share, shard::TraceId};

/// How many decisions share a set of a table. A new decision replaces the one of its set that was not used for
/// the longest time.
const WAYS: usize = 16;
/// How many locks share the decisions.
const STRIPES: usize = 16;
/// Times are kept in seconds, modulo this.
const TURN: u64 = 1 << 16;
/// How many sets make a page.
const PAGE: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Kept,
    NotSampled,
    /// It was kept by its id, as one of a share, and its spans say so.
    KeptAsShare(Share),
}

/// A decision that was made before, and how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) decision: Decision,
    /// It is not known of traces that were kept as one of a share.
    pub(super) age_secs: Option<u64>,
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
    /// The traces that were kept as one of a share, as many as the other kept ones. It is empty until there is one.
    of_share: Table,
}

/// Sets of entries. An entry is an id, shifted by 16 bits, and what is known of the decision: its time, or its share.
/// Zero is a free entry; no id is zero.
#[derive(Default)]
struct Table {
    sets: Vec<[u128; WAYS]>,
    /// A bit for each page of sets that was written to.
    pages: Vec<u64>,
}

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
            let hash = |key| self.hash(key);
            let Stripe { kept, not_sampled, of_share } = std::mem::replace(&mut *stripe, Stripe::new(sizes));
            kept.move_to(&mut stripe.kept, hash);
            not_sampled.move_to(&mut stripe.not_sampled, hash);
            if !of_share.is_empty() {
                stripe.of_share = Table::new(stripe.kept.sets.len());
                of_share.move_to(&mut stripe.of_share, hash);
            }
        }
    }

    /// Returns the decision about a trace.
    pub(super) fn get(&self, id: &TraceId) -> Option<Known> {
        let key = key(id)?;
        let hash = self.hash(key);
        let mut stripe = lock(self.stripe(hash)?);
        if let Some(bits) = stripe.of_share.get(hash, key) {
            let decision = Decision::KeptAsShare(Share::from_bits(bits));
            return Some(Known { decision, age_secs: None });
        }
        let (decision, time) = match stripe.kept.get(hash, key) {
            Some(time) => (Decision::Kept, time),
            None => (Decision::NotSampled, stripe.not_sampled.get(hash, key)?),
        };
        let age_secs = (TURN + u64::from(self.time()) - u64::from(time)) % TURN;
        Some(Known { decision, age_secs: Some(age_secs) })
    }

    /// Remembers a decision, unless one about this trace is known already.
    pub(super) fn note(&self, id: &TraceId, decision: Decision) {
        let Some(key) = key(id) else { return };
        let (hash, time) = (self.hash(key), self.time());
        let Some(stripe) = self.stripe(hash) else { return };
        let mut stripe = lock(stripe);
        let Stripe { kept, not_sampled, of_share } = &mut *stripe;
        if [&mut *kept, &mut *not_sampled, &mut *of_share]
            .into_iter()
            .any(|table| table.get(hash, key).is_some())
        {
            return;
        }
        let (table, bits) = match decision {
            Decision::Kept => (kept, time),
            Decision::NotSampled => (not_sampled, time),
            Decision::KeptAsShare(share) => {
                if of_share.is_empty() {
                    *of_share = Table::new(kept.sets.len());
                }
                (of_share, share.to_bits())
            }
        };
        table.insert(hash, (key << 16) | u128::from(bits));
    }

    fn hash(&self, key: u128) -> u64 {
        self.hasher.hash_one(key)
    }

    fn stripe(&self, hash: u64) -> Option<&Mutex<Stripe>> {
        self.stripes.get(hash as usize % STRIPES)
    }

    /// Returns a time for an entry.
    fn time(&self) -> u16 {
        (self.started.elapsed().as_secs() % TURN) as u16
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
        let [kept, not_sampled] = [sizes.kept, sizes.not_sampled].map(|size| Table::new(sets(size)));
        Stripe { kept, not_sampled, of_share: Table::default() }
    }

    fn is_of(&self, sizes: Sizes) -> bool {
        let Stripe { kept, not_sampled, .. } = self;
        (kept.sets.len(), not_sampled.sets.len()) == (sets(sizes.kept), sets(sizes.not_sampled))
    }
}

/// Returns the number of sets in one stripe.
fn sets(size: usize) -> usize {
    size.div_ceil(STRIPES * WAYS).max(1)
}

impl Table {
    /// Memory that was never written to is not taken from the system.
    fn new(sets: usize) -> Table {
        Table { sets: vec![[0; WAYS]; sets], pages: vec![0; sets.div_ceil(PAGE * 64)] }
    }

    fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    fn number(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.sets.len() as u128) >> 64) as usize
    }

    /// Returns what is known of a decision, which becomes the one of its set that was used last.
    fn get(&mut self, hash: u64, key: u128) -> Option<u16> {
        let number = self.number(hash);
        let set = self.sets.get_mut(number)?;
        let at = set.iter().position(|entry| entry >> 16 == key)?;
        set.get_mut(..=at)?.rotate_right(1);
        set.first().map(|entry| *entry as u16)
    }

    fn insert(&mut self, hash: u64, entry: u128) {
        let number = self.number(hash);
        let Some(set) = self.sets.get_mut(number) else { return };
        set.rotate_right(1);
        if let Some(first) = set.first_mut() {
            *first = entry;
        }
        let page = number / PAGE;
        if let Some(bits) = self.pages.get_mut(page / 64) {
            *bits |= 1 << (page % 64);
        }
    }

    /// Moves the entries, in a time that depends on their number, not on the size of the table.
    fn move_to(self, other: &mut Table, hash: impl Fn(u128) -> u64) {
        let is_written =
            |page: usize| self.pages.get(page / 64).is_some_and(|bits| bits >> (page % 64) & 1 == 1);
        let written = self.sets.chunks(PAGE).enumerate().filter(|(page, _)| is_written(*page));
        for set in written.flat_map(|(_, sets)| sets) {
            for entry in set.iter().rev().filter(|entry| **entry != 0) {
                other.insert(hash(entry >> 16), *entry);
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
        let known = Known { decision: Decision::NotSampled, age_secs: Some(70) };
        assert_eq!(decisions.get(&id(50_000)), Some(known));
        decisions.set(Sizes { kept: 1_000, not_sampled: 2_000 });
        let fewer = remembered(&decisions, 1..50_001);
        assert!((1_800..=2_048).contains(&fewer), "{fewer}");
        decisions.set(Sizes { kept: 1_000, not_sampled: 20_000 });
        assert_eq!(remembered(&decisions, 1..50_001), fewer);
    }

    /// Scenario: traces are kept as one of a share, and otherwise; the size changes.
    /// Guarantees: the share is remembered with the trace.
    #[tokio::test]
    async fn a_share_is_remembered_with_its_trace() {
        let decisions = Decisions::new(Sizes { kept: 1_000, not_sampled: 1_000 });
        let share = Decision::KeptAsShare(Share::of_percent(7.0));
        let decided = |number| decisions.get(&id(number)).map(|known| known.decision);
        decisions.note(&id(1), Decision::Kept);
        for number in 1..=20 {
            decisions.note(&id(number), share);
        }
        decisions.note(&id(20), Decision::NotSampled);
        decisions.set(Sizes { kept: 3_000, not_sampled: 1_000 });
        assert_eq!([1, 2, 20, 21].map(decided), [Some(Decision::Kept), Some(share), Some(share), None]);
    }

    /// Scenario: a table for 2^26 decisions has one, and is made smaller.
    /// Guarantees: the decision is still known.
    #[tokio::test]
    async fn a_large_table_that_is_nearly_empty_is_made_smaller() {
        let decisions = Decisions::new(Sizes { kept: 1 << 26, not_sampled: 1 });
        decisions.note(&id(7), Decision::Kept);
        decisions.set(Sizes { kept: 10, not_sampled: 1 });
        assert_eq!(decisions.get(&id(7)).map(|known| known.decision), Some(Decision::Kept));
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
