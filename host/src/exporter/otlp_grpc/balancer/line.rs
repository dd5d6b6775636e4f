//! One connection that is wanted.

use std::time::Duration;

use tokio::time::Instant;

use crate::exporter::otlp_grpc::dial::{Place, Sender};

/// The pause after the first failure, its factor for each further one, and its limit. A tenth more or less is
/// random.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_FACTOR: f64 = 1.6;
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// If every line has failed, a request does not wait for the pause. It waits for this time since the failure.
const IMPATIENCE: Duration = Duration::from_millis(100);
/// A connection that ends sooner counts as a failure, though the first one has no pause after it.
const BRIEF: Duration = Duration::from_secs(1);

pub(super) struct Line {
    /// Tells lines apart, also those that are no longer there.
    pub(super) number: u64,
    pub(super) place: Place,
    state: State,
    /// The failures since the last connection that lasted.
    failures: u32,
}

enum State {
    Idle,
    Connecting,
    Connected { sender: Sender, since: Instant },
    Failed { error: String, at: Instant, retry_at: Instant },
}

impl Line {
    pub(super) fn new(number: u64, place: Place) -> Line {
        Line { number, place, state: State::Idle, failures: 0 }
    }

    /// Notices a connection that has ended. Returns true if there is one.
    pub(super) fn notice_end(&mut self, now: Instant) -> bool {
        let State::Connected { sender, since } = &self.state else { return false };
        if !sender.is_closed() {
            return false;
        }
        let was_brief = now.duration_since(*since) < BRIEF;
        if was_brief && self.failures > 0 {
            self.fail(format!("{}: the connection ended as soon as it was made", self.place), now);
        } else {
            self.failures = u32::from(was_brief);
            self.state = State::Idle;
        }
        true
    }

    pub(super) fn sender(&self) -> Option<Sender> {
        match &self.state {
            State::Connected { sender, .. } => Some(sender.clone()),
            _ => None,
        }
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting)
    }

    pub(super) fn error(&self) -> Option<&str> {
        match &self.state {
            State::Failed { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Begins to connect, if the line has no connection and its pause is over. Returns true if the caller has
    /// to make the connection. `is_needed` means that no other line has one.
    pub(super) fn begin(&mut self, now: Instant, is_needed: bool) -> bool {
        let begins = match &self.state {
            State::Idle => true,
            State::Connecting | State::Connected { .. } => false,
            State::Failed { at, retry_at, .. } => *retry_at <= now || is_needed && *at + IMPATIENCE <= now,
        };
        if begins {
            self.state = State::Connecting;
        }
        begins
    }

    /// Takes the connection, or notes why there is none. Returns true for the first failure.
    pub(super) fn end(&mut self, outcome: Result<Sender, String>, now: Instant) -> bool {
        match outcome {
            Ok(sender) => self.state = State::Connected { sender, since: now },
            Err(error) => self.fail(error, now),
        }
        self.failures == 1 && self.error().is_some()
    }

    fn fail(&mut self, error: String, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let factor = PAUSE_FACTOR.powi(i32::try_from(self.failures - 1).unwrap_or(i32::MAX).min(20));
        let pause = PAUSE_MIN.mul_f64(factor).min(PAUSE_MAX).mul_f64(rand::random_range(0.9..=1.1));
        self.state = State::Failed { error, at: now, retry_at: now + pause };
    }
}
