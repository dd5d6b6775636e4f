//! Clocks with a resolution of a millisecond. A finer one would let a guest observe what runs beside it.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

const MILLI_NANOS: u64 = 1_000_000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Both clocks, the same for all guests.
pub(super) struct WholeMillis;

impl HostWallClock for WholeMillis {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(MILLI_NANOS)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(in_whole_millis(
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        ))
    }
}

impl HostMonotonicClock for WholeMillis {
    fn resolution(&self) -> u64 {
        MILLI_NANOS
    }

    fn now(&self) -> u64 {
        in_whole_millis(START.elapsed())
    }
}

/// Returns the time in nanoseconds, rounded down to a millisecond.
fn in_whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_mul(MILLI_NANOS)
}
