//! Schedules wake-ups.

use std::time::Duration;

use crate::host;

/// Schedules one call of this instance's [`Timer::wake`](crate::Timer::wake) after `delay`. A new call
/// replaces the previous one.
pub fn wake_after(delay: Duration) {
    host::schedule::wake_after(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
}
