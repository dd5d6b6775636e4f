//! Time to the millisecond: finer would let a guest watch what runs beside it.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use wasmtime::Result;

use crate::plugin::guest::{
    Guest,
    bindings::imported::{clock, schedule},
};

/// A guest cannot ask for longer, a day, nor for no time at all: it would take the machine.
const WAKE_LIMIT_MS: u64 = 24 * 60 * 60 * 1000;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl clock::Host for Guest {
    fn now_unix_nano(&mut self) -> Result<u64> {
        Ok(in_whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    fn monotonic_nano(&mut self) -> Result<u64> {
        Ok(in_whole_millis(START.elapsed()))
    }
}

impl schedule::Host for Guest {
    fn wake_after(&mut self, delay_ms: u64) -> Result<()> {
        self.wake_at = Some(Instant::now() + Duration::from_millis(delay_ms.clamp(1, WAKE_LIMIT_MS)));
        Ok(())
    }
}

fn in_whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
}
