//! The decisions about traces, for the spans that come after their trace was decided.

mod table;

use std::{
    hash::BuildHasher,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashbrown::DefaultHashBuilder;
use tokio::time::Instant;

use self::table::{Entry, Plain, Rated, Table, WAYS};
use super::shard::TraceId;
use crate::pipeline::kept::KeptAt;

/// How many locks share the decisions.
const STRIPES: usize = 16;
/// Times are kept in seconds, modulo this.
const TURN: u64 = 1 << 15;
/// The bit of an entry's note that is not its time: stress relief decided.
const BY_RELIEF: u16 = 1 << 15;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Decision {
    Kept,
    /// It was kept at a rate, and its spans say so.
    KeptAt(KeptAt),
    NotSampled,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The sampler, or a limit.
    Sampler,
    /// Stress relief, by the trace's id.
    Relief,
}

/// A decision that was made before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) decision: Decision,
    pub(super) by: By,
    /// How long ago it was made, in seconds.
    pub(super) age_secs: u64,
}

/// How many decisions of each kind are remembered, about: the sets are filled unevenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) kept: usize,
    pub(super) not_sampled: usize,
}

/// Remembers decisions, with 16 bytes each, and 24 if a rate belongs to it. The first decision about a trace stands, until
/// others have taken its place.
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
    kept: Table<Plain>,
    not_sampled: Table<Plain>,
    /// The traces that were kept at a rate, as many as the other kept ones. It is empty until there is one.
    rated: Table<Rated>,
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
            let Stripe { kept, not_sampled, rated } = std::mem::replace(&mut *stripe, Stripe::new(sizes));
            kept.move_to(&mut stripe.kept, hash);
            not_sampled.move_to(&mut stripe.not_sampled, hash);
            if rated.sets() > 0 {
                stripe.rated = Table::new(stripe.kept.sets());
                rated.move_to(&mut stripe.rated, hash);
            }
        }
    }

    /// Returns the decision about a trace.
    pub(super) fn get(&self, id: &TraceId) -> Option<Known> {
        let key = key(id)?;
        let hash = self.hash(key);
        let (decision, note) = lock(self.stripe(hash)?).get(hash, key)?;
        let by = if note & BY_RELIEF == 0 { By::Sampler } else { By::Relief };
        let age_secs = (TURN + u64::from(self.time()) - u64::from(note & !BY_RELIEF)) % TURN;
        Some(Known { decision, by, age_secs })
    }

    /// Remembers a decision, unless one about this trace is known already. Returns the one that stands.
    pub(super) fn note(&self, id: &TraceId, decision: Decision, by: By) -> Decision {
        let Some(key) = key(id) else { return decision };
        let hash = self.hash(key);
        let Some(stripe) = self.stripe(hash) else { return decision };
        let mut stripe = lock(stripe);
        if let Some((known, _)) = stripe.get(hash, key) {
            return known;
        }
        let note = self.time() | if by == By::Relief { BY_RELIEF } else { 0 };
        match decision {
            Decision::Kept => stripe.kept.insert(hash, Plain::new(key, note)),
            Decision::NotSampled => stripe.not_sampled.insert(hash, Plain::new(key, note)),
            Decision::KeptAt(kept) => {
                if stripe.rated.sets() == 0 {
                    stripe.rated = Table::new(stripe.kept.sets());
                }
                stripe.rated.insert(hash, Rated::new(key, note, kept));
            }
        }
        decision
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
        Stripe { kept, not_sampled, rated: Table::default() }
    }

    fn is_of(&self, sizes: Sizes) -> bool {
        (self.kept.sets(), self.not_sampled.sets()) == (sets(sizes.kept), sets(sizes.not_sampled))
    }

    /// Returns a decision, and the note of its entry.
    fn get(&mut self, hash: u64, key: u128) -> Option<(Decision, u16)> {
        let Stripe { kept, not_sampled, rated } = self;
        if let Some(entry) = rated.get(hash, key) {
            return Some((Decision::KeptAt(entry.kept()), entry.note()));
        }
        let kept = kept.get(hash, key).map(|entry| (Decision::Kept, entry.note()));
        kept.or_else(|| Some((Decision::NotSampled, not_sampled.get(hash, key)?.note())))
    }
}

/// Returns the number of sets in one stripe.
fn sets(size: usize) -> usize {
    size.div_ceil(STRIPES * WAYS).max(1)
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pipeline::kept::Basis;

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
            decisions.note(&id(number), Decision::NotSampled, By::Sampler);
            decisions.note(&id(number), Decision::Kept, By::Sampler);
        }
        let newest = remembered(&decisions, 47_500..50_001);
        let all = remembered(&decisions, 1..50_001);
        assert!(newest > 2_450 && (9_000..=10_240).contains(&all), "{newest} {all}");
        assert_eq!(remembered(&decisions, 50_001..150_000), 0);
        tokio::time::advance(Duration::from_secs(70)).await;
        let known = Known { decision: Decision::NotSampled, by: By::Sampler, age_secs: 70 };
        assert_eq!(decisions.get(&id(50_000)), Some(known));
        decisions.set(Sizes { kept: 1_000, not_sampled: 2_000 });
        let fewer = remembered(&decisions, 1..50_001);
        assert!((1_800..=2_048).contains(&fewer), "{fewer}");
        decisions.set(Sizes { kept: 1_000, not_sampled: 20_000 });
        assert_eq!(remembered(&decisions, 1..50_001), fewer);
    }

    /// Scenario: traces are kept at a rate, and otherwise, by the sampler and by stress relief; the size changes.
    /// Guarantees: the rate is remembered with the trace, and who decided; the first decision stands, and is returned.
    #[tokio::test]
    async fn a_rate_is_remembered_with_its_trace() {
        let decisions = Decisions::new(Sizes { kept: 1_000, not_sampled: 1_000 });
        let at = Decision::KeptAt(KeptAt { rate: 0.07, basis: Basis::Independent });
        let decided = |number| decisions.get(&id(number)).map(|known| (known.decision, known.by));
        decisions.note(&id(1), Decision::Kept, By::Sampler);
        for number in 2..=20 {
            assert_eq!(decisions.note(&id(number), at, By::Sampler), at);
        }
        decisions.note(&id(30), Decision::NotSampled, By::Relief);
        assert_eq!(decisions.note(&id(20), Decision::NotSampled, By::Relief), at);
        decisions.set(Sizes { kept: 3_000, not_sampled: 1_000 });
        let expected = [
            Some((Decision::Kept, By::Sampler)),
            Some((at, By::Sampler)),
            Some((at, By::Sampler)),
            Some((Decision::NotSampled, By::Relief)),
            None,
        ];
        assert_eq!([1, 2, 20, 30, 31].map(decided), expected);
    }

    /// Scenario: a table for 2^26 decisions has one, and is made smaller.
    /// Guarantees: the decision is still known.
    #[tokio::test]
    async fn a_large_table_that_is_nearly_empty_is_made_smaller() {
        let decisions = Decisions::new(Sizes { kept: 1 << 26, not_sampled: 1 });
        decisions.note(&id(7), Decision::Kept, By::Sampler);
        decisions.set(Sizes { kept: 10, not_sampled: 1 });
        assert_eq!(decisions.get(&id(7)).map(|known| known.decision), Some(Decision::Kept));
    }

    /// Scenario: an id of zeros is decided.
    /// Guarantees: it is not remembered, because spans without an id are of no trace.
    #[tokio::test]
    async fn spans_without_an_id_are_decided_each_time() {
        let decisions = Decisions::new(Sizes { kept: 10, not_sampled: 10 });
        decisions.note(&[0; 16], Decision::Kept, By::Sampler);
        assert_eq!(decisions.get(&[0; 16]), None);
    }
}
