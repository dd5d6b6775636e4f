//! Time, to the millisecond.

use std::time::Duration;

use crate::host;

/// The wall clock: nanoseconds since 1970 UTC. It may jump.
pub fn now_unix_nano() -> u64 {
    host::clock::now_unix_nano()
}

/// Since some moment. It never jumps.
pub fn monotonic() -> Duration {
    Duration::from_nanos(host::clock::monotonic_nano())
}
