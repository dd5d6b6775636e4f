//! Stops calling a plugin that keeps failing, and tries again after a while.

use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// So many failures in a row open it.
const TOLERATED: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A circuit breaker: closed, open until some moment, or probing with one call.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
    /// Whether there is anything in the state, so that calls of a plugin that works need not lock it.
    is_troubled: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    failures_in_a_row: u32,
    /// Not before this moment.
    open_until: Option<Instant>,
    wait: Duration,
    probing: bool,
}

/// Held while a call is made, so that a probe which is given up (its sender went away) does not leave the breaker open.
#[must_use]
#[derive(Debug)]
pub(super) struct Admission<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.state().probing = false;
        }
    }
}

/// What the state became by a call's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    Opened { wait: Duration },
    Closed,
}

impl Breaker {
    /// Whether a call may be made now. When the wait is over one call may, and its outcome decides.
    pub(super) fn admit(&self) -> Option<Admission<'_>> {
        if !self.is_troubled.load(Relaxed) {
            return Some(Admission { breaker: self, is_probe: false });
        }
        let mut state = self.state();
        let is_probe = match state.open_until {
            None => false,
            Some(until) if Instant::now() >= until && !state.probing => true,
            Some(_) => return None,
        };
        state.probing |= is_probe;
        Some(Admission { breaker: self, is_probe })
    }

    pub(super) fn succeeded(&self) -> Turn {
        if !self.is_troubled.load(Relaxed) {
            return Turn::None;
        }
        let mut state = self.state();
        self.is_troubled.store(false, Relaxed);
        let was_open = state.open_until.is_some();
        *state = State::default();
        if was_open { Turn::Closed } else { Turn::None }
    }

    pub(super) fn failed(&self) -> Turn {
        let mut state = self.state();
        self.is_troubled.store(true, Relaxed);
        state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
        // Calls that began before it opened do not lengthen the wait.
        if state.failures_in_a_row < TOLERATED || (state.open_until.is_some() && !state.probing) {
            return Turn::None;
        }
        state.wait = (state.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        state.open_until = Some(Instant::now() + state.wait);
        state.probing = false;
        Turn::Opened { wait: state.wait }
    }

    /// What is called from now on has not failed yet.
    pub(super) fn reset(&self) {
        let mut state = self.state();
        self.is_troubled.store(false, Relaxed);
        *state = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four failures are borne, the fifth opens it; a success in between starts the count anew.
    #[test]
    fn it_opens_after_five_failures_in_a_row() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            assert_eq!(breaker.failed(), Turn::None);
        }
        assert_eq!(breaker.succeeded(), Turn::None);
        for _ in 0..4 {
            assert_eq!(breaker.failed(), Turn::None);
        }
        assert!(breaker.admit().is_some());
        assert_eq!(breaker.failed(), Turn::Opened { wait: FIRST_WAIT });
        assert!(breaker.admit().is_none());
    }

    /// When the wait is over one call may try; if it fails the next wait is longer, if it succeeds all is well.
    #[test]
    fn one_call_at_a_time_probes() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| _ = breaker.failed());
        breaker.state().open_until = Some(Instant::now());
        let probe = breaker.admit();
        assert!(probe.is_some() && breaker.admit().is_none());
        assert_eq!(breaker.failed(), Turn::Opened { wait: FIRST_WAIT * 2 });
        drop(probe);
        breaker.state().open_until = Some(Instant::now());
        let probe = breaker.admit();
        assert!(probe.is_some());
        assert_eq!(breaker.succeeded(), Turn::Closed);
        assert!(breaker.admit().is_some());
    }

    /// The sender of the probing batch went away: the next one may try.
    #[test]
    fn a_probe_that_is_given_up_lets_another_try() {
        let breaker = Breaker::default();
        (0..5).for_each(|_| _ = breaker.failed());
        breaker.state().open_until = Some(Instant::now());
        drop(breaker.admit());
        assert!(breaker.admit().is_some());
    }
}
