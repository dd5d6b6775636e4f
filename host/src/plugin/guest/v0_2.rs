//! Version 0.2.0 of the interface. The files in which nothing changed are those of the older room; what the
//! version adds to a resource is in the macros here.

macro_rules! newer_of_spans {
    () => {
        fn set_trace_states(&mut self, batch: Handle, column: TextColumn) -> Edited {
            edit(self, &batch, column.arena.len(), |spans| {
                spans.set_trace_states(&convert::to_text_column(column)?).map_err(convert::edit_error)
            })
        }

        fn count_as_sampled_out(&mut self, batch: Handle) -> Result<()> {
            self.custody.count_as_sampled_out(batch.rep())
        }
    };
}

macro_rules! newer_of_batches {
    ($handle:ident) => {
        fn count_as_sampled_out(&mut self, batch: Resource<$handle>) -> Result<()> {
            self.custody.count_as_sampled_out(batch.rep())
        }
    };
}

macro_rules! newer_of_traces {
    () => {
        fn root_text_column(&mut self, traces: Handle, key: String) -> Result<TextColumn> {
            Ok(convert::text_column(self.traces(&traces)?.root_text(&key)))
        }

        fn root_number_column(&mut self, traces: Handle, key: String) -> Result<NumberColumn> {
            Ok(convert::number_column(&self.traces(&traces)?.root_numbers(&key)))
        }

        fn any_text_column(&mut self, traces: Handle, key: String) -> Result<TextColumn> {
            Ok(convert::text_column(self.traces(&traces)?.any_text(&key)))
        }

        fn any_number_column(&mut self, traces: Handle, key: String) -> Result<NumberColumn> {
            Ok(convert::number_column(&self.traces(&traces)?.any_numbers(&key)))
        }

        fn any_resource_text_column(&mut self, traces: Handle, key: String) -> Result<TextColumn> {
            Ok(convert::text_column(self.traces(&traces)?.any_resource_text(&key)))
        }

        fn root_services(&mut self, traces: Handle) -> Result<TextColumn> {
            Ok(convert::text_column(self.traces(&traces)?.root_services()))
        }

        fn service_counts(&mut self, traces: Handle) -> Result<Vec<u32>> {
            Ok(self.traces(&traces)?.service_counts())
        }

        fn exceptions(&mut self, traces: Handle) -> Result<Vec<bool>> {
            Ok(self.traces(&traces)?.exceptions())
        }

        fn encoded_lens(&mut self, traces: Handle) -> Result<Vec<u64>> {
            Ok(self.traces(&traces)?.encoded_lens().collect())
        }

        fn randomness(&mut self, traces: Handle) -> Result<Vec<u64>> {
            Ok(self.traces(&traces)?.randomness().into_iter().map(wire::Randomness::bits).collect())
        }

        fn thresholds(&mut self, traces: Handle) -> Result<Vec<Option<u64>>> {
            let thresholds = self.traces(&traces)?.thresholds().into_iter();
            Ok(thresholds.map(|threshold| threshold.map(wire::Threshold::bits)).collect())
        }

        fn incoming(&mut self, traces: Handle) -> Result<traces::IncomingRates> {
            let rates = self.incoming_rates(&traces)?;
            Ok(traces::IncomingRates { traces: rates.traces, spans: rates.spans })
        }
    };
}

#[path = "v0_1/batches.rs"]
#[expect(clippy::duplicate_mod, reason = "the same over other generated types")]
mod batches;
mod bindings;
#[path = "../../../../wire/interface/v0_1.rs"]
#[expect(clippy::duplicate_mod, reason = "the same over other generated types")]
mod convert;
mod decisions;
#[path = "v0_1/exports.rs"]
#[expect(clippy::duplicate_mod, reason = "the same over other generated types")]
mod exports;
#[path = "v0_1/host.rs"]
#[expect(clippy::duplicate_mod, reason = "the same over other generated types")]
mod host;
mod receiving;
#[path = "v0_1/spans.rs"]
#[expect(clippy::duplicate_mod, reason = "the same over other generated types")]
mod spans;
#[path = "v0_1/traces.rs"]
#[expect(clippy::duplicate_mod, reason = "the same over other generated types")]
mod traces;

use std::sync::Arc;

use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};

use super::{Guest, versions::Version};
use bindings::imported::{self, spans as records};

pub(in crate::plugin) const VERSION: Version = Version {
    name: "0.2.0",
    imports: super::v0_1::VERSION.imports,
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
