//! Records what a plugin under test asks of its host. There is one host per thread, as a guest has one host.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use super::batches::Batch;
use crate::bindings::spanloom::plugin::http::{HttpError, Request, Response};
use crate::log::Level;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) lines: Vec<(Level, String)>,
    pub(crate) requests: Vec<Request>,
    /// The answers to the requests that follow.
    pub(crate) answers: VecDeque<Result<Response, HttpError>>,
    /// By `name{label="value"}`.
    pub(crate) series: BTreeMap<String, f64>,
    pub(crate) store: BTreeMap<String, Vec<u8>>,
    pub(crate) discarded: Vec<Batch>,
    /// Whether what is left out of batches was said to count as sampled out.
    pub(crate) samples_out: bool,
    /// The traces and spans a second that come in.
    pub(crate) incoming: (f64, f64),
    pub(crate) now_unix_nano: u64,
    pub(crate) monotonic_nano: u64,
    pub(crate) wake_after_ms: Option<u64>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

pub(crate) fn with<R>(use_it: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(use_it)
}

/// Starts a new world for a new plugin.
pub(crate) fn reset() {
    WORLD.take();
}
