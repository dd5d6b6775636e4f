//! Traces, as columns for samplers.

use std::sync::Arc;

use wasmtime::{Result, bail, component::Resource};
use wire::Traces;

use super::values;
use crate::plugin::guest::{
    Guest,
    bindings::imported::{
        batches::Batch,
        spans::{NumberColumn, TextColumn},
        traces,
    },
    custody::Spans,
};

/// The traces that a guest decides on; shared, so that a call can be repeated. None when the call is over: languages that
/// collect garbage let go of their handle late.
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub struct TraceBatch(Option<Arc<Traces>>);

type Handle = Resource<TraceBatch>;

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

impl traces::Host for Guest {}

impl traces::HostTraceBatch for Guest {
    fn len(&mut self, traces: Handle) -> Result<u32> {
        Ok(self.traces(&traces)?.len() as u32)
    }

    fn ids(&mut self, traces: Handle) -> Result<Vec<u8>> {
        Ok(self.traces(&traces)?.ids().as_flattened().to_vec())
    }

    fn span_counts(&mut self, traces: Handle) -> Result<Vec<u32>> {
        Ok(self.traces(&traces)?.span_counts().collect())
    }

    fn durations_nano(&mut self, traces: Handle) -> Result<Vec<u64>> {
        Ok(self.traces(&traces)?.durations_nano().collect())
    }

    fn start_times_unix_nano(&mut self, traces: Handle) -> Result<Vec<u64>> {
        Ok(self.traces(&traces)?.start_times_unix_nano().collect())
    }

    fn errors(&mut self, traces: Handle) -> Result<Vec<bool>> {
        Ok(self.traces(&traces)?.errors().collect())
    }

    fn root_names(&mut self, traces: Handle) -> Result<TextColumn> {
        Ok(values::text_column(self.traces(&traces)?.root_names()))
    }

    fn text_column(&mut self, traces: Handle, key: String) -> Result<TextColumn> {
        Ok(values::text_column(self.traces(&traces)?.text(&key)))
    }

    fn number_column(&mut self, traces: Handle, key: String) -> Result<NumberColumn> {
        Ok(values::number_column(&self.traces(&traces)?.numbers(&key)))
    }

    fn texts(&mut self, traces: Handle, key: String) -> Result<Vec<Option<String>>> {
        let traces = self.traces(&traces)?;
        Ok(values::texts(&traces.text(&key), traces.len()))
    }

    fn numbers(&mut self, traces: Handle, key: String) -> Result<Vec<Option<f64>>> {
        let traces = self.traces(&traces)?;
        Ok(values::numbers(&traces.numbers(&key), traces.len()))
    }

    fn resource_texts(&mut self, traces: Handle, key: String) -> Result<Vec<Option<String>>> {
        let traces = self.traces(&traces)?;
        Ok(values::texts(&traces.resource_text(&key), traces.len()))
    }

    fn traces_of_spans(&mut self, traces: Handle) -> Result<Vec<u32>> {
        Ok(self.traces(&traces)?.of_spans().to_vec())
    }

    fn spans(&mut self, traces: Handle) -> Result<Resource<Spans>> {
        self.custody.check_room()?;
        let spans = self.traces(&traces)?.spans().clone();
        match self.custody.show(wire::Batch::Spans(spans)) {
            Batch::Spans(spans) => Ok(spans),
            _ => bail!("a batch of spans is one of spans"),
        }
    }

    fn drop(&mut self, traces: Handle) -> Result<()> {
        self.table.delete(traces)?;
        Ok(())
    }
}

impl Guest {
    fn traces(&self, traces: &Handle) -> Result<&Traces> {
        match &self.table.get(traces)?.0 {
            Some(traces) => Ok(traces),
            None => bail!("the call that these traces were for is over"),
        }
    }
}
