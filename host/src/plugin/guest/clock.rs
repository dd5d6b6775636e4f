//! Time to the millisecond: finer would let a guest watch what runs beside it.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::Guest;

/// A guest cannot ask for longer, a day, nor for no time at all: it would take the machine.
const WAKE_LIMIT_MS: u64 = 24 * 60 * 60 * 1000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The wall clock: nanoseconds since 1970 UTC.
pub(in crate::plugin) fn now_unix_nano() -> u64 {
    in_whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Nanoseconds since the first time that any guest asked.
pub(in crate::plugin) fn monotonic_nano() -> u64 {
    in_whole_millis(START.elapsed())
}

impl Guest {
    /// Has the guest woken after this long, in the place of what it asked for before.
    pub(in crate::plugin) fn wake_after(&mut self, delay_ms: u64) {
        self.wake_at = Some(Instant::now() + Duration::from_millis(delay_ms.clamp(1, WAKE_LIMIT_MS)));
    }
}

fn in_whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
}
