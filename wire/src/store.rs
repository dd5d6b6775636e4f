//! What the batches of all three signals have in common.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::check::check;
use crate::view::{Columns, View};
use crate::{Signal, WireError};

/// Checked requests, and the view of their records once someone has asked for it.
/// Clones share both; who edits a shared view first makes it their own.
#[derive(Clone)]
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
                self.requests = view.sources.clone();
                self.requests.extend(other.requests);
                self.view = OnceLock::new();
            }
            _ => {
                let other = Arc::clone(other.view());
                self.view_mut().append(&other);
            }
        }
    }

    /// The view, built when first asked for.
    pub(crate) fn view(&self) -> &Arc<View<C>> {
        self.view.get_or_init(|| Arc::new(View::of(&self.requests)))
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
        let view = Arc::clone(self.view());
        let mut left = items;
        let fits = |row: &u32| match left.checked_sub(view.columns.items(*row as usize)) {
            Some(after) => {
                left = after;
                true
            }
            None => false,
        };
        let rows = view.records.len() as u32;
        let kept: Vec<u32> = (0..rows).take_while(fits).collect();
        let rest: Vec<u32> = (kept.len() as u32..rows).collect();
        *self = Store::from_view(view.select(&kept));
        Store::from_view(view.select(&rest))
    }
}
