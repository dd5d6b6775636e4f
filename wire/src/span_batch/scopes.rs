//! Adds attributes to the scopes of some spans.

use std::ops::Range;

use super::edits::Attributes;
use super::{Frame, SpanBatch};
use crate::fields::Occurrences;
use crate::patch::Patch;
use crate::value::write_delimited;
use crate::{EditError, Value};

/// The field `scope` of a `ScopeSpans`.
const SCOPE: u32 = 1;
const OF_SCOPE: Attributes = Attributes { number: 3, start: 0 };
/// The messages around a scope's attribute value: `ResourceSpans`, `ScopeSpans`, `InstrumentationScope`,
/// `KeyValue`, `AnyValue`.
const VALUE_DEPTH: usize = 5;

/// Neighbouring spans of one scope that get the same attributes.
struct Run {
    rows: Range<usize>,
    /// Their parts of the text of all fields.
    resource_fields: Range<usize>,
    scope_fields: Range<usize>,
}

impl SpanBatch {
    /// Sets attributes of the spans' scopes. `set_of` returns, for a span's row, the number of its set in `sets`, or
    /// `None` if its scope stays as it is. The spans keep their order: a scope whose spans get different sets becomes
    /// several scopes.
    ///
    /// If any span has a set, the request is put together anew, without the requests' unknown fields.
    ///
    /// # Errors
    /// Returns [`EditError::Size`] if the request would be larger than a protobuf message may be, and
    /// [`EditError::Depth`] if a value nests too deep. The batch is unchanged then.
    pub fn set_scope_attributes(
        &mut self,
        sets: &[Vec<(&str, Value<'_>)>],
        set_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), EditError> {
        sets.iter().flatten().try_for_each(|(_, value)| value.check_depth(VALUE_DEPTH))?;
        if !(0..self.items()).any(|row| set_of(row).is_some()) {
            return Ok(());
        }
        let (runs, fields) = self.runs(sets, &set_of);
        let frames = self.frames();
        let of = |range: &Range<usize>| fields.get(range.clone()).unwrap_or_default();
        let mut all: Vec<Frame<'_>> = Vec::with_capacity(self.items());
        for (scope, run) in runs.iter().enumerate() {
            all.extend(run.rows.clone().map(|row| Frame {
                resource: self.0.view().resource_of(row) as u32,
                scope: scope as u32,
                resource_fields: of(&run.resource_fields),
                scope_fields: of(&run.scope_fields),
                span: frames.span(row),
            }));
        }
        let edited = SpanBatch::of_frames(&all)?;
        *self = edited;
        Ok(())
    }

    /// Returns the runs, and the text of their fields.
    fn runs(
        &self,
        sets: &[Vec<(&str, Value<'_>)>],
        set_of: &impl Fn(usize) -> Option<usize>,
    ) -> (Vec<Run>, Vec<u8>) {
        let frames = self.frames();
        let (mut runs, mut fields, mut scope_fields) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        while start < self.items() {
            let (scope, set) = (frames.scope(start), set_of(start));
            let is_next = |row: &usize| frames.scope(*row) == scope && set_of(*row) == set;
            let end = start + (start..self.items()).take_while(is_next).count().max(1);
            let begin = fields.len();
            frames.write_resource(scope, &mut fields);
            let middle = fields.len();
            scope_fields.clear();
            frames.write_scope(scope, &mut scope_fields);
            let set = set.and_then(|set| sets.get(set)).map(Vec::as_slice).unwrap_or_default();
            with_attributes(&scope_fields, set, &mut fields);
            runs.push(Run {
                rows: start..end,
                resource_fields: begin..middle,
                scope_fields: middle..fields.len(),
            });
            start = end;
        }
        (runs, fields)
    }
}

/// Appends the fields of a `ScopeSpans` with the attributes in its scope.
fn with_attributes(fields: &[u8], set: &[(&str, Value<'_>)], out: &mut Vec<u8>) {
    if set.is_empty() {
        return out.extend_from_slice(fields);
    }
    // Protobuf merges several occurrences, and adds the attributes of the last after the others.
    let last = Occurrences::of(fields, SCOPE).last();
    let (mut scope, cut) = match last {
        Some(field) => (field.value.to_vec(), field.start..field.end),
        None => (Vec::new(), 0..0),
    };
    for (key, value) in set {
        let (mut patch, mut edited) = (Patch::default(), Vec::new());
        OF_SCOPE.set(&scope, &mut patch, key, value);
        patch.apply(&scope, &mut edited);
        scope = edited;
    }
    let mut patch = Patch::default();
    patch.replace(cut, |out| write_delimited(out, SCOPE, &scope));
    patch.apply(fields, out);
}
