//! Traces, as columns for samplers.

use wasmtime::{Result, component::Resource};

use super::{
    bindings::imported::{
        spans::{NumberColumn, TextColumn},
        traces,
    },
    convert,
};
use crate::plugin::guest::{Guest, custody::Spans, lists, traces::TraceBatch};

type Handle = Resource<TraceBatch>;

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
        Ok(convert::text_column(self.traces(&traces)?.root_names()))
    }

    fn text_column(&mut self, traces: Handle, key: String) -> Result<TextColumn> {
        Ok(convert::text_column(self.traces(&traces)?.text(&key)))
    }

    fn number_column(&mut self, traces: Handle, key: String) -> Result<NumberColumn> {
        Ok(convert::number_column(&self.traces(&traces)?.numbers(&key)))
    }

    fn texts(&mut self, traces: Handle, key: String) -> Result<Vec<Option<String>>> {
        let traces = self.traces(&traces)?;
        Ok(lists::texts(&traces.text(&key), traces.len()))
    }

    fn numbers(&mut self, traces: Handle, key: String) -> Result<Vec<Option<f64>>> {
        let traces = self.traces(&traces)?;
        Ok(lists::numbers(&traces.numbers(&key), traces.len()))
    }

    fn resource_texts(&mut self, traces: Handle, key: String) -> Result<Vec<Option<String>>> {
        let traces = self.traces(&traces)?;
        Ok(lists::texts(&traces.resource_text(&key), traces.len()))
    }

    fn traces_of_spans(&mut self, traces: Handle) -> Result<Vec<u32>> {
        Ok(self.traces(&traces)?.of_spans().to_vec())
    }

    fn spans(&mut self, traces: Handle) -> Result<Resource<Spans>> {
        Ok(Resource::new_own(self.show_spans(&traces)?))
    }

    newer_of_traces!();

    fn drop(&mut self, traces: Handle) -> Result<()> {
        self.table.delete(traces)?;
        Ok(())
    }
}
