use std::cell::{Ref, RefCell};

use super::convert::{
    edit_error, number_column, text_column, to_number_column, to_text_column, value, with_value,
};
use super::{convert, metadata::Metadata};
use crate::bindings::spanloom::plugin::spans::{
    FlatSpans, Span, SpanResource, SpanScope, Status, WrongLength,
};
use crate::{EditError, NumberColumn, TextColumn, Value};

/// A batch that is edited by a shared reference, like a handle.
#[derive(Debug)]
pub(crate) struct SpanBatch(RefCell<wire::SpanBatch>, pub(crate) Metadata);

type Edited = Result<(), EditError>;

impl SpanBatch {
    pub(crate) fn new(batch: wire::SpanBatch) -> SpanBatch {
        SpanBatch(RefCell::new(batch), Metadata::default())
    }

    pub(crate) fn from_otlp(otlp: &[u8]) -> Result<SpanBatch, EditError> {
        let spans = wire::SpanBatch::decode(otlp.to_vec().into());
        spans.map(SpanBatch::new).map_err(|error| EditError::BadOtlp(error.to_string()))
    }

    pub(crate) fn get_ref(&self) -> Ref<'_, wire::SpanBatch> {
        self.0.borrow()
    }

    fn edit(&self, edit: impl FnOnce(&mut wire::SpanBatch) -> Result<(), wire::EditError>) -> Edited {
        edit(&mut self.0.borrow_mut()).map_err(edit_error)
    }
}

/// Columns.
impl SpanBatch {
    pub(crate) fn len(&self) -> u32 {
        self.get_ref().items() as u32
    }

    pub(crate) fn encoded_len(&self) -> u64 {
        self.get_ref().encoded_len() as u64
    }

    pub(crate) fn metadata(&self, key: &str) -> Vec<String> {
        self.1.get(key)
    }

    pub(crate) fn trace_ids(&self) -> Vec<u8> {
        self.get_ref().trace_ids().as_flattened().to_vec()
    }

    pub(crate) fn span_ids(&self) -> Vec<u8> {
        self.get_ref().span_ids().as_flattened().to_vec()
    }

    pub(crate) fn parent_span_ids(&self) -> Vec<u8> {
        self.get_ref().parent_span_ids().as_flattened().to_vec()
    }

    pub(crate) fn start_times_unix_nano(&self) -> Vec<u64> {
        self.get_ref().start_times_unix_nano().to_vec()
    }

    pub(crate) fn end_times_unix_nano(&self) -> Vec<u64> {
        self.get_ref().end_times_unix_nano().to_vec()
    }

    pub(crate) fn durations_nano(&self) -> Vec<u64> {
        self.get_ref().durations_nano()
    }

    pub(crate) fn kinds(&self) -> Vec<u8> {
        self.get_ref().kinds().iter().map(|kind| convert::kind_number(*kind)).collect()
    }

    pub(crate) fn status_codes(&self) -> Vec<u8> {
        self.get_ref().status_codes().iter().map(|code| convert::status_number(*code)).collect()
    }

    pub(crate) fn names(&self) -> TextColumn {
        text_column(self.get_ref().names())
    }

    pub(crate) fn trace_states(&self) -> TextColumn {
        text_column(self.get_ref().trace_states())
    }

    pub(crate) fn text_column(&self, key: &str) -> TextColumn {
        text_column(self.get_ref().text(key))
    }

    pub(crate) fn number_column(&self, key: &str) -> NumberColumn {
        number_column(&self.get_ref().numbers(key))
    }
}

/// Resources and scopes.
impl SpanBatch {
    pub(crate) fn resource_count(&self) -> u32 {
        self.get_ref().resource_count() as u32
    }

    pub(crate) fn resources_of_spans(&self) -> Vec<u32> {
        self.get_ref().resources_of_spans()
    }

    pub(crate) fn resource_text_column(&self, key: &str) -> TextColumn {
        text_column(self.get_ref().resource_text(key))
    }

    pub(crate) fn resource_number_column(&self, key: &str) -> NumberColumn {
        number_column(&self.get_ref().resource_numbers(key))
    }

    pub(crate) fn resource(&self, number: u32) -> Option<SpanResource> {
        self.get_ref().resource(number as usize).map(|resource| convert::resource(&resource))
    }

    pub(crate) fn scope(&self, number: u32) -> Option<SpanScope> {
        self.get_ref().scope(number as usize).map(|scope| convert::scope(&scope))
    }

    pub(crate) fn resource_get(&self, number: u32, key: &str) -> Option<Value> {
        let spans = self.get_ref();
        let found = spans.resource(number as usize)?.attribute(key)?;
        Some(value(&found))
    }

    pub(crate) fn resource_set(&self, number: u32, key: &str, value: &Value) -> Edited {
        with_value(value, |value| self.0.borrow_mut().set_resource(number as usize, key, value))
    }

    pub(crate) fn resource_remove(&self, number: u32, key: &str) -> Edited {
        self.edit(|spans| spans.remove_from_resource(number as usize, key))
    }
}

/// The whole content of a batch.
impl SpanBatch {
    pub(crate) fn flat(&self) -> FlatSpans {
        convert::flat_spans(self.get_ref().flat())
    }

    pub(crate) fn otlp(&self) -> Vec<u8> {
        self.get_ref().chunks().concat()
    }

    pub(crate) fn replace(&self, otlp: &[u8]) -> Edited {
        self.0.swap(&SpanBatch::from_otlp(otlp)?.0);
        Ok(())
    }
}

/// Edits of all spans at once.
impl SpanBatch {
    pub(crate) fn retain(&self, keep: &[bool]) -> Edited {
        if keep.len() as u32 != self.len() {
            let (expected, given) = (self.len(), keep.len() as u32);
            return Err(EditError::WrongLength(WrongLength { expected, given }));
        }
        self.0.borrow_mut().retain(|row| keep.get(row).copied().unwrap_or_default());
        Ok(())
    }

    pub(crate) fn set_text_column(&self, key: &str, column: &TextColumn) -> Edited {
        let column = to_text_column(column.clone())?;
        self.edit(|spans| spans.set_text(key, &column))
    }

    pub(crate) fn set_number_column(&self, key: &str, column: &NumberColumn) -> Edited {
        let column = to_number_column(column.clone())?;
        self.edit(|spans| spans.set_numbers(key, &column))
    }

    pub(crate) fn set_names(&self, column: &TextColumn) -> Edited {
        let column = to_text_column(column.clone())?;
        self.edit(|spans| spans.set_names(&column))
    }

    pub(crate) fn set_trace_states(&self, column: &TextColumn) -> Edited {
        let column = to_text_column(column.clone())?;
        self.edit(|spans| spans.set_trace_states(&column))
    }

    pub(crate) fn replace_all(&self, key: &str, value: &Value) -> Edited {
        with_value(value, |value| self.0.borrow_mut().replace_all(key, value))
    }

    pub(crate) fn remove_all(&self, key: &str) -> Edited {
        self.edit(|spans| spans.remove_all(key))
    }

    pub(crate) fn rename_all(&self, key: &str, to: &str) -> Edited {
        self.edit(|spans| spans.rename(key, to))
    }
}

/// One span at a time.
impl SpanBatch {
    pub(crate) fn span(&self, row: u32) -> Option<Span> {
        self.get_ref().span(row as usize).map(|span| convert::span(&span))
    }

    pub(crate) fn get(&self, row: u32, key: &str) -> Option<Value> {
        self.get_ref().attribute(row as usize, key).map(|found| value(&found))
    }

    pub(crate) fn set(&self, row: u32, key: &str, value: &Value) -> Edited {
        with_value(value, |value| self.0.borrow_mut().set(row as usize, key, value))
    }

    pub(crate) fn remove(&self, row: u32, key: &str) -> Edited {
        self.edit(|spans| spans.remove(row as usize, key))
    }

    pub(crate) fn set_name(&self, row: u32, name: &str) -> Edited {
        self.edit(|spans| spans.set_name(row as usize, name))
    }

    pub(crate) fn set_status(&self, row: u32, status: &Status) -> Edited {
        self.edit(|spans| spans.set_status(row as usize, status.code as i32, &status.message))
    }
}

/// Operations on whole batches.
impl SpanBatch {
    pub(crate) fn count_as_sampled_out(&self) {
        super::world::with(|world| world.samples_out = true);
    }

    pub(crate) fn split_off(&self, count: u32) -> SpanBatch {
        self.part(self.0.borrow_mut().split_off_items(count as usize))
    }

    /// Splits the batch into parts and leaves it empty.
    pub(crate) fn partition(&self, parts: &[u32]) -> Result<Vec<SpanBatch>, EditError> {
        let split = self.get_ref().partition(parts).map_err(edit_error)?;
        self.0.borrow_mut().split_off_items(0);
        Ok(split.into_iter().map(|part| self.part(part)).collect())
    }

    fn part(&self, spans: wire::SpanBatch) -> SpanBatch {
        SpanBatch(RefCell::new(spans), self.1.share())
    }

    pub(crate) fn merge(&self, other: SpanBatch) {
        self.1.merge(&other.1);
        self.0.borrow_mut().merge(other.0.into_inner());
    }
}
