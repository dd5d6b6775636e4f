//! What the batches of all three signals have in common.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::check::check;
use crate::view::{Columns, View};
use crate::{Signal, WireError};

/// Checked requests, and the view of their records once someone has asked for it.
/// Clones share both; who edits a shared view first makes it their own.
#[derive(Clone, Default)]
pub(crate) struct Store<C> {
    /// As they arrived. Of no meaning once the view has changed.
    requests: SmallVec<[Bytes; 1]>,
    view: OnceLock<Arc<View<C>>>,
    items: usize,
}

impl<C: Columns> Store<C> {
    pub(crate) fn decode(signal: Signal, request: Bytes) -> Result<Store<C>, WireError> {
        let items = check(signal, &request)?.items;
        let requests = if request.is_empty() { SmallVec::new() } else { smallvec![request] };
        Ok(Store { requests, view: OnceLock::new(), items })
    }

    pub(crate) fn empty() -> Store<C> {
        Store { requests: SmallVec::new(), view: OnceLock::new(), items: 0 }
    }

    pub(crate) fn from_view(view: View<C>) -> Store<C> {
        Store { requests: SmallVec::new(), items: view.items(), view: OnceLock::from(Arc::new(view)) }
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    pub(crate) fn encoded_len(&self) -> usize {
        match self.view.get() {
            Some(view) => view.encoded_len(),
            None => self.requests.iter().map(Bytes::len).sum(),
        }
    }

    pub(crate) fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        match self.view.get() {
            Some(view) => view.chunks(),
            None => self.requests.clone(),
        }
    }

    /// Chunks each of which is a whole request.
    #[cfg(feature = "json")]
    pub(crate) fn requests(&self) -> SmallVec<[Bytes; 1]> {
        let chunks = self.chunks();
        match self.view.get() {
            Some(view) if view.changed && chunks.len() > 1 => smallvec![Bytes::from(chunks.concat())],
            _ => chunks,
        }
    }

    pub(crate) fn merge(&mut self, other: Store<C>) {
        self.items += other.items;
        match (self.view.get_mut(), other.view.get()) {
            (None, None) => self.requests.extend(other.requests),
            (None, Some(view)) if !view.changed => self.requests.extend(view.sources.iter().cloned()),
            (Some(view), _) if !view.changed && other.view.get().is_none() => {
                self.requests = view.sources.iter().cloned().collect();
                self.requests.extend(other.requests);
                self.view = OnceLock::new();
            }
            _ => {
                let other = Arc::clone(other.view());
                self.view_mut().append(&other);
            }
        }
    }

    /// As it is now, to go back to; editing this one later copies nothing if it was not edited before.
    pub(crate) fn original(&self) -> Store<C> {
        let Some(view) = self.view.get() else { return self.clone() };
        if view.changed {
            return self.clone();
        }
        Store { requests: view.sources.iter().cloned().collect(), view: OnceLock::new(), items: self.items }
    }

    /// Copies what is left into one request of its own, so that the sources can go.
    pub(crate) fn compact(&mut self) {
        let request = Bytes::from(self.chunks().concat());
        self.requests = if request.is_empty() { SmallVec::new() } else { smallvec![request] };
        self.view = OnceLock::new();
    }

    /// The view, built when first asked for.
    pub(crate) fn view(&self) -> &Arc<View<C>> {
        self.view.get_or_init(|| Arc::new(View::of(&self.requests, self.items)))
    }

    /// The view, to change it; a copy if others share it.
    pub(crate) fn view_mut(&mut self) -> &mut View<C> {
        self.view();
        let view = self.view.get_mut();
        #[expect(clippy::expect_used, reason = "the line above has filled it")]
        Arc::make_mut(view.expect("a view"))
    }

    /// Keeps records up to `items` items and returns the rest.
    pub(crate) fn split_off(&mut self, items: usize) -> Store<C> {
        if items >= self.items {
            return Store::empty();
        }
        let view = self.divided(items);
        let rows: Vec<u32> = (0..view.records.len() as u32).collect();
        let kept = if items == 0 { 0 } else { fitting(&view, 0, items) };
        let (kept, rest) = rows.split_at_checked(kept).unwrap_or((&rows, &[]));
        let mut parts = view.partition([kept, rest]);
        let rest = parts.pop();
        let kept = parts.pop();
        *self = kept.map(Store::from_view).unwrap_or_default();
        rest.map(Store::from_view).unwrap_or_default()
    }

    /// Stores of at most `max_items` items each.
    pub(crate) fn split_items(self, max_items: usize) -> Vec<Store<C>> {
        let max_items = max_items.max(1);
        if max_items >= self.items {
            return vec![self];
        }
        let view = self.divided(max_items);
        let rows: Vec<u32> = (0..view.records.len() as u32).collect();
        let mut parts = Vec::new();
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let fitting = fitting(&view, rows.len() - rest.len(), max_items);
            let (part, after) = rest.split_at_checked(fitting).unwrap_or((rest, &[]));
            parts.push(part);
            rest = after;
        }
        view.partition(parts).into_iter().map(Store::from_view).collect()
    }

    /// The view, without records of more than so many items where that can be had.
    fn divided(&self, max_items: usize) -> Arc<View<C>> {
        let mut view = Arc::clone(self.view());
        if max_items > 0 && (0..view.records.len()).any(|row| view.columns.items(row) > max_items) {
            Arc::make_mut(&mut view).divide(max_items);
        }
        view
    }
}

/// How many records from `first` on have no more than so many items together; at least one.
fn fitting<C: Columns>(view: &View<C>, first: usize, max_items: usize) -> usize {
    let mut items = 0;
    let fits = |row: &usize| {
        items += view.columns.items(*row);
        items <= max_items
    };
    (first..view.records.len()).take_while(fits).count().max(1)
}
