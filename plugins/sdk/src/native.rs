//! The host's functions outside a guest. Batches are the host's own (`wire`), and the plugin's calls are
//! recorded for its tests. Each module has the shape of the module that wit-bindgen generates.

pub(crate) mod batches;
#[path = "../../../wire/interface/v0_1.rs"]
mod convert;
mod metadata;
pub(crate) mod metrics;
pub(crate) mod spans;
pub(crate) mod traces;
pub(crate) mod world;

use crate::bindings::spanloom::plugin::spans as records;

pub(crate) mod output {
    pub(crate) fn discard(batch: super::batches::Batch) {
        super::world::with(|world| world.discarded.push(batch));
    }
}

pub(crate) mod log {
    use crate::log::Level;

    pub(crate) fn log(level: Level, message: &str) {
        super::world::with(|world| world.lines.push((level, message.to_owned())));
    }

    pub(crate) fn enabled(_level: Level) -> bool {
        true
    }
}

pub(crate) mod clock {
    pub(crate) fn now_unix_nano() -> u64 {
        super::world::with(|world| world.now_unix_nano)
    }

    pub(crate) fn monotonic_nano() -> u64 {
        super::world::with(|world| world.monotonic_nano)
    }
}

pub(crate) mod schedule {
    pub(crate) fn wake_after(delay_ms: u64) {
        super::world::with(|world| world.wake_after_ms = Some(delay_ms));
    }
}

pub(crate) mod http {
    use crate::bindings::spanloom::plugin::http::{HttpError, Request, Response};

    pub(crate) fn send(request: &Request) -> Result<Response, HttpError> {
        super::world::with(|world| {
            world.requests.push(request.clone());
            world.answers.pop_front().unwrap_or_else(|| {
                Err(HttpError::Unreachable("the test has no answer for this request".to_owned()))
            })
        })
    }
}

pub(crate) mod store {
    use crate::store::StoreError;

    /// The limit of the host.
    const MAX_KEYS: usize = 10_000;

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        super::world::with(|world| world.store.get(key).cloned())
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
        super::world::with(|world| world.store.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(crate) fn delete(key: &str) {
        super::world::with(|world| world.store.remove(key));
    }

    pub(crate) fn keys(prefix: &str) -> Vec<String> {
        super::world::with(|world| {
            let keys = world.store.keys().filter(|key| key.starts_with(prefix));
            keys.take(MAX_KEYS).cloned().collect()
        })
    }
}
