//! Asking to be woken.

use std::time::Duration;

use crate::host;

/// Calls this instance's [`Timer::wake`](crate::Timer::wake) once, so long from now, in the place of what it asked
/// before.
pub fn wake_after(delay: Duration) {
    host::schedule::wake_after(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
}
