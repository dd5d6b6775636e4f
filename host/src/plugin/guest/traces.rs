//! The traces that a sampler's guest decides on.

use std::sync::Arc;

use wasmtime::{Result, bail, component::Resource};
use wire::Traces;

use super::Guest;

/// The traces of one call. They are shared, so that the call can be repeated. `None` after the call:
/// languages with garbage collection drop their handle late.
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub struct TraceBatch {
    traces: Option<Arc<Traces>>,
    incoming: IncomingRates,
}

/// What comes in at the component, in traces and spans a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::plugin) struct IncomingRates {
    pub(in crate::plugin) traces: f64,
    pub(in crate::plugin) spans: f64,
}

impl TraceBatch {
    pub(in crate::plugin) fn new(traces: Arc<Traces>, incoming: IncomingRates) -> TraceBatch {
        TraceBatch { traces: Some(traces), incoming }
    }

    pub(in crate::plugin) fn len(&self) -> usize {
        self.traces.as_ref().map_or(0, |traces| traces.len())
    }

    pub(in crate::plugin) fn end(&mut self) {
        self.traces = None;
    }
}

impl Guest {
    pub(in crate::plugin) fn traces(&self, traces: &Resource<TraceBatch>) -> Result<&Traces> {
        match &self.table.get(traces)?.traces {
            Some(traces) => Ok(traces),
            None => bail!("the call that these traces were for is over"),
        }
    }

    pub(in crate::plugin) fn incoming_rates(&self, traces: &Resource<TraceBatch>) -> Result<IncomingRates> {
        Ok(self.table.get(traces)?.incoming)
    }

    /// Shows the guest the spans of traces. Returns their number in its custody.
    pub(in crate::plugin) fn show_spans(&mut self, traces: &Resource<TraceBatch>) -> Result<u32> {
        self.custody.check_room()?;
        let spans = self.traces(traces)?.spans().clone();
        Ok(self.custody.show(wire::Batch::Spans(spans)).number)
    }
}
