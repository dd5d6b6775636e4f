//! Version 0.1.0 of the interface: conversions between its generated types and the host's own, and nothing
//! else. The host functions themselves are outside of this room, and shared by all versions.
//!
//! The files of this folder name the generated types by `super::bindings`, so that the rooms of later versions
//! include those in which nothing changed.

/// The functions that newer versions add to the resources of this one.
macro_rules! newer_of_spans {
    () => {};
}
macro_rules! newer_of_batches {
    ($handle:ident) => {};
}
macro_rules! newer_of_traces {
    () => {};
}

mod batches;
mod bindings;
#[path = "../../../../wire/interface/v0_1.rs"]
mod convert;
mod decisions;
mod exports;
mod host;
mod receiving;
mod spans;
mod traces;

use std::sync::Arc;

use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};

use super::{Guest, versions::Version};
use bindings::imported::{self, spans as records};

pub(in crate::plugin) const VERSION: Version = Version {
    name: "0.1.0",
    imports: &[
        "types", "spans", "batches", "traces", "output", "log", "metrics", "clock", "schedule", "http",
        "store",
    ],
    link,
    exports: |pre| Arc::new(exports::Component::find(pre)),
};

fn link(linker: &mut Linker<Guest>) -> Result<()> {
    macro_rules! link {
        ($($interface:ident),*) => {
            $(imported::$interface::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;)*
        };
    }
    link!(types, spans, batches, traces, output, log, metrics, clock, schedule, http, store);
    batches::link_requests(linker)
}
