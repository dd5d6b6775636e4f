//! The host behind a guest's imports. One file an interface.

mod batches;
mod clock;
mod flat;
pub(in crate::plugin) mod log;
pub(in crate::plugin) mod metrics;
mod output;
mod outside;
mod rows;
mod spans;
pub(in crate::plugin) mod traces;
mod values;

use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};

use super::{Guest, bindings::imported, wasi};

/// Links everything that a plugin may import.
pub(in crate::plugin) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    macro_rules! link {
        ($($interface:ident),*) => {
            $(imported::$interface::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;)*
        };
    }
    link!(types, spans, batches, traces, output, log, metrics, clock, schedule, http, store);
    batches::link_otlp(linker)?;
    wasi::add_to_linker(linker)
}
