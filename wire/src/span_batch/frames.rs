//! Takes spans out of their requests, and puts requests together from such spans. For code that holds spans for
//! longer than the requests that they arrived in.

use bytes::Bytes;

use super::SpanBatch;
use super::fields::SpanFields;
use crate::EditError;
use crate::check::SIZE_LIMIT_BYTES;
use crate::encode::{bytes_at, framed_len, open};
use crate::layout::{RESOURCE_ENVELOPE, SCOPE_ENVELOPE};
use crate::view::View;

/// The spans of a batch, one by one. The requests' unknown fields are not among them.
#[derive(Clone, Copy)]
pub struct Frames<'a>(&'a View<SpanFields>);

/// A span, and the envelopes that it belongs in.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Identifies the resource envelope.
    pub resource: u32,
    /// Identifies the scope envelope. A scope belongs to one resource.
    pub scope: u32,
    /// The fields of the `ResourceSpans`, except `scope_spans`.
    pub resource_fields: &'a [u8],
    /// The fields of the `ScopeSpans`, except `spans`.
    pub scope_fields: &'a [u8],
    /// The field `spans` with one `Span`: tag, length and payload.
    pub span: &'a [u8],
}

impl SpanBatch {
    /// Returns the spans as they would be encoded now.
    pub fn frames(&self) -> Frames<'_> {
        Frames(self.0.view())
    }

    /// Puts a request together. Neighbours of one resource get one envelope, and likewise those of one scope.
    ///
    /// # Errors
    /// Returns [`EditError::Size`] if the request would be larger than a protobuf message may be.
    pub fn of_frames(frames: &[Frame<'_>]) -> Result<SpanBatch, EditError> {
        let resources = || frames.chunk_by(|one, next| one.resource == next.resource);
        let len_bytes: usize =
            resources().map(|resource| framed_len(RESOURCE_ENVELOPE, resource_len(resource))).sum();
        if len_bytes > SIZE_LIMIT_BYTES {
            return Err(EditError::Size);
        }
        let mut request = Vec::with_capacity(len_bytes);
        for resource in resources() {
            open(&mut request, RESOURCE_ENVELOPE, resource_len(resource));
            request.extend_from_slice(resource.first().map_or(&[], |frame| frame.resource_fields));
            for scope in scopes(resource) {
                open(&mut request, SCOPE_ENVELOPE, scope_len(scope));
                request.extend_from_slice(scope.first().map_or(&[], |frame| frame.scope_fields));
                scope.iter().for_each(|frame| request.extend_from_slice(frame.span));
            }
        }
        Ok(SpanBatch::of_checked(Bytes::from(request), frames.len()))
    }
}

fn scopes<'s, 'a>(resource: &'s [Frame<'a>]) -> impl Iterator<Item = &'s [Frame<'a>]> {
    resource.chunk_by(|one, next| one.scope == next.scope)
}

fn resource_len(resource: &[Frame<'_>]) -> usize {
    let fields = resource.first().map_or(0, |frame| frame.resource_fields.len());
    fields + scopes(resource).map(|scope| framed_len(SCOPE_ENVELOPE, scope_len(scope))).sum::<usize>()
}

fn scope_len(scope: &[Frame<'_>]) -> usize {
    let fields = scope.first().map_or(0, |frame| frame.scope_fields.len());
    fields + scope.iter().map(|frame| frame.span.len()).sum::<usize>()
}

impl<'a> Frames<'a> {
    /// Returns the trace ids, one per span. An id that was not sent as 16 bytes is all zeros.
    pub fn trace_ids(&self) -> &'a [[u8; 16]] {
        &self.0.columns.trace_ids
    }

    /// Returns the index of a span's scope. Spans of one scope are neighbours.
    pub fn scope(&self, row: usize) -> usize {
        self.0.records.get(row).map_or(usize::MAX, |record| record.scope as usize)
    }

    /// Returns the field `spans` of the scope envelope that holds this span; see [`Frame::span`].
    pub fn span(&self, row: usize) -> &'a [u8] {
        let record = self.0.records.get(row);
        record.and_then(|record| bytes_at(&self.0.sources, record.place)).unwrap_or_default()
    }

    /// Appends the [`Frame::scope_fields`] of a scope.
    pub fn write_scope(&self, scope: usize, fields: &mut Vec<u8>) {
        let Some(scope) = self.0.layout.scopes.get(scope) else { return };
        for place in self.0.layout.rests(scope) {
            fields.extend_from_slice(bytes_at(&self.0.sources, *place).unwrap_or_default());
        }
    }

    /// Appends the [`Frame::resource_fields`] of the resource that a scope belongs to.
    pub fn write_resource(&self, scope: usize, fields: &mut Vec<u8>) {
        let Some(scope) = self.0.layout.scopes.get(scope) else { return };
        let Some(resource) = self.0.layout.resources.get(scope.parent as usize) else { return };
        self.0.plan().each_of_head(resource, |place| {
            fields.extend_from_slice(bytes_at(&self.0.sources, place).unwrap_or_default());
        });
    }
}
