//! The host's clocks, with a resolution of a millisecond.

use std::time::Duration;

use crate::host;

/// Returns the time of the wall clock, in nanoseconds since 1970 UTC. This clock may jump.
pub fn now_unix_nano() -> u64 {
    host::clock::now_unix_nano()
}

/// Returns the time since an arbitrary moment. This clock never jumps.
pub fn monotonic() -> Duration {
    Duration::from_nanos(host::clock::monotonic_nano())
}
