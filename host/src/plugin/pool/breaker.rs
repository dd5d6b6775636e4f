//! Stops calling a plugin that keeps failing, and tries again after a while.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::plugin::guest::failure::{CallError, CallErrorKind};

/// After this many failed batches in a row, the plugin is called with made-up data to find out whether it is
/// broken.
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

/// The state of a plugin whose last batches have all failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// The number of batches that failed since the last success.
    pub batches: u64,
    /// Whether the breaker is open, because the plugin fails on made-up data too.
    pub is_left_alone: bool,
}

#[derive(Debug, Default)]
struct State {
    failures_in_a_row: u32,
    /// The number of batches that failed in a row. A success on made-up data does not reset it.
    batches: u64,
    /// No call is made before this moment.
    open_until: Option<Instant>,
    wait: Duration,
    probing: bool,
    is_suspected: bool,
}

/// The permission for the calls of one batch. If a probe is given up because its sender went away, dropping
/// the admission lets another call probe.
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

/// What the caller must do after a call.
#[derive(Debug)]
pub(in crate::plugin) enum Turn<'a> {
    None,
    Suspected(Suspicion<'a>),
    Closed,
}

impl Breaker {
    /// Allows a call, or returns `None` while the breaker is open. When the wait is over, one call may probe,
    /// and its outcome decides.
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

    /// Returns how many batches failed in a row, or `None` if they are too few to be shown in the status.
    pub(super) fn failing(&self) -> Option<Failing> {
        if !self.is_troubled.load(Relaxed) {
            return None;
        }
        let State { batches, open_until, .. } = &*self.state();
        let is_left_alone = open_until.is_some();
        (*batches >= u64::from(TOLERATED)).then_some(Failing { batches: *batches, is_left_alone })
    }

    /// Closes the breaker, because another version runs from now on.
    pub(super) fn reset(&self) {
        self.clear(&mut self.state());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Suspicion<'_> {
    /// Opens the breaker, because the plugin is broken. Returns how long the breaker stays open, or `None` if
    /// a call has succeeded meanwhile.
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

    /// Closes the breaker, because the plugin works on made-up data. Returns whether the breaker was open.
    pub(super) fn dismiss(self) -> bool {
        let mut state = self.0.state();
        let (was_open, batches) = (state.open_until.is_some(), state.batches);
        self.0.clear(&mut state);
        // No batch has succeeded yet.
        state.batches = batches;
        self.0.is_troubled.store(batches > 0, Relaxed);
        was_open
    }
}

/// The error for a batch while the breaker is open.
pub(in crate::plugin) fn left_alone() -> CallError {
    CallError::new(
        CallErrorKind::Failed { retryable: true },
        "it has failed too often, and is not called for a while",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets five batches fail, and then the call on made-up data fail or succeed.
    fn fail(breaker: &Breaker, is_broken: bool) {
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        examine(breaker, is_broken);
    }

    fn examine(breaker: &Breaker, is_broken: bool) {
        let Turn::Suspected(suspicion) = breaker.failed() else { panic!("the plugin is not examined") };
        if is_broken {
            suspicion.confirm().expect("the breaker opens");
        } else {
            suspicion.dismiss();
        }
    }

    /// The breaker tolerates four failures and examines the plugin at the fifth. A success resets the count.
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

    /// The breaker stays closed, however many batches fail, while the plugin works on made-up data.
    #[test]
    fn it_stays_closed_as_long_as_it_is_the_data() {
        let breaker = Arc::new(Breaker::default());
        for _ in 0..100 {
            fail(&breaker, false);
            assert!(breaker.admit().is_some());
        }
    }

    /// Failed batches are counted until one succeeds, whatever the outcome on made-up data.
    #[test]
    fn batches_that_fail_in_a_row_are_counted_until_one_passes() {
        let breaker = Arc::new(Breaker::default());
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        assert_eq!(breaker.failing(), None, "four failures are not shown");
        examine(&breaker, false);
        fail(&breaker, false);
        assert_eq!(breaker.failing(), Some(Failing { batches: 10, is_left_alone: false }));
        fail(&breaker, true);
        assert_eq!(breaker.failing(), Some(Failing { batches: 15, is_left_alone: true }));
        breaker.succeeded();
        assert_eq!(breaker.failing(), None);
    }

    /// While one call examines the plugin, the others continue. If the examination is given up, the next
    /// failure starts another.
    #[test]
    fn one_at_a_time_looks_into_it() {
        let breaker = Arc::new(Breaker::default());
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        let suspicion = breaker.failed();
        assert!(matches!(suspicion, Turn::Suspected(_)) && matches!(breaker.failed(), Turn::None));
        drop(suspicion);
        assert!(matches!(breaker.failed(), Turn::Suspected(_)));
    }

    /// If another call succeeds during the examination, the breaker stays closed.
    #[test]
    fn a_success_meanwhile_keeps_it_closed() {
        let breaker = Arc::new(Breaker::default());
        (0..4).for_each(|_| assert!(matches!(breaker.failed(), Turn::None)));
        let Turn::Suspected(suspicion) = breaker.failed() else { panic!("the plugin is not examined") };
        breaker.succeeded();
        assert_eq!(suspicion.confirm(), None);
        assert!(breaker.admit().is_some());
    }

    /// After the wait, one call may probe. If it fails, the next wait is longer; if it succeeds, the breaker
    /// closes.
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

    /// If the sender of the probing batch goes away, the next call may probe.
    #[test]
    fn a_probe_that_is_given_up_lets_another_try() {
        let breaker = Arc::new(Breaker::default());
        fail(&breaker, true);
        breaker.state().open_until = Some(Instant::now());
        drop(breaker.admit());
        assert!(breaker.admit().is_some());
    }
}
