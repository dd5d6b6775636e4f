//! Spans: the columns, rows and edits of `wire`, behind handles.

use wasmtime::{Result, bail, component::Resource};
use wire::{Signal, SpanBatch};

use super::{flat, rows, values};
use crate::{
    pipeline::Batch,
    plugin::guest::{
        Guest,
        bindings::imported::spans::{
            self, EditError, FlatSpans, NumberColumn, Span, SpanResource, SpanScope, Status, TextColumn,
            Value,
        },
        custody::{Custody, Spans},
    },
};

type Handle = Resource<Spans>;
type Edited = Result<Result<(), EditError>>;

impl spans::Host for Guest {}

impl spans::HostSpanBatch for Guest {
    fn from_otlp(&mut self, otlp: Vec<u8>) -> Result<Result<Handle, EditError>> {
        Ok(self.custody.make(Signal::Traces, otlp)?.map(Handle::new_own))
    }

    fn len(&mut self, batch: Handle) -> Result<u32> {
        Ok(self.spans(&batch)?.items() as u32)
    }

    fn encoded_len(&mut self, batch: Handle) -> Result<u64> {
        self.custody.encoded_len(batch.rep())
    }

    fn metadata(&mut self, batch: Handle, key: String) -> Result<Vec<String>> {
        self.custody.metadata(batch.rep(), &key)
    }

    fn trace_ids(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.spans(&batch)?.trace_ids().as_flattened().to_vec())
    }

    fn span_ids(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.spans(&batch)?.span_ids().as_flattened().to_vec())
    }

    fn parent_span_ids(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.spans(&batch)?.parent_span_ids().as_flattened().to_vec())
    }

    fn start_times_unix_nano(&mut self, batch: Handle) -> Result<Vec<u64>> {
        Ok(self.spans(&batch)?.start_times_unix_nano().to_vec())
    }

    fn end_times_unix_nano(&mut self, batch: Handle) -> Result<Vec<u64>> {
        Ok(self.spans(&batch)?.end_times_unix_nano().to_vec())
    }

    fn durations_nano(&mut self, batch: Handle) -> Result<Vec<u64>> {
        Ok(self.spans(&batch)?.durations_nano())
    }

    fn kinds(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.spans(&batch)?.kinds().iter().map(|kind| rows::kind_number(*kind)).collect())
    }

    fn status_codes(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.spans(&batch)?.status_codes().iter().map(|code| rows::status_number(*code)).collect())
    }

    fn names(&mut self, batch: Handle) -> Result<TextColumn> {
        Ok(values::text_column(self.spans(&batch)?.names()))
    }

    fn trace_states(&mut self, batch: Handle) -> Result<TextColumn> {
        Ok(values::text_column(self.spans(&batch)?.trace_states()))
    }

    fn text_column(&mut self, batch: Handle, key: String) -> Result<TextColumn> {
        Ok(values::text_column(self.spans(&batch)?.text(&key)))
    }

    fn number_column(&mut self, batch: Handle, key: String) -> Result<NumberColumn> {
        Ok(values::number_column(&self.spans(&batch)?.numbers(&key)))
    }

    fn texts(&mut self, batch: Handle, key: String) -> Result<Vec<Option<String>>> {
        Ok(self.spans(&batch)?.texts(&key).map(|text| text.map(str::to_owned)).collect())
    }

    fn numbers(&mut self, batch: Handle, key: String) -> Result<Vec<Option<f64>>> {
        Ok(self.spans(&batch)?.values(&key).map(|value| value?.as_number()).collect())
    }

    fn resource_count(&mut self, batch: Handle) -> Result<u32> {
        Ok(self.spans(&batch)?.resource_count() as u32)
    }

    fn resources_of_spans(&mut self, batch: Handle) -> Result<Vec<u32>> {
        Ok(self.spans(&batch)?.resources_of_spans())
    }

    fn resource_text_column(&mut self, batch: Handle, key: String) -> Result<TextColumn> {
        Ok(values::text_column(self.spans(&batch)?.resource_text(&key)))
    }

    fn resource_number_column(&mut self, batch: Handle, key: String) -> Result<NumberColumn> {
        Ok(values::number_column(&self.spans(&batch)?.resource_numbers(&key)))
    }

    fn resource_texts(&mut self, batch: Handle, key: String) -> Result<Vec<Option<String>>> {
        let spans = self.spans(&batch)?;
        Ok(values::texts(&spans.resource_text(&key), spans.resource_count()))
    }

    fn resource(&mut self, batch: Handle, number: u32) -> Result<Option<SpanResource>> {
        Ok(self.spans(&batch)?.resource(number as usize).map(|resource| rows::resource(&resource)))
    }

    fn scope(&mut self, batch: Handle, number: u32) -> Result<Option<SpanScope>> {
        Ok(self.spans(&batch)?.scope(number as usize).map(|scope| rows::scope(&scope)))
    }

    fn span(&mut self, batch: Handle, row: u32) -> Result<Option<Span>> {
        Ok(self.spans(&batch)?.span(row as usize).map(|span| rows::span(&span)))
    }

    fn get(&mut self, batch: Handle, row: u32, key: String) -> Result<Option<Value>> {
        let spans = self.spans(&batch)?;
        Ok(spans.attribute(row as usize, &key).as_ref().map(values::value))
    }

    fn resource_get(&mut self, batch: Handle, number: u32, key: String) -> Result<Option<Value>> {
        let resource = self.spans(&batch)?.resource(number as usize);
        Ok(resource.and_then(|resource| resource.attribute(&key)).as_ref().map(values::value))
    }

    fn flat(&mut self, batch: Handle) -> Result<FlatSpans> {
        Ok(flat::spans(self.spans(&batch)?.flat()))
    }

    fn otlp(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.custody.otlp(batch.rep())?.into())
    }

    fn replace(&mut self, batch: Handle, otlp: Vec<u8>) -> Edited {
        self.custody.replace(batch.rep(), wire::Signal::Traces, otlp)
    }

    fn retain(&mut self, batch: Handle, keep: Vec<bool>) -> Edited {
        if keep.iter().all(|keep| *keep) && keep.len() == self.spans(&batch)?.items() {
            return Ok(Ok(()));
        }
        self.edit(&batch, |spans| {
            values::check_len(keep.len(), spans.items())?;
            spans.retain(|row| keep.get(row).copied().unwrap_or_default());
            Ok(())
        })
    }

    fn set_text_column(&mut self, batch: Handle, key: String, column: TextColumn) -> Edited {
        self.edit(&batch, |spans| {
            spans.set_text(&key, &values::to_text_column(column)?).map_err(values::edit_error)
        })
    }

    fn set_number_column(&mut self, batch: Handle, key: String, column: NumberColumn) -> Edited {
        self.edit(&batch, |spans| {
            spans.set_numbers(&key, &values::to_number_column(column)?).map_err(values::edit_error)
        })
    }

    fn set_texts(&mut self, batch: Handle, key: String, texts: Vec<Option<String>>) -> Edited {
        self.edit(&batch, |spans| {
            values::check_len(texts.len(), spans.items())?;
            spans.set_text(&key, &values::from_texts(&texts)?).map_err(values::edit_error)
        })
    }

    fn set_names(&mut self, batch: Handle, column: TextColumn) -> Edited {
        self.edit(&batch, |spans| {
            spans.set_names(&values::to_text_column(column)?).map_err(values::edit_error)
        })
    }

    fn replace_all(&mut self, batch: Handle, key: String, value: Value) -> Edited {
        self.edit(&batch, |spans| values::with_value(&value, |value| spans.replace_all(&key, value)))
    }

    fn remove_all(&mut self, batch: Handle, key: String) -> Edited {
        self.edit(&batch, |spans| spans.remove_all(&key).map_err(values::edit_error))
    }

    fn rename_all(&mut self, batch: Handle, key: String, to: String) -> Edited {
        self.edit(&batch, |spans| spans.rename(&key, &to).map_err(values::edit_error))
    }

    fn set(&mut self, batch: Handle, row: u32, key: String, value: Value) -> Edited {
        self.edit(&batch, |spans| values::with_value(&value, |value| spans.set(row as usize, &key, value)))
    }

    fn remove(&mut self, batch: Handle, row: u32, key: String) -> Edited {
        self.edit(&batch, |spans| spans.remove(row as usize, &key).map_err(values::edit_error))
    }

    fn set_name(&mut self, batch: Handle, row: u32, name: String) -> Edited {
        self.edit(&batch, |spans| spans.set_name(row as usize, &name).map_err(values::edit_error))
    }

    fn set_status(&mut self, batch: Handle, row: u32, status: Status) -> Edited {
        self.edit(&batch, |spans| {
            spans.set_status(row as usize, status.code as i32, &status.message).map_err(values::edit_error)
        })
    }

    fn resource_set(&mut self, batch: Handle, number: u32, key: String, value: Value) -> Edited {
        self.edit(&batch, |spans| {
            values::with_value(&value, |value| spans.set_resource(number as usize, &key, value))
        })
    }

    fn resource_remove(&mut self, batch: Handle, number: u32, key: String) -> Edited {
        self.edit(&batch, |spans| {
            spans.remove_from_resource(number as usize, &key).map_err(values::edit_error)
        })
    }

    fn split_off(&mut self, batch: Handle, count: u32) -> Result<Handle> {
        Ok(Resource::new_own(self.custody.split_off(batch.rep(), count)?))
    }

    fn partition(&mut self, batch: Handle, parts: Vec<u32>) -> Result<Result<Vec<Handle>, EditError>> {
        self.custody.check_room()?;
        let made = match self.spans(&batch)?.partition(&parts) {
            Ok(made) => made,
            Err(error) => return Ok(Err(values::edit_error(error))),
        };
        let whole = self.custody.edit(batch.rep())?;
        whole.data = wire::Batch::empty(wire::Signal::Traces);
        let made = whole.divide(made.into_iter().map(wire::Batch::Spans));
        let mut handles = Vec::with_capacity(made.len());
        for part in made {
            let number = self.custody.add(batch.rep(), part);
            handles.push(Resource::new_own(number));
            self.custody.charge(number)?;
        }
        Ok(Ok(handles))
    }

    fn merge(&mut self, batch: Handle, other: Handle) -> Result<()> {
        self.custody.merge(batch.rep(), other.rep())
    }

    fn drop(&mut self, batch: Handle) -> Result<()> {
        self.custody.drop(batch.rep())
    }
}

impl Guest {
    fn spans(&self, batch: &Handle) -> Result<&SpanBatch> {
        match self.custody.data(batch.rep())? {
            wire::Batch::Spans(spans) => Ok(spans),
            _ => bail!("batch {} holds no spans", batch.rep()),
        }
    }

    fn edit(&mut self, batch: &Handle, edit: impl FnOnce(&mut SpanBatch) -> Result<(), EditError>) -> Edited {
        let edited = edit(self.custody.edit_spans(batch.rep())?);
        self.custody.charge(batch.rep())?;
        Ok(edited)
    }
}

impl Custody {
    fn edit_spans(&mut self, number: u32) -> Result<&mut SpanBatch> {
        match self.edit(number)? {
            Batch { data: wire::Batch::Spans(spans), .. } => Ok(spans),
            _ => bail!("batch {number} holds no spans"),
        }
    }
}
