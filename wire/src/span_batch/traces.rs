//! Groups the spans of a batch by trace, for samplers (`traces.wit` of the plugin interface).

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};

use super::fields::{EVENTS, TRACE_STATE};
use super::{SpanBatch, rows};
use crate::column::{NumberColumn, NumberKind, TextColumn, present};
use crate::value::{fields_in, last_field, text};
use crate::{EditError, Randomness, Threshold, TraceState, Value};

const ERROR: i32 = 2;
const EVENT_NAME: u32 = 2;
const SERVICE: &str = "service.name";

/// The traces that the spans of a batch belong to. Rows are traces, in the order of their first spans.
///
/// It shares the bytes and the index that the batch had when it was made.
#[derive(Clone, Default)]
pub struct Traces {
    spans: SpanBatch,
    ids: Vec<[u8; 16]>,
    /// One entry per trace.
    totals: Vec<Totals>,
    of_spans: Vec<u32>,
}

/// Totals over the spans of one trace.
#[derive(Clone, Copy)]
struct Totals {
    spans: u32,
    /// The row of the first span without a parent. If every span has a parent, the row of the first span.
    root: u32,
    has_root: bool,
    has_error: bool,
    start_time: u64,
    end_time: u64,
}

impl SpanBatch {
    /// Groups the spans by trace.
    pub fn traces(&self) -> Traces {
        let of_spans = Grouping::of(self.trace_ids());
        let mut totals: Vec<Totals> = Vec::with_capacity(of_spans.ids.len());
        let fields = self.fields();
        let times = fields.start_times.iter().zip(&fields.end_times);
        let rows = times.zip(&fields.statuses).zip(&fields.parent_span_ids).zip(&of_spans.numbers);
        for (row, ((((start, end), status), parent), trace)) in rows.enumerate() {
            let is_root = *parent == [0; 8];
            let is_error = *status == ERROR;
            match totals.get_mut(*trace as usize) {
                Some(totals) => totals.add(row as u32, is_root, is_error, *start, *end),
                None => totals.push(Totals {
                    spans: 1,
                    root: row as u32,
                    has_root: is_root,
                    has_error: is_error,
                    start_time: *start,
                    end_time: *end,
                }),
            }
        }
        Traces { spans: self.clone(), ids: of_spans.ids, totals, of_spans: of_spans.numbers }
    }

    /// Keeps the spans of the traces whose entry is true. Changes nothing if all entries are true.
    ///
    /// `traces` must have been made from this batch, and the batch must not have been edited since.
    pub fn retain_traces(&mut self, traces: &Traces, keep: &[bool]) -> Result<(), EditError> {
        let (rows, values) = (traces.len(), keep.len());
        if rows != values {
            return Err(EditError::Length { rows, values });
        }
        if traces.of_spans.len() != self.items() {
            return Err(EditError::Length { rows: self.items(), values: traces.of_spans.len() });
        }
        if keep.iter().all(|keep| *keep) {
            return Ok(());
        }
        let of_row = |row| traces.of_spans.get(row).and_then(|trace| keep.get(*trace as usize));
        self.retain(|row| of_row(row) == Some(&true));
        Ok(())
    }
}

/// Columns of fixed width, with one entry per trace.
impl Traces {
    /// Returns the number of traces.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether there are no traces, and so no spans.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns the trace ids. All spans with an invalid id (all zeros) count as one trace.
    pub fn ids(&self) -> &[[u8; 16]] {
        &self.ids
    }

    pub fn span_counts(&self) -> impl Iterator<Item = u32> {
        self.totals.iter().map(|totals| totals.spans)
    }

    /// Iterates over the start of the first span of each trace, in nanoseconds since 1970.
    pub fn start_times_unix_nano(&self) -> impl Iterator<Item = u64> {
        self.totals.iter().map(|totals| totals.start_time)
    }

    /// Iterates over the nanoseconds from the first start to the last end of each trace's spans. The duration
    /// is 0 if every span ends before any starts.
    pub fn durations_nano(&self) -> impl Iterator<Item = u64> {
        self.totals.iter().map(|totals| totals.end_time.saturating_sub(totals.start_time))
    }

    /// Iterates over whether any span of the trace has the status error.
    pub fn errors(&self) -> impl Iterator<Item = bool> {
        self.totals.iter().map(|totals| totals.has_error)
    }

    /// Iterates over the row of the first span without a parent. If every span has a parent, it is the row of
    /// the first span.
    pub fn roots(&self) -> impl Iterator<Item = u32> {
        self.totals.iter().map(|totals| totals.root)
    }

    /// Iterates over the length of each trace's spans in their encoding, without their resources and scopes.
    pub fn encoded_lens(&self) -> impl Iterator<Item = u64> {
        let mut lens = vec![0; self.len()];
        for (record, trace) in self.spans.0.view().records.iter().zip(&self.of_spans) {
            if let Some(len) = lens.get_mut(*trace as usize) {
                *len += record.place.len() as u64;
            }
        }
        lens.into_iter()
    }

    /// Returns the trace of each span.
    pub fn of_spans(&self) -> &[u32] {
        &self.of_spans
    }

    /// Returns the spans that were grouped.
    pub fn spans(&self) -> &SpanBatch {
        &self.spans
    }
}

/// Columns of variable width.
impl Traces {
    /// Returns the names of the roots.
    pub fn root_names(&self) -> TextColumn {
        let view = self.spans.0.view();
        TextColumn::of(self.roots().map(|root| Some(view.name(root as usize))))
    }

    /// Returns the text attribute `key` of the traces that have it. The value is that of the root, else that
    /// of the first span that has the attribute.
    pub fn text(&self, key: &str) -> TextColumn {
        TextColumn::of(self.texts(key))
    }

    /// Does the same as `text`, with one entry per trace.
    pub fn texts(&self, key: &str) -> Vec<Option<&str>> {
        self.pick(key, Value::as_text)
    }

    /// Returns the number or bool attribute `key` of the traces that have it. The value is that of the root,
    /// else that of the first span that has the attribute.
    pub fn numbers(&self, key: &str) -> NumberColumn {
        NumberColumn::collect(present(self.pick(key, NumberKind::of).into_iter()))
    }

    /// Returns the text attribute `key` of the traces' resources. The value is that of the root's resource,
    /// else that of the first span whose resource has the attribute.
    pub fn resource_text(&self, key: &str) -> TextColumn {
        TextColumn::of(self.resource_texts(key))
    }

    /// Does the same as `resource_text`, with one entry per trace.
    pub fn resource_texts(&self, key: &str) -> Vec<Option<&str>> {
        let view = self.spans.0.view();
        let of_resource = |resource| rows::resource(view, resource).attribute(key).and_then(Value::as_text);
        let of_resources: Vec<Option<&str>> = (0..view.layout.resources.len()).map(of_resource).collect();
        self.first_of(|row| of_resources.get(view.resource_of(row)).copied().flatten())
    }

    /// Returns the text attribute `key` of the traces whose root has it.
    pub fn root_text(&self, key: &str) -> TextColumn {
        let view = self.spans.0.view();
        TextColumn::of(self.roots().map(|root| view.value(root as usize, key).and_then(Value::as_text)))
    }

    /// Returns the number or bool attribute `key` of the traces whose root has it.
    pub fn root_numbers(&self, key: &str) -> NumberColumn {
        let view = self.spans.0.view();
        let number = |root: u32| view.value(root as usize, key).and_then(NumberKind::of);
        NumberColumn::collect(present(self.roots().map(number)))
    }

    /// Returns the service of each root.
    pub fn root_services(&self) -> TextColumn {
        let view = self.spans.0.view();
        let service = |root: u32| rows::resource(view, view.resource_of(root as usize)).attribute(SERVICE);
        TextColumn::of(self.roots().map(|root| service(root).and_then(Value::as_text)))
    }

    /// Returns the text attribute `key` of every span that has it. Rows are traces, one after another: a trace
    /// with several values has several rows.
    pub fn any_text(&self, key: &str) -> TextColumn {
        let view = self.spans.0.view();
        let text = |row| view.value(row, key).and_then(Value::as_text);
        TextColumn::collect(self.each_of(text).map(|(trace, text)| (trace, text.as_bytes())))
    }

    /// Returns the number or bool attribute `key` of every span that has it, in the same way.
    pub fn any_numbers(&self, key: &str) -> NumberColumn {
        let view = self.spans.0.view();
        NumberColumn::collect(self.each_of(|row| view.value(row, key).and_then(NumberKind::of)))
    }

    /// Returns the different values of the text attribute `key` that the resources of a trace's spans have, in
    /// the same way.
    pub fn any_resource_text(&self, key: &str) -> TextColumn {
        let texts = self.different_in_resources(key);
        TextColumn::collect(texts.into_iter().map(|(trace, text)| (trace, text.as_bytes())))
    }

    /// Returns how many different services each trace's spans are of.
    pub fn service_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.len()];
        for (trace, _) in self.different_in_resources(SERVICE) {
            if let Some(count) = counts.get_mut(trace) {
                *count += 1;
            }
        }
        counts
    }

    /// Returns whether any span of the trace has an event with the name `exception`.
    pub fn exceptions(&self) -> Vec<bool> {
        let view = self.spans.0.view();
        let mut seen = vec![false; self.len()];
        for (row, trace) in self.of_spans.iter().enumerate() {
            let Some(seen @ false) = seen.get_mut(*trace as usize) else { continue };
            let name = |event| last_field(event, EVENT_NAME).map(|name| name.value);
            *seen = fields_in(view.record(row), EVENTS).any(|event| name(event) == Some(b"exception"));
        }
        seen
    }

    /// Returns the randomness of each trace: the explicit one of the root, else of the first span that has one,
    /// else that of the trace id.
    pub fn randomness(&self) -> Vec<Randomness> {
        let explicit = self.sampling(|state| state.randomness());
        let of_ids = self.ids.iter().map(Randomness::of_trace_id);
        explicit.into_iter().zip(of_ids).map(|(explicit, of_id)| explicit.unwrap_or(of_id)).collect()
    }

    /// Returns the threshold of the root, else of the first span that has one.
    pub fn thresholds(&self) -> Vec<Option<Threshold>> {
        self.sampling(|state| state.threshold())
    }

    fn sampling<T: Clone>(&self, read: impl Fn(TraceState<'_>) -> Option<T>) -> Vec<Option<T>> {
        let view = self.spans.0.view();
        if !view.columns.any_trace_state {
            return vec![None; self.len()];
        }
        let state = |row| last_field(view.record(row), TRACE_STATE).map(|field| text(field.value));
        self.first_of(|row| read(TraceState::parse(state(row)?)))
    }

    /// Returns what `of_span` finds in any span, with the span's trace, trace by trace.
    fn each_of<T>(&self, of_span: impl Fn(usize) -> Option<T>) -> impl Iterator<Item = (usize, T)> {
        let of_rows = self.of_spans.iter().enumerate();
        let mut found: Vec<(usize, T)> =
            of_rows.filter_map(|(row, trace)| Some((*trace as usize, of_span(row)?))).collect();
        found.sort_by_key(|(trace, _)| *trace);
        found.into_iter()
    }

    fn different_in_resources(&self, key: &str) -> Vec<(usize, &str)> {
        let view = self.spans.0.view();
        let of_resource = |resource| rows::resource(view, resource).attribute(key).and_then(Value::as_text);
        let of_resources: Vec<Option<&str>> = (0..view.layout.resources.len()).map(of_resource).collect();
        let mut known = HashSet::new();
        let texts = self.each_of(|row| of_resources.get(view.resource_of(row)).copied().flatten());
        texts.filter(|text| known.insert(*text)).collect()
    }

    fn pick<'a, T: Clone>(&'a self, key: &str, read: impl Fn(Value<'a>) -> Option<T>) -> Vec<Option<T>> {
        let view = self.spans.0.view();
        self.first_of(|row| view.value(row, key).and_then(&read))
    }

    /// Returns, for each trace, `of_span` of the root, else the first `Some` that `of_span` returns for a
    /// span of the trace.
    fn first_of<T: Clone>(&self, of_span: impl Fn(usize) -> Option<T>) -> Vec<Option<T>> {
        let mut found: Vec<Option<T>> = self.roots().map(|root| of_span(root as usize)).collect();
        let mut missing = found.iter().filter(|found| found.is_none()).count();
        for (row, trace) in self.of_spans.iter().enumerate() {
            if missing == 0 {
                break;
            }
            let Some(found @ None) = found.get_mut(*trace as usize) else { continue };
            *found = of_span(row);
            missing -= usize::from(found.is_some());
        }
        found
    }
}

impl Totals {
    #[inline]
    fn add(&mut self, row: u32, is_root: bool, is_error: bool, start_time: u64, end_time: u64) {
        self.spans += 1;
        if is_root && !self.has_root {
            (self.root, self.has_root) = (row, true);
        }
        self.has_error |= is_error;
        self.start_time = self.start_time.min(start_time);
        self.end_time = self.end_time.max(end_time);
    }
}

/// Ids numbered in the order of their first occurrence.
struct Grouping {
    ids: Vec<[u8; 16]>,
    /// One entry per row.
    numbers: Vec<u32>,
}

impl Grouping {
    fn of(rows: &[[u8; 16]]) -> Grouping {
        let mut grouping = Grouping { ids: Vec::new(), numbers: Vec::with_capacity(rows.len()) };
        let mut known = HashTable::new();
        // The hash is keyed, so that a sender cannot choose ids that collide.
        let hasher = DefaultHashBuilder::default();
        let hash = |id: &[u8; 16]| hasher.hash_one(u128::from_ne_bytes(*id));
        let mut last: Option<([u8; 16], u32)> = None;
        for id in rows {
            let number = match last {
                Some((last, number)) if last == *id => number,
                _ => {
                    let ids = &mut grouping.ids;
                    let entry = known.entry(
                        hash(id),
                        |number: &u32| ids.get(*number as usize) == Some(id),
                        |number: &u32| ids.get(*number as usize).map_or(0, hash),
                    );
                    let number = *entry.or_insert(ids.len() as u32).get();
                    if number as usize == ids.len() {
                        ids.push(*id);
                    }
                    number
                }
            };
            last = Some((*id, number));
            grouping.numbers.push(number);
        }
        grouping
    }
}
