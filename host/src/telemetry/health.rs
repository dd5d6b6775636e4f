//! Whether the service takes data, for those who ask from outside.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Whether the service takes data. Ready from the moment every receiver listens until it is told to stop.
pub struct Health {
    ready: AtomicBool,
    since: Instant,
}

impl Default for Health {
    fn default() -> Health {
        Health { ready: AtomicBool::new(false), since: Instant::now() }
    }
}

impl Health {
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Relaxed);
    }

    pub fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }

    /// How long this has been known; of a service, how long it has run.
    pub fn uptime(&self) -> Duration {
        self.since.elapsed()
    }
}
