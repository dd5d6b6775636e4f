//! Spans: the columns, rows and edits of `wire`, behind handles.

use wasmtime::{Result, component::Resource};
use wire::{Signal, SpanBatch};

use super::{
    batches::not_brought,
    bindings::imported::spans::{
        self, EditError, FlatSpans, NumberColumn, Span, SpanResource, SpanScope, Status, TextColumn, Value,
    },
    convert,
};
use crate::plugin::guest::{Guest, custody::Spans, lists};

type Handle = Resource<Spans>;
type Edited = Result<Result<(), EditError>>;

impl spans::Host for Guest {}

impl spans::HostSpanBatch for Guest {
    fn from_otlp(&mut self, otlp: Vec<u8>) -> Result<Result<Handle, EditError>> {
        Ok(self.custody.make(Signal::Traces, otlp.into())?.map(Handle::new_own).map_err(not_brought))
    }

    fn len(&mut self, batch: Handle) -> Result<u32> {
        Ok(self.custody.spans(batch.rep())?.items() as u32)
    }

    fn encoded_len(&mut self, batch: Handle) -> Result<u64> {
        self.custody.encoded_len(batch.rep())
    }

    fn metadata(&mut self, batch: Handle, key: String) -> Result<Vec<String>> {
        self.custody.metadata(batch.rep(), &key)
    }

    fn trace_ids(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.custody.spans(batch.rep())?.trace_ids().as_flattened().to_vec())
    }

    fn span_ids(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.custody.spans(batch.rep())?.span_ids().as_flattened().to_vec())
    }

    fn parent_span_ids(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.custody.spans(batch.rep())?.parent_span_ids().as_flattened().to_vec())
    }

    fn start_times_unix_nano(&mut self, batch: Handle) -> Result<Vec<u64>> {
        Ok(self.custody.spans(batch.rep())?.start_times_unix_nano().to_vec())
    }

    fn end_times_unix_nano(&mut self, batch: Handle) -> Result<Vec<u64>> {
        Ok(self.custody.spans(batch.rep())?.end_times_unix_nano().to_vec())
    }

    fn durations_nano(&mut self, batch: Handle) -> Result<Vec<u64>> {
        Ok(self.custody.spans(batch.rep())?.durations_nano())
    }

    fn kinds(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.custody.spans(batch.rep())?.kinds().iter().map(|kind| convert::kind_number(*kind)).collect())
    }

    fn status_codes(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self
            .custody
            .spans(batch.rep())?
            .status_codes()
            .iter()
            .map(|code| convert::status_number(*code))
            .collect())
    }

    fn names(&mut self, batch: Handle) -> Result<TextColumn> {
        Ok(convert::text_column(self.custody.spans(batch.rep())?.names()))
    }

    fn trace_states(&mut self, batch: Handle) -> Result<TextColumn> {
        Ok(convert::text_column(self.custody.spans(batch.rep())?.trace_states()))
    }

    fn text_column(&mut self, batch: Handle, key: String) -> Result<TextColumn> {
        Ok(convert::text_column(self.custody.spans(batch.rep())?.text(&key)))
    }

    fn number_column(&mut self, batch: Handle, key: String) -> Result<NumberColumn> {
        Ok(convert::number_column(&self.custody.spans(batch.rep())?.numbers(&key)))
    }

    fn texts(&mut self, batch: Handle, key: String) -> Result<Vec<Option<String>>> {
        Ok(self.custody.spans(batch.rep())?.texts(&key).map(|text| text.map(str::to_owned)).collect())
    }

    fn numbers(&mut self, batch: Handle, key: String) -> Result<Vec<Option<f64>>> {
        Ok(self.custody.spans(batch.rep())?.values(&key).map(|value| value?.as_number()).collect())
    }

    fn resource_count(&mut self, batch: Handle) -> Result<u32> {
        Ok(self.custody.spans(batch.rep())?.resource_count() as u32)
    }

    fn resources_of_spans(&mut self, batch: Handle) -> Result<Vec<u32>> {
        Ok(self.custody.spans(batch.rep())?.resources_of_spans())
    }

    fn resource_text_column(&mut self, batch: Handle, key: String) -> Result<TextColumn> {
        Ok(convert::text_column(self.custody.spans(batch.rep())?.resource_text(&key)))
    }

    fn resource_number_column(&mut self, batch: Handle, key: String) -> Result<NumberColumn> {
        Ok(convert::number_column(&self.custody.spans(batch.rep())?.resource_numbers(&key)))
    }

    fn resource_texts(&mut self, batch: Handle, key: String) -> Result<Vec<Option<String>>> {
        let spans = self.custody.spans(batch.rep())?;
        Ok(lists::texts(&spans.resource_text(&key), spans.resource_count()))
    }

    fn resource(&mut self, batch: Handle, number: u32) -> Result<Option<SpanResource>> {
        Ok(self
            .custody
            .spans(batch.rep())?
            .resource(number as usize)
            .map(|resource| convert::resource(&resource)))
    }

    fn scope(&mut self, batch: Handle, number: u32) -> Result<Option<SpanScope>> {
        Ok(self.custody.spans(batch.rep())?.scope(number as usize).map(|scope| convert::scope(&scope)))
    }

    fn span(&mut self, batch: Handle, row: u32) -> Result<Option<Span>> {
        Ok(self.custody.spans(batch.rep())?.span(row as usize).map(|span| convert::span(&span)))
    }

    fn get(&mut self, batch: Handle, row: u32, key: String) -> Result<Option<Value>> {
        let spans = self.custody.spans(batch.rep())?;
        Ok(spans.attribute(row as usize, &key).as_ref().map(convert::value))
    }

    fn resource_get(&mut self, batch: Handle, number: u32, key: String) -> Result<Option<Value>> {
        let resource = self.custody.spans(batch.rep())?.resource(number as usize);
        Ok(resource.and_then(|resource| resource.attribute(&key)).as_ref().map(convert::value))
    }

    fn flat(&mut self, batch: Handle) -> Result<FlatSpans> {
        Ok(convert::flat_spans(self.custody.spans(batch.rep())?.flat()))
    }

    fn otlp(&mut self, batch: Handle) -> Result<Vec<u8>> {
        Ok(self.custody.otlp(batch.rep())?.into())
    }

    fn replace(&mut self, batch: Handle, otlp: Vec<u8>) -> Edited {
        Ok(self.custody.replace(batch.rep(), Signal::Traces, otlp.into())?.map_err(not_brought))
    }

    fn retain(&mut self, batch: Handle, keep: Vec<bool>) -> Edited {
        Ok(self.custody.retain(batch.rep(), &keep)?.map_err(convert::edit_error))
    }

    fn set_text_column(&mut self, batch: Handle, key: String, column: TextColumn) -> Edited {
        edit(self, &batch, column.arena.len(), |spans| {
            spans.set_text(&key, &convert::to_text_column(column)?).map_err(convert::edit_error)
        })
    }

    fn set_number_column(&mut self, batch: Handle, key: String, column: NumberColumn) -> Edited {
        edit(self, &batch, 0, |spans| {
            spans.set_numbers(&key, &convert::to_number_column(column)?).map_err(convert::edit_error)
        })
    }

    fn set_texts(&mut self, batch: Handle, key: String, texts: Vec<Option<String>>) -> Edited {
        let brought_bytes = texts.iter().flatten().map(String::len).sum();
        edit(self, &batch, brought_bytes, |spans| {
            let (rows, values) = (spans.items(), texts.len());
            let texts = if rows == values {
                lists::from_texts(&texts)
            } else {
                Err(wire::EditError::Length { rows, values })
            };
            texts.and_then(|texts| spans.set_text(&key, &texts)).map_err(convert::edit_error)
        })
    }

    fn set_names(&mut self, batch: Handle, column: TextColumn) -> Edited {
        edit(self, &batch, column.arena.len(), |spans| {
            spans.set_names(&convert::to_text_column(column)?).map_err(convert::edit_error)
        })
    }

    fn replace_all(&mut self, batch: Handle, key: String, value: Value) -> Edited {
        let brought_bytes = self.custody.repeated_bytes(batch.rep(), &key, len_bytes(&value))?;
        edit(self, &batch, brought_bytes, |spans| {
            convert::with_value(&value, |value| spans.replace_all(&key, value))
        })
    }

    fn remove_all(&mut self, batch: Handle, key: String) -> Edited {
        edit(self, &batch, 0, |spans| spans.remove_all(&key).map_err(convert::edit_error))
    }

    fn rename_all(&mut self, batch: Handle, key: String, to: String) -> Edited {
        let brought_bytes = self.custody.repeated_bytes(batch.rep(), &key, to.len())?;
        edit(self, &batch, brought_bytes, |spans| spans.rename(&key, &to).map_err(convert::edit_error))
    }

    fn set(&mut self, batch: Handle, row: u32, key: String, value: Value) -> Edited {
        edit(self, &batch, len_bytes(&value), |spans| {
            convert::with_value(&value, |value| spans.set(row as usize, &key, value))
        })
    }

    fn remove(&mut self, batch: Handle, row: u32, key: String) -> Edited {
        edit(self, &batch, 0, |spans| spans.remove(row as usize, &key).map_err(convert::edit_error))
    }

    fn set_name(&mut self, batch: Handle, row: u32, name: String) -> Edited {
        edit(self, &batch, name.len(), |spans| {
            spans.set_name(row as usize, &name).map_err(convert::edit_error)
        })
    }

    fn set_status(&mut self, batch: Handle, row: u32, status: Status) -> Edited {
        edit(self, &batch, status.message.len(), |spans| {
            spans.set_status(row as usize, status.code as i32, &status.message).map_err(convert::edit_error)
        })
    }

    fn resource_set(&mut self, batch: Handle, number: u32, key: String, value: Value) -> Edited {
        edit(self, &batch, len_bytes(&value), |spans| {
            convert::with_value(&value, |value| spans.set_resource(number as usize, &key, value))
        })
    }

    fn resource_remove(&mut self, batch: Handle, number: u32, key: String) -> Edited {
        edit(self, &batch, 0, |spans| {
            spans.remove_from_resource(number as usize, &key).map_err(convert::edit_error)
        })
    }

    fn split_off(&mut self, batch: Handle, count: u32) -> Result<Handle> {
        Ok(Resource::new_own(self.custody.split_off(batch.rep(), count)?))
    }

    fn partition(&mut self, batch: Handle, parts: Vec<u32>) -> Result<Result<Vec<Handle>, EditError>> {
        let made = self.custody.partition(batch.rep(), &parts)?;
        let handles = |numbers: Vec<u32>| numbers.into_iter().map(Resource::new_own).collect();
        Ok(made.map(handles).map_err(convert::edit_error))
    }

    fn merge(&mut self, batch: Handle, other: Handle) -> Result<()> {
        self.custody.merge(batch.rep(), other.rep())
    }

    newer_of_spans!();

    fn drop(&mut self, batch: Handle) -> Result<()> {
        self.custody.drop(batch.rep())
    }
}

fn edit(
    guest: &mut Guest,
    batch: &Handle,
    brought_bytes: usize,
    edit: impl FnOnce(&mut SpanBatch) -> Result<(), EditError>,
) -> Edited {
    guest.custody.edit_spans(batch.rep(), brought_bytes, edit)
}

/// Returns the length of a value's content.
fn len_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Int(_) | Value::Double(_) | Value::Bool(_) => 0,
    }
}
