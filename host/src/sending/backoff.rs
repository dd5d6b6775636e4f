//! Computes the wait before each retry of a batch.

use std::time::Duration;

use tokio::time::Instant;

use crate::component::RetrySettings;

/// The shortest wait, also with an interval of 0: a retry must not become a loop.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// Exponential waits with jitter, until `max_elapsed_time` has passed since the first attempt.
#[derive(Clone, Copy)]
pub(super) struct Backoff<'a> {
    settings: &'a RetrySettings,
    started: Instant,
    interval_s: f64,
}

impl<'a> Backoff<'a> {
    /// Called before the first attempt.
    pub(super) fn new(settings: &'a RetrySettings) -> Backoff<'a> {
        let interval_s = settings.initial_interval.as_secs_f64();
        Backoff { settings, started: Instant::now(), interval_s }
    }

    /// Returns the next wait, which is never shorter than the destination asked for. Returns `None` if the
    /// wait would end after `max_elapsed_time`.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let spread = self.settings.randomization_factor;
        let jitter = 1.0 + spread * rand::random_range(-1.0..=1.0);
        let wait =
            Duration::try_from_secs_f64(self.interval_s * jitter).unwrap_or(self.settings.max_interval);
        let wait = wait.max(asked.unwrap_or_default()).max(MIN_WAIT);
        self.interval_s =
            (self.interval_s * self.settings.multiplier).min(self.settings.max_interval.as_secs_f64());
        let fits = |limit| self.started.elapsed().saturating_add(wait) <= limit;
        self.settings.max_elapsed_time.is_none_or(fits).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn settings(randomization_factor: f64, max_elapsed_time: Option<Duration>) -> RetrySettings {
        RetrySettings {
            initial_interval: 5 * SECOND,
            randomization_factor,
            multiplier: 2.0,
            max_interval: 15 * SECOND,
            max_elapsed_time,
        }
    }

    /// Scenario: a batch fails again and again.
    /// Guarantees: the waits grow up to `max_interval` and then stay there.
    #[tokio::test(start_paused = true)]
    async fn waits_grow_up_to_the_longest_interval() {
        let settings = settings(0.0, None);
        let mut backoff = Backoff::new(&settings);
        let waits: Vec<u64> = (0..4).map(|_| backoff.next(None).unwrap().as_secs()).collect();
        assert_eq!(waits, [5, 10, 15, 15]);
    }

    /// Scenario: the destination asks for a longer wait, and then for a shorter one.
    /// Guarantees: the wait is the longer of the destination's and the batch's own.
    #[tokio::test(start_paused = true)]
    async fn what_the_destination_asks_for_is_the_least() {
        let settings = settings(0.0, None);
        let mut backoff = Backoff::new(&settings);
        assert_eq!(backoff.next(Some(60 * SECOND)), Some(60 * SECOND));
        assert_eq!(backoff.next(Some(SECOND)), Some(10 * SECOND));
    }

    /// Scenario: the next wait would end after `max_elapsed_time`.
    /// Guarantees: there is no such wait.
    #[tokio::test(start_paused = true)]
    async fn a_wait_that_would_end_after_the_elapsed_time_is_not_begun() {
        let settings = settings(0.0, Some(30 * SECOND));
        let mut backoff = Backoff::new(&settings);
        tokio::time::advance(24 * SECOND).await;
        assert_eq!(backoff.next(None), Some(5 * SECOND));
        assert_eq!(backoff.next(None), None);
        assert_eq!(Backoff::new(&settings).next(Some(31 * SECOND)), None);
    }

    /// Scenario: 200 batches wait for the first time, with jitter.
    /// Guarantees: the waits differ and stay within the jitter's factor.
    #[tokio::test(start_paused = true)]
    async fn jitter_stays_within_its_factor() {
        let settings = settings(0.5, None);
        let waits: Vec<Duration> = (0..200).map(|_| Backoff::new(&settings).next(None).unwrap()).collect();
        assert!(waits.iter().all(|wait| (SECOND * 5 / 2..=SECOND * 15 / 2).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}
