//! Reports whether the service accepts data, for checks from outside.

use std::{
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime},
};

/// The readiness of the service. The service is ready from when all receivers listen until the shutdown
/// begins.
#[derive(Default)]
pub struct Health(Mutex<Option<Since>>);

/// When the service became ready.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    pub time: SystemTime,
    /// The same moment on a clock that nobody sets.
    pub instant: Instant,
}

impl Health {
    pub fn set_ready(&self, ready: bool) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ready != since.is_some() {
            *since = ready.then(|| Since { time: SystemTime::now(), instant: Instant::now() });
        }
    }

    /// Returns since when the service is ready, or `None` if it is not.
    pub fn ready_since(&self) -> Option<Since> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
