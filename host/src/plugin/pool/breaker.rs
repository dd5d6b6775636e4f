//! Stops calling a plugin that keeps failing, and tries again after a while.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::plugin::guest::failure::{CallError, CallErrorKind};

/// After this many failures in a row, made-up data tells whether the plugin is broken.
const TOLERATED: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A circuit breaker of one version: closed, open for some time, or probing with one call.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Breaker {
    state: Mutex<State>,
    /// Whether the state differs from the default. Calls of a plugin that works need not lock the state.
    is_troubled: AtomicBool,
}

/// A plugin that no batch has passed for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// Batches that failed since the last that did not.
    pub batches: u64,
    /// Whether it is left alone: it fails on made-up data too.
    pub is_left_alone: bool,
}

#[derive(Debug, Default)]
struct State {
    failures_in_a_row: u32,
    /// Batches that failed in a row, also those after which made-up data told that the plugin works.
    batches: u64,
    /// No call is made before this moment.
    open_until: Option<Instant>,
    wait: Duration,
    probing: bool,
    is_suspected: bool,
}

/// The permission for the calls of one batch. If a probe is given up because its sender went away, dropping the admission lets
/// another call probe.
#[must_use]
#[derive(Debug)]
pub(in crate::plugin) struct Admission {
    /// Set if the call is a probe.
    breaker: Option<Arc<Breaker>>,
}

/// The task of finding out whether the plugin is broken. There is at most one at a time; its holder decides.
#[must_use]
#[derive(Debug)]
pub(in crate::plugin) struct Suspicion<'a>(&'a Breaker);

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(breaker) = &self.breaker {
            breaker.state().probing = false;
        }
    }
}

impl Drop for Suspicion<'_> {
    fn drop(&mut self) {
        self.0.state().is_suspected = false;
    }
}

/// What follows from the outcome of a call.
#[derive(Debug)]
pub(in crate::plugin) enum Turn<'a> {
    None,
    Suspected(Suspicion<'a>),
    Closed,
}

impl Breaker {
    /// Allows a call, or returns `None` while the breaker is open. When the wait is over, one call may probe, and its outcome
    /// decides.
    pub(in crate::plugin) fn admit(self: &Arc<Breaker>) -> Option<Admission> {
        if !self.is_troubled.load(Relaxed) {
            return Some(Admission { breaker: None });
        }
        let mut state = self.state();
        let is_probe = match state.open_until {
            None => false,
            Some(until) if Instant::now() >= until && !state.probing => true,
            Some(_) => return None,
        };
        state.probing |= is_probe;
        Some(Admission { breaker: is_probe.then(|| self.clone()) })
    }

    pub(super) fn succeeded(&self) -> Turn<'_> {
        if !self.is_troubled.load(Relaxed) {
            return Turn::None;
        }
        let mut state = self.state();
        let was_open = state.open_until.is_some();
        self.clear(&mut state);
        if was_open { Turn::Closed } else { Turn::None }
    }

    pub(in crate::plugin) fn failed(&self) -> Turn<'_> {
        let mut state = self.state();
        self.is_troubled.store(true, Relaxed);
        state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
        state.batches = state.batches.saturating_add(1);
        // Calls that began before the breaker opened do not lengthen the wait.
        let is_tolerated =
            state.failures_in_a_row < TOLERATED || (state.open_until.is_some() && !state.probing);
        if is_tolerated || state.is_suspected {
            return Turn::None;
        }
        state.is_suspected = true;
        Turn::Suspected(Suspicion(self))
    }

    fn clear(&self, state: &mut State) {
        self.is_troubled.store(false, Relaxed);
        let is_suspected = state.is_suspected;
        *state = State { is_suspected, ..State::default() };
    }

    /// Returns how many batches failed in a row, if that is so many that an operator wants to know.
    pub(super) fn failing(&self) -> Option<Failing> {
        if !self.is_troubled.load(Relaxed) {
            return None;
        }
        let State { batches, open_until, .. } = &*self.state();
        let is_left_alone = open_until.is_some();
        (*batches >= u64::from(TOLERATED)).then_some(Failing { batches: *batches, is_left_alone })
    }

    /// Closes the breaker, since another version runs from now on.
    pub(super) fn reset(&self) {
        self.clear(&mut self.state());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Suspicion<'_> {
    /// Opens the breaker, because the plugin is broken, and returns for how long. Returns `None` if a call has succeeded meanwhile.
    pub(super) fn confirm(self) -> Option<Duration> {
        let mut state = self.0.state();
        if state.failures_in_a_row < TOLERATED {
            return None;
        }
        state.wait = (state.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        state.open_until = Some(Instant::now() + state.wait);
        state.probing = false;
        Some(state.wait)
    }

    /// Closes the breaker, because the plugin works and the batches are wrong. Returns whether the breaker was open.
    pub(super) fn dismiss(self) -> bool {
        let mut state = self.0.state();
        let (was_open, batches) = (state.open_until.is_some(), state.batches);
        self.0.clear(&mut state);
        // No batch has passed yet.
        state.batches = batches;
        self.0.is_troubled.store(batches > 0, Relaxed);
        was_open
    }
}

/// The error of a plugin that is not called, because it keeps failing.
pub(in crate::plugin) fn left_alone() -> CallError {
    CallError::new(
        CallErrorKind::Failed { retryable: true },
        "it has failed too often, and is not called for a while",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five failures, and what comes of looking into them.
    fn fail(breaker: &Breaker, is_broken: bool) {
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        examine(breaker, is_broken);
    }

    fn examine(breaker: &Breaker, is_broken: bool) {
        let Turn::Suspected(suspicion) = breaker.failed() else { panic!("it is not suspected") };
        if is_broken {
            suspicion.confirm().expect("it is opened");
        } else {
            suspicion.dismiss();
        }
    }

    /// Four failures are borne, the fifth is looked into; a success in between starts the count anew.
    #[test]
    fn it_opens_after_five_failures_in_a_row_of_a_broken_plugin() {
        let breaker = Arc::new(Breaker::default());
        for _ in 0..4 {
            assert!(matches!(breaker.failed(), Turn::None));
        }
        assert!(matches!(breaker.succeeded(), Turn::None));
        fail(&breaker, true);
        assert!(breaker.admit().is_none());
        assert_eq!(breaker.state().wait, FIRST_WAIT);
    }

    /// However many bad batches come: a plugin that works otherwise is called for the good ones.
    #[test]
    fn it_stays_closed_as_long_as_it_is_the_data() {
        let breaker = Arc::new(Breaker::default());
        for _ in 0..100 {
            fail(&breaker, false);
            assert!(breaker.admit().is_some());
        }
    }

    /// Whatever made-up data says, it is known how many batches failed since one passed.
    #[test]
    fn batches_that_fail_in_a_row_are_counted_until_one_passes() {
        let breaker = Arc::new(Breaker::default());
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        assert_eq!(breaker.failing(), None, "so few may be an accident");
        examine(&breaker, false);
        fail(&breaker, false);
        assert_eq!(breaker.failing(), Some(Failing { batches: 10, is_left_alone: false }));
        fail(&breaker, true);
        assert_eq!(breaker.failing(), Some(Failing { batches: 15, is_left_alone: true }));
        breaker.succeeded();
        assert_eq!(breaker.failing(), None);
    }

    /// While one call looks into it the others go on; if that one is given up, the next failure is looked into.
    #[test]
    fn one_at_a_time_looks_into_it() {
        let breaker = Arc::new(Breaker::default());
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        let suspicion = breaker.failed();
        assert!(matches!(suspicion, Turn::Suspected(_)) && matches!(breaker.failed(), Turn::None));
        drop(suspicion);
        assert!(matches!(breaker.failed(), Turn::Suspected(_)));
    }

    /// A call that succeeded while it was looked into speaks for the plugin.
    #[test]
    fn a_success_meanwhile_keeps_it_closed() {
        let breaker = Arc::new(Breaker::default());
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        let Turn::Suspected(suspicion) = breaker.failed() else { panic!("it is not suspected") };
        breaker.succeeded();
        assert_eq!(suspicion.confirm(), None);
        assert!(breaker.admit().is_some());
    }

    /// When the wait is over one call may try; if it fails the next wait is longer, if it succeeds all is well.
    #[test]
    fn one_call_at_a_time_probes() {
        let breaker = Arc::new(Breaker::default());
        fail(&breaker, true);
        breaker.state().open_until = Some(Instant::now());
        let probe = breaker.admit();
        assert!(probe.is_some() && breaker.admit().is_none());
        examine(&breaker, true);
        assert_eq!(breaker.state().wait, FIRST_WAIT * 2);
        drop(probe);
        breaker.state().open_until = Some(Instant::now());
        let probe = breaker.admit();
        assert!(probe.is_some());
        assert!(matches!(breaker.succeeded(), Turn::Closed));
        assert!(breaker.admit().is_some());
    }

    /// The sender of the probing batch went away: the next one may try.
    #[test]
    fn a_probe_that_is_given_up_lets_another_try() {
        let breaker = Arc::new(Breaker::default());
        fail(&breaker, true);
        breaker.state().open_until = Some(Instant::now());
        drop(breaker.admit());
        assert!(breaker.admit().is_some());
    }
}
