//! Knows which version of a plugin runs in one component, and which ran before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use super::{
    Pool,
    generation::Generation,
    probation::{Probation, Verdict},
};
use crate::plugin::guest::failure::{CallError, CallErrorKind};

/// The current generation of a component and, during a trial, the previous one. One store changes the
/// generation.
///
/// The number of a generation is never reused. At most one generation is on trial, and it is the current one.
/// The previous generation is kept while the trial lasts. The first verdict of a trial stands.
pub(super) struct Succession {
    current: ArcSwap<Generation>,
    /// The number of the current generation, which can be read without a lock.
    number: AtomicU64,
    /// The last number that was given.
    last_number: AtomicU64,
    trial: ArcSwapOption<Trial>,
}

/// The trial of a new generation. Batches on which it fails are given to the previous generation.
struct Trial {
    /// The number of the generation on trial.
    number: u64,
    previous: Arc<Generation>,
    probation: Arc<Probation>,
}

/// Whether the current generation has changed.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Flipped,
    /// A generation on trial had already been rejected, and the previous generation runs again.
    FlippedBefore,
    None,
}

impl Succession {
    pub(super) fn new(first: Generation) -> Succession {
        Succession {
            number: AtomicU64::new(first.number),
            last_number: AtomicU64::new(first.number),
            current: ArcSwap::from_pointee(first),
            trial: ArcSwapOption::empty(),
        }
    }

    /// Puts the first generation on trial, as for a canary, whose previous generation runs in another pool.
    pub(super) fn put_on_trial(&mut self, previous: Arc<Generation>, probation: Arc<Probation>) {
        let number = self.number.load(Ordering::Relaxed);
        self.trial.store(Some(Arc::new(Trial { number, previous, probation })));
    }

    /// Returns the generation for a call that begins now.
    pub(super) fn current(&self) -> Guard<Arc<Generation>> {
        self.current.load()
    }

    pub(super) fn is_current(&self, generation: &Generation) -> bool {
        generation.number == self.number.load(Ordering::Acquire)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Makes `next` the current generation, on trial if there is a probation. A trial that is under way ends
    /// as superseded.
    pub(super) fn advance(&self, next: Arc<Generation>, probation: Option<Arc<Probation>>) {
        let (number, previous) = (next.number, self.current.load_full());
        self.end_trial(&Verdict::Superseded);
        self.trial.store(probation.map(|probation| Arc::new(Trial { number, previous, probation })));
        self.flip(next);
    }

    /// Ends the trial, if there is one, and restores the previous generation.
    pub(super) fn put_back(&self) -> Change {
        match self.trial.swap(None) {
            Some(trial) if self.number.load(Ordering::Acquire) == trial.number => {
                self.flip(Arc::new(trial.previous.again(self.next_number())));
                Change::Flipped
            }
            _ => Change::None,
        }
    }

    /// Decides the trial, if there is one; the current generation stays.
    pub(super) fn end_trial(&self, verdict: &Verdict) {
        if let Some(trial) = self.trial.swap(None) {
            trial.probation.decide(verdict.clone());
        }
    }

    /// Returns why the generation on trial is worse, if there is one and it is.
    pub(super) fn is_worse(&self) -> Option<String> {
        let (trial, current) = (self.trial.load_full()?, self.current.load_full());
        if trial.number != current.number {
            return None;
        }
        trial.probation.is_worse(current.record.figures(), trial.previous.record.figures())
    }

    /// Records a failed call. If the call's generation is on trial and has failed too often, restores the
    /// previous generation.
    pub(super) fn failed(&self, generation: &Generation, error: &CallError, busy: Duration) -> Change {
        generation.record.failed(error, busy);
        let trial = self.trial.load();
        let Some(trial) = trial.as_ref().filter(|trial| trial.number == generation.number) else {
            return Change::None;
        };
        let (new, old) = (generation.record.figures(), trial.previous.record.figures());
        if let Some(why) = trial.probation.is_worse(new, old) {
            self.condemn(trial, format!("{why}; the last: {error}"))
        } else if error.kind == CallErrorKind::Overrun {
            self.condemn(trial, error.to_string())
        } else {
            Change::None
        }
    }

    /// Restores the previous generation if the current one is on trial, because the new version cannot be
    /// tried any further.
    pub(super) fn reject(&self, error: &CallError) -> Change {
        match self.trial.load_full() {
            Some(trial) => self.condemn(&trial, error.to_string()),
            None => Change::None,
        }
    }

    fn condemn(&self, trial: &Trial, why: String) -> Change {
        if !matches!(trial.probation.decide(Verdict::Worse(why)), Verdict::Worse(_)) {
            return Change::None;
        }
        match self.put_back() {
            Change::Flipped => Change::Flipped,
            _ => Change::FlippedBefore,
        }
    }

    fn flip(&self, next: Arc<Generation>) {
        let number = next.number;
        self.current.store(next);
        self.number.store(number, Ordering::Release);
    }
}

/// Applies the changes of the generation to the pool.
impl Pool {
    pub(super) fn next_number(&self) -> u64 {
        self.succession.next_number()
    }

    /// Makes `next` the current generation: every call that begins from now on goes to it.
    pub(super) fn advance(&self, next: Arc<Generation>, probation: Option<Arc<Probation>>) {
        self.succession.advance(next, probation);
        self.changed(Change::Flipped);
    }

    /// Restores the previous generation, if the current one is on trial.
    pub(super) fn put_back(&self) {
        self.changed(self.succession.put_back());
    }

    /// Decides the trial, if there is one; the current generation stays.
    pub(super) fn end_trial(&self, verdict: &Verdict) {
        self.succession.end_trial(verdict);
    }

    /// Returns why the generation on trial is worse, if there is one and it is.
    pub(super) fn is_worse(&self) -> Option<String> {
        self.succession.is_worse()
    }

    /// Counts a failed call. If the call's generation is on trial and has failed too often, the previous
    /// generation is restored.
    pub(super) fn failed(&self, generation: &Generation, error: &CallError, busy: Duration) {
        self.metrics.count(error);
        self.changed(self.succession.failed(generation, error, busy));
    }

    /// Ends a trial because the new version cannot be tried any further. Returns whether there was a trial,
    /// so that the previous version runs again.
    pub(super) fn reject(&self, error: &CallError) -> bool {
        let change = self.succession.reject(error);
        self.changed(change);
        change != Change::None
    }

    fn changed(&self, change: Change) {
        if change == Change::Flipped {
            self.breaker.reset();
            self.metrics.breaker_open.set(0.0);
            // Wakes the task that tends every slot.
            self.wakes.notify_one();
        }
    }
}
