//! What a plugin may call: the host's functions in a guest, and the same over `wire` everywhere else.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::spanloom::plugin::{
    batches, clock, http, log, metrics, output, schedule, spans, store, traces,
};

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::native::{batches, clock, http, log, metrics, output, schedule, spans, store, traces};
