//! The traces that a sampler's guest decides on.

use std::sync::Arc;

use wasmtime::{Result, bail, component::Resource};
use wire::Traces;

use super::Guest;

/// The traces of one call. They are shared, so that the call can be repeated. `None` after the call:
/// languages with garbage collection drop their handle late.
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub struct TraceBatch(Option<Arc<Traces>>);

impl TraceBatch {
    pub(in crate::plugin) fn new(traces: Arc<Traces>) -> TraceBatch {
        TraceBatch(Some(traces))
    }

    pub(in crate::plugin) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |traces| traces.len())
    }

    pub(in crate::plugin) fn end(&mut self) {
        self.0 = None;
    }
}

impl Guest {
    pub(in crate::plugin) fn traces(&self, traces: &Resource<TraceBatch>) -> Result<&Traces> {
        match &self.table.get(traces)?.0 {
            Some(traces) => Ok(traces),
            None => bail!("the call that these traces were for is over"),
        }
    }

    /// Shows the guest the spans of traces. Returns their number in its custody.
    pub(in crate::plugin) fn show_spans(&mut self, traces: &Resource<TraceBatch>) -> Result<u32> {
        self.custody.check_room()?;
        let spans = self.traces(traces)?.spans().clone();
        Ok(self.custody.show(wire::Batch::Spans(spans)).number)
    }
}
