//! Reads and edits the resources and scopes around spans.

use std::sync::Arc;

use bytes::Bytes;

use super::fields::SpanFields;
use crate::EditError;
use crate::check::SIZE_LIMIT_BYTES;
use crate::encode::{bytes_at, framed_len, open};
use crate::layout::{Envelope, HEAD, Place};
use crate::patch::Patch;
use crate::value::{Parts, fields_of, text};
use crate::view::View;

const SCHEMA_URL: u32 = 3;

impl View<SpanFields> {
    /// Returns the index of a span's resource.
    pub(super) fn resource_of(&self, row: usize) -> usize {
        let scope = self.records.get(row).and_then(|record| self.layout.scopes.get(record.scope as usize));
        scope.map_or(usize::MAX, |scope| scope.parent as usize)
    }

    /// Returns the occurrences of `Resource` in its envelope, and the schema URL of the envelope.
    pub(super) fn resource_parts(&self, resource: usize) -> (Parts<'_>, &str) {
        self.layout.resources.get(resource).map_or_else(Default::default, |envelope| self.parts(envelope))
    }

    pub(super) fn scope_parts(&self, scope: usize) -> (Parts<'_>, &str) {
        self.layout.scopes.get(scope).map_or_else(Default::default, |envelope| self.parts(envelope))
    }

    fn parts(&self, envelope: &Envelope) -> (Parts<'_>, &str) {
        let rests = self.layout.rests(envelope).iter().filter_map(|place| bytes_at(&self.sources, *place));
        let rests: Parts<'_> = rests.collect();
        let schema_url = text(fields_of(rests.clone(), SCHEMA_URL).last().unwrap_or_default());
        let head = match envelope.head {
            Some(head) => bytes_at(&self.sources, head).into_iter().collect(),
            None => rests,
        };
        (fields_of(head, HEAD).collect(), schema_url)
    }

    /// Edits a resource. Its occurrences are joined into one, which replaces them.
    pub(super) fn rewrite_resource(
        &mut self,
        resource: usize,
        edit: impl FnOnce(&[u8], &mut Patch),
    ) -> Result<(), EditError> {
        let rows = self.layout.resources.len();
        if resource >= rows {
            return Err(EditError::Row { row: resource, rows });
        }
        let body = self.resource_parts(resource).0.concat();
        let mut patch = Patch::default();
        edit(&body, &mut patch);
        if patch.is_empty() {
            return Ok(());
        }
        let len_bytes = patch.len_after(body.len());
        if framed_len(HEAD, len_bytes) > SIZE_LIMIT_BYTES {
            return Err(EditError::Size);
        }
        let mut frame = Vec::with_capacity(framed_len(HEAD, len_bytes));
        open(&mut frame, HEAD, len_bytes);
        patch.apply(&body, &mut frame);
        self.set_head(resource, frame);
        Ok(())
    }

    fn set_head(&mut self, resource: usize, frame: Vec<u8>) {
        let Some(envelope) = Arc::make_mut(&mut self.layout).resources.get_mut(resource) else { return };
        let sources = Arc::make_mut(&mut self.sources);
        let end = frame.len() as u32;
        let former = envelope.head.map(|head| head.source);
        let source = former.unwrap_or(sources.len() as u32);
        match sources.get_mut(source as usize) {
            Some(slot) => *slot = Bytes::from(frame),
            None => sources.push(Bytes::from(frame)),
        }
        envelope.head = Some(Place { source, start: 0, end });
        self.changed = true;
    }
}
