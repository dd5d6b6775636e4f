//! Edits spans. Every later read sees an edit. Bytes that are not edited stay as they arrived.

use super::SpanBatch;
use super::edits::{Attributes, set_name, set_status, set_trace_state};
use crate::column::{NumberColumn, TextColumn, check_last};
use crate::{EditError, Value};

const OF_RESOURCE: Attributes = Attributes { number: 1, start: 0 };

/// The messages around a span's attribute value: `ResourceSpans`, `ScopeSpans`, `Span`, `KeyValue`,
/// `AnyValue`.
const SPAN_VALUE_DEPTH: usize = 5;
/// The messages around a resource's attribute value: `ResourceSpans`, `Resource`, `KeyValue`, `AnyValue`.
const RESOURCE_VALUE_DEPTH: usize = 4;

/// Removes spans.
impl SpanBatch {
    /// Keeps the spans for which `keep` returns true. Resources and scopes without remaining spans are left
    /// out of the encoded request.
    pub fn retain(&mut self, keep: impl FnMut(usize) -> bool) {
        let rows = self.items();
        let mut keep = keep;
        let kept: Vec<u32> = (0..rows as u32).filter(|row| keep(*row as usize)).collect();
        if kept.len() < rows {
            *self = self.select(&kept);
        }
    }
}

/// Edits all spans at once.
impl SpanBatch {
    /// Sets an attribute of the spans in the column.
    pub fn set_text(&mut self, key: &str, column: &TextColumn) -> Result<(), EditError> {
        check_last(column.rows(), self.items())?;
        self.set_column(key, column.iter().map(|(row, text)| (row, Value::Str(text))))
    }

    /// Sets an attribute of the spans in the column.
    pub fn set_numbers(&mut self, key: &str, column: &NumberColumn) -> Result<(), EditError> {
        check_last(column.rows(), self.items())?;
        self.set_column(key, column.iter().map(|(row, kind, bits)| (row, kind.value(bits))))
    }

    /// Sets the names of the spans in the column.
    pub fn set_names(&mut self, column: &TextColumn) -> Result<(), EditError> {
        check_last(column.rows(), self.items())?;
        let mut names = column.iter().peekable();
        let view = self.0.view_mut();
        let outcome = view.rewrite_all(|row, _, span, patch| {
            if let Some((_, name)) = names.next_if(|(of, _)| *of as usize == row) {
                set_name(span, patch, name);
            }
        });
        for row in column.rows() {
            view.refresh(*row as usize);
        }
        outcome
    }

    /// Sets the trace states of the spans in the column. An empty text removes the trace state.
    pub fn set_trace_states(&mut self, column: &TextColumn) -> Result<(), EditError> {
        check_last(column.rows(), self.items())?;
        let mut states = column.iter().peekable();
        let view = self.0.view_mut();
        let outcome = view.rewrite_all(|row, _, span, patch| {
            if let Some((_, state)) = states.next_if(|(of, _)| *of as usize == row) {
                set_trace_state(span, patch, state);
            }
        });
        view.columns.any_trace_state = true;
        outcome
    }

    /// Sets the attribute of every span that has an attribute with this key, whatever its type.
    pub fn replace_all(&mut self, key: &str, value: &Value<'_>) -> Result<(), EditError> {
        value.check_depth(SPAN_VALUE_DEPTH)?;
        self.0.view_mut().rewrite_all(|row, fields, span, patch| {
            fields.attributes(row).replace(span, patch, key, value);
        })
    }

    /// Removes an attribute from every span that has it.
    pub fn remove_all(&mut self, key: &str) -> Result<(), EditError> {
        self.0.view_mut().rewrite_all(|row, fields, span, patch| {
            fields.attributes(row).remove(span, patch, key);
        })
    }

    /// Renames attribute `from` to `to` in every span that has `from`. An existing `to` is replaced.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), EditError> {
        self.0.view_mut().rewrite_all(|row, fields, span, patch| {
            fields.attributes(row).rename(span, patch, from, to);
        })
    }

    fn set_column<'v>(
        &mut self,
        key: &str,
        values: impl Iterator<Item = (u32, Value<'v>)>,
    ) -> Result<(), EditError> {
        let mut values = values.peekable();
        self.0.view_mut().rewrite_all(|row, fields, span, patch| {
            if let Some((_, value)) = values.next_if(|(of, _)| *of as usize == row) {
                fields.attributes(row).set(span, patch, key, &value);
            }
        })
    }
}

/// Edits one span.
impl SpanBatch {
    /// Sets an attribute. It replaces the first attribute with its key, or comes after all others.
    pub fn set(&mut self, row: usize, key: &str, value: &Value<'_>) -> Result<(), EditError> {
        value.check_depth(SPAN_VALUE_DEPTH)?;
        self.0.view_mut().rewrite(row, |fields, span, patch| {
            fields.attributes(row).set(span, patch, key, value);
        })
    }

    /// Removes an attribute if it exists.
    pub fn remove(&mut self, row: usize, key: &str) -> Result<(), EditError> {
        self.0.view_mut().rewrite(row, |fields, span, patch| {
            fields.attributes(row).remove(span, patch, key);
        })
    }

    /// Sets the status. `code` is a `StatusCode`: 0 unset, 1 ok, 2 error.
    pub fn set_status(&mut self, row: usize, code: i32, message: &str) -> Result<(), EditError> {
        let view = self.0.view_mut();
        view.rewrite(row, |_, span, patch| set_status(span, patch, code, message))?;
        view.refresh(row);
        Ok(())
    }

    pub fn set_name(&mut self, row: usize, name: &str) -> Result<(), EditError> {
        let view = self.0.view_mut();
        view.rewrite(row, |_, span, patch| set_name(span, patch, name))?;
        view.refresh(row);
        Ok(())
    }
}

/// Edits resources, by their indexes.
impl SpanBatch {
    /// Sets an attribute. It replaces the first attribute with its key, or comes after all others.
    pub fn set_resource(&mut self, resource: usize, key: &str, value: &Value<'_>) -> Result<(), EditError> {
        value.check_depth(RESOURCE_VALUE_DEPTH)?;
        let view = self.0.view_mut();
        view.rewrite_resource(resource, |body, patch| OF_RESOURCE.set(body, patch, key, value))
    }

    /// Removes an attribute if it exists.
    pub fn remove_from_resource(&mut self, resource: usize, key: &str) -> Result<(), EditError> {
        let view = self.0.view_mut();
        view.rewrite_resource(resource, |body, patch| OF_RESOURCE.remove(body, patch, key))
    }
}
