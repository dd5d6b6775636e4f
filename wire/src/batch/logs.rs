//! Reads and edits log records.

use bytes::Bytes;
use smallvec::SmallVec;

use super::LogsBatch;
use crate::column::{TextColumn, check_last};
use crate::span_batch::Attributes;
use crate::store::Store;
use crate::value::{attribute, last_field};
use crate::{EditError, Value};

const ATTRIBUTES: Attributes = Attributes { number: 6, start: 0 };
const TRACE_ID: u32 = 9;

impl LogsBatch {
    /// Returns the number of log records.
    pub fn items(&self) -> usize {
        self.0.items()
    }

    /// Returns one request in pieces that are sent one after another.
    pub fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        self.0.chunks()
    }

    /// Returns the trace ids. An id that was not sent as 16 bytes is all zeros.
    pub fn trace_ids(&self) -> Vec<[u8; 16]> {
        let view = self.0.view();
        let id = |row| last_field(view.record(row), TRACE_ID).and_then(|field| field.value.try_into().ok());
        (0..view.records.len()).map(|row| id(row).unwrap_or_default()).collect()
    }

    /// Iterates over the first attribute with that key, with one entry per log record.
    pub fn values(&self, key: &str) -> impl Iterator<Item = Option<Value<'_>>> {
        let view = self.0.view();
        (0..view.records.len()).map(move |row| attribute(view.record(row), ATTRIBUTES.number, key))
    }

    /// Sets an attribute of the log records in the column.
    pub fn set_text(&mut self, key: &str, column: &TextColumn) -> Result<(), EditError> {
        check_last(column.rows(), self.items())?;
        let mut texts = column.iter().peekable();
        self.0.view_mut().rewrite_all(|row, _, record, patch| {
            if let Some((_, text)) = texts.next_if(|(of, _)| *of as usize == row) {
                ATTRIBUTES.set(record, patch, key, &Value::Str(text));
            }
        })
    }

    /// Keeps the log records for which `keep` returns true. Resources and scopes without remaining records are
    /// left out of the encoded request.
    pub fn retain(&mut self, keep: impl FnMut(usize) -> bool) {
        let rows = self.items();
        let mut keep = keep;
        let kept: Vec<u32> = (0..rows as u32).filter(|row| keep(*row as usize)).collect();
        if kept.len() < rows {
            self.0 = Store::from_view(self.0.view().select(&kept));
        }
    }
}
