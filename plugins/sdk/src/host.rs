//! The functions that a plugin may call: the host's in a guest, and an equivalent over `wire` elsewhere.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::spanloom::plugin::{
    batches, clock, http, log, metrics, output, schedule, spans, store, traces,
};

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::native::{batches, clock, http, log, metrics, output, schedule, spans, store, traces};
