//! Clocks with a resolution of a millisecond. A finer one would let a guest observe what runs beside it.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::Guest;

/// The longest wait that a guest can ask for: a day. The shortest is a millisecond, since a guest without a
/// wait would occupy the machine.
const WAKE_LIMIT_MS: u64 = 24 * 60 * 60 * 1000;

/// How far the guests' clocks are ahead of the machine's, in nanoseconds. A simulation of time moves it.
static AHEAD_NANO: AtomicU64 = AtomicU64::new(0);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Moves the clocks of all guests of this process forward. For commands that simulate time: a service must not.
pub fn advance(by: Duration) {
    let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
    let later = |ahead: u64| Some(ahead.saturating_add(by));
    // The change is never refused.
    let _ = AHEAD_NANO.fetch_update(Relaxed, Relaxed, later);
}

/// Returns the time of the wall clock, in nanoseconds since 1970 UTC.
pub(in crate::plugin) fn now_unix_nano() -> u64 {
    in_whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + ahead())
}

/// Returns the nanoseconds since the first call by any guest.
pub(in crate::plugin) fn monotonic_nano() -> u64 {
    in_whole_millis(START.elapsed() + ahead())
}

fn ahead() -> Duration {
    Duration::from_nanos(AHEAD_NANO.load(Relaxed))
}

impl Guest {
    /// Schedules a wake-up of the guest after this delay. It replaces the previous one.
    pub(in crate::plugin) fn wake_after(&mut self, delay_ms: u64) {
        self.wake_at = Some(Instant::now() + Duration::from_millis(delay_ms.clamp(1, WAKE_LIMIT_MS)));
    }
}

fn in_whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
}
