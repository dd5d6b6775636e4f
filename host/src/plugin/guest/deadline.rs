//! Limits the time of a call. The time stands still while HTTP requests of the guest are under way.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
    time::{Duration, Instant},
};

use wasmtime::Result;

use super::{failure::Overrun, ticker::TICK};

/// The longest time that the clock of one call stands still, so that a guest that only sends requests ends
/// too.
const STANDSTILL_LIMIT: Duration = Duration::from_secs(5 * 60);
/// A running guest should be ended by its epoch first, because the epoch knows where the guest was.
const GRACE: Duration = TICK.saturating_mul(4);

/// The deadline of the current call of one guest. Clones are the same deadline.
#[derive(Clone)]
pub(in crate::plugin) struct Deadline(Arc<Mutex<Time>>);

struct Time {
    limit: Duration,
    end: Instant,
    /// The number of requests under way, and since when there has been at least one.
    requests: u32,
    standing_since: Instant,
    standstill_left: Duration,
}

/// While this exists, the clock stands still.
pub(in crate::plugin) struct Standstill(Deadline);

impl Deadline {
    pub(in crate::plugin) fn new() -> Deadline {
        let now = Instant::now();
        Deadline(Arc::new(Mutex::new(Time {
            limit: Duration::ZERO,
            end: now,
            requests: 0,
            standing_since: now,
            standstill_left: Duration::ZERO,
        })))
    }

    /// Starts the clock of another call.
    pub(in crate::plugin) fn start(&self, now: Instant, limit: Duration) {
        let mut time = self.lock();
        time.limit = limit;
        time.end = now + limit;
        time.standing_since = now;
        time.standstill_left = STANDSTILL_LIMIT;
    }

    /// Checks the deadline while the guest is running.
    pub(in crate::plugin) fn check(&self) -> Result<()> {
        let time = self.lock();
        match time.left(Instant::now()) {
            Some(_) => Ok(()),
            None => Err(Overrun(time.limit).into()),
        }
    }

    /// Runs the call, and ends it if its time is over while the guest waits. A waiting guest does not run, so
    /// no epoch ends it. Most calls never wait, and need no timer.
    pub(in crate::plugin) async fn limit<T>(
        &self,
        mut call: Pin<&mut impl Future<Output = Result<T>>>,
    ) -> Result<T> {
        let mut over = None;
        poll_fn(|context| {
            if let Poll::Ready(outcome) = call.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            let over = over.get_or_insert_with(|| Box::pin(self.over()));
            over.as_mut().poll(context).map(|limit| Err(Overrun(limit).into()))
        })
        .await
    }

    pub(super) fn stand_still(&self) -> Standstill {
        let mut time = self.lock();
        if time.requests == 0 {
            time.standing_since = Instant::now();
        }
        time.requests += 1;
        Standstill(self.clone())
    }

    async fn over(&self) -> Duration {
        loop {
            let left = {
                let time = self.lock();
                match time.left(Instant::now()) {
                    Some(left) => left,
                    None => return time.limit,
                }
            };
            tokio::time::sleep(left + GRACE).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Time {
    /// Returns the time that is left, or `None` if the time is over. While the clock stands still, the result
    /// is a lower bound.
    fn left(&self, now: Instant) -> Option<Duration> {
        let left = (self.end + self.standstill(now)).saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Returns the time to add to the end for the requests that are under way.
    fn standstill(&self, now: Instant) -> Duration {
        match self.requests {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.standing_since).min(self.standstill_left),
        }
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        let mut time = self.0.lock();
        let stood = time.standstill(Instant::now());
        time.requests = time.requests.saturating_sub(1);
        if time.requests == 0 {
            time.end += stood;
            time.standstill_left -= stood;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    async fn asleep(time: Duration) -> Result<()> {
        tokio::time::sleep(time).await;
        Ok(())
    }

    fn started() -> Deadline {
        let deadline = Deadline::new();
        deadline.start(Instant::now(), LIMIT);
        deadline
    }

    #[tokio::test]
    async fn what_waits_too_long_is_ended() {
        assert!(started().limit(pin!(asleep(LIMIT / 10))).await.is_ok());
        let deadline = started();
        let error = deadline.limit(pin!(asleep(Duration::from_secs(60)))).await.unwrap_err();
        assert!(error.is::<Overrun>(), "{error:?}");
        assert!(deadline.check().is_err());
        deadline.start(Instant::now(), LIMIT);
        assert!(deadline.check().is_ok());
    }

    #[tokio::test]
    async fn time_stands_still_while_any_request_is_under_way() {
        let deadline = started();
        let two_requests = async {
            let first = deadline.stand_still();
            let second = deadline.stand_still();
            asleep(LIMIT * 2).await?;
            drop(first);
            asleep(LIMIT * 2).await?;
            drop(second);
            deadline.check()
        };
        assert!(deadline.limit(pin!(two_requests)).await.is_ok());
        let outcome = deadline.limit(pin!(asleep(Duration::from_secs(60)))).await;
        assert!(outcome.is_err());
    }

    #[test]
    fn time_does_not_stand_still_for_ever() {
        let deadline = started();
        let request = deadline.stand_still();
        let begun = deadline.lock().standing_since;
        let left_after = |after| deadline.lock().left(begun + after);
        assert!(left_after(STANDSTILL_LIMIT).is_some());
        assert!(left_after(STANDSTILL_LIMIT + LIMIT * 2).is_none());
        drop(request);
    }
}
