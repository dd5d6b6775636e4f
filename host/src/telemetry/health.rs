//! Reports whether the service accepts data, for checks from outside.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The readiness of the service. The service is ready from when all receivers listen until the shutdown
/// begins.
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

    /// Returns how long the service has run.
    pub fn uptime(&self) -> Duration {
        self.since.elapsed()
    }
}
