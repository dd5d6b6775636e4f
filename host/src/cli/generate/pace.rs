//! Decides when each request is due.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug)]
pub(super) struct PaceSettings {
    /// Items a second; 0: no limit.
    pub(super) rate: u64,
    /// The most items of a request.
    pub(super) batch: usize,
    pub(super) total: Option<u64>,
    pub(super) duration: Option<Duration>,
}

/// The schedule that all workers share. A request is due at the time that the items before it take at the
/// rate, counted from the start. So if a request is late, the next ones make up for it.
pub(super) struct Pace {
    settings: PaceSettings,
    start: Instant,
    claimed: Mutex<u64>,
    stop: CancellationToken,
}

/// The number of requests a second at a low rate, where requests are smaller so that they still flow.
const REQUESTS_PER_SECOND: u64 = 10;

impl Pace {
    pub(super) fn start(settings: PaceSettings, stop: CancellationToken) -> Pace {
        Pace { settings, start: Instant::now(), claimed: Mutex::new(0), stop }
    }

    /// Waits until the next request is due. Returns the number of its items, or `None` when nothing is left
    /// to send.
    ///
    /// With a duration, the end is when the duration is over, and not when the last request is due.
    pub(super) async fn claim(&self) -> Option<usize> {
        let (items, due) = self.reserve();
        tokio::select! {
            () = self.stop.cancelled() => None,
            () = sleep_until(due) => (items > 0).then_some(items as usize),
        }
    }

    /// Returns the progress, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        let of_total = self.settings.total.map_or(0.0, |total| *self.claimed() as f64 / total as f64);
        let elapsed = self.start.elapsed().as_secs_f64();
        let of_time = self.settings.duration.map_or(0.0, |duration| elapsed / duration.as_secs_f64());
        of_total.max(of_time).min(1.0)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns the items of the next request and when it is due; 0 items when nothing is left to send.
    fn reserve(&self) -> (u64, Instant) {
        let mut claimed = self.claimed();
        let left = self.settings.total.map_or(u64::MAX, |total| total.saturating_sub(*claimed));
        if left == 0 {
            return (0, self.start);
        }
        let due = self.start + self.time_for(*claimed);
        if let Some(end) = self.settings.duration.map(|duration| self.start + duration)
            && due.max(Instant::now()) >= end
        {
            return (0, end);
        }
        let items = left.min(self.request_items());
        *claimed += items;
        (items, due)
    }

    fn request_items(&self) -> u64 {
        match self.settings.rate {
            0 => self.settings.batch as u64,
            rate => (rate / REQUESTS_PER_SECOND).clamp(1, self.settings.batch as u64),
        }
    }

    fn time_for(&self, items: u64) -> Duration {
        match self.settings.rate {
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(items as f64 / rate as f64),
        }
    }

    fn claimed(&self) -> MutexGuard<'_, u64> {
        self.claimed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PaceSettings = PaceSettings { rate: 0, batch: 100, total: None, duration: None };

    async fn drain(settings: PaceSettings) -> Vec<(usize, u128)> {
        let pace = Pace::start(settings, CancellationToken::new());
        let mut claims = Vec::new();
        while let Some(items) = pace.claim().await {
            claims.push((items, pace.elapsed().as_millis()));
        }
        claims
    }

    /// Scenario: a worker is 10 ms late for a request that is due every 20 ms.
    /// Guarantees: the schedule does not move.
    #[tokio::test(start_paused = true)]
    async fn what_one_request_is_late_the_next_ones_make_up_for() {
        let settings = PaceSettings { rate: 5_000, total: Some(500), ..SETTINGS };
        let pace = Pace::start(settings, CancellationToken::new());
        let mut due = Vec::new();
        while pace.claim().await.is_some() {
            due.push(pace.elapsed().as_millis());
            if due.len() == 2 {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        assert_eq!(due, [0, 20, 50, 60, 80]);
    }

    /// Scenario: 1,000 items a second are sent for 2 seconds.
    /// Guarantees: exactly 2,000 items are sent.
    #[tokio::test(start_paused = true)]
    async fn the_rate_times_the_duration_is_sent() {
        let settings = PaceSettings { rate: 1_000, duration: Some(Duration::from_secs(2)), ..SETTINGS };
        let claims = drain(settings).await;
        assert_eq!(claims.iter().map(|(items, _)| items).sum::<usize>(), 2_000);
        assert_eq!(claims.last(), Some(&(100, 1_900)));
    }

    /// Scenario: the rate is 5 items a second.
    /// Guarantees: each item is sent at once, in a request of its own.
    #[tokio::test(start_paused = true)]
    async fn requests_are_smaller_at_a_low_rate() {
        let settings = PaceSettings { rate: 5, total: Some(3), ..SETTINGS };
        assert_eq!(drain(settings).await, [(1, 0), (1, 200), (1, 400)]);
    }

    /// Scenario: the last request is due at 1.9 s, and the duration is 2 s.
    /// Guarantees: sending ends after 2 s.
    #[tokio::test(start_paused = true)]
    async fn a_duration_lasts_as_long_as_it_says() {
        let settings = PaceSettings { rate: 1_000, duration: Some(Duration::from_secs(2)), ..SETTINGS };
        let pace = Pace::start(settings, CancellationToken::new());
        while pace.claim().await.is_some() {}
        assert_eq!(pace.elapsed(), Duration::from_secs(2));
    }

    /// Scenario: the total is not a multiple of the batch.
    /// Guarantees: the last request is smaller.
    #[tokio::test(start_paused = true)]
    async fn the_last_request_holds_the_rest_of_the_total() {
        let settings = PaceSettings { total: Some(250), ..SETTINGS };
        assert_eq!(drain(settings).await, [(100, 0), (100, 0), (50, 0)]);
    }

    /// Scenario: a worker waits for its next request, and is stopped.
    /// Guarantees: it ends without a request.
    #[tokio::test(start_paused = true)]
    async fn a_worker_that_waits_is_stopped() {
        let stop = CancellationToken::new();
        let pace = Pace::start(PaceSettings { rate: 1, ..SETTINGS }, stop.clone());
        assert_eq!(pace.claim().await, Some(1));
        let (claim, ()) = tokio::join!(pace.claim(), async { stop.cancel() });
        assert_eq!(claim, None);
    }
}
