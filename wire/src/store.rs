//! The storage that the batches of all three signals have in common.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::check::{Summary, check};
use crate::request::Request;
use crate::requests::Requests;
use crate::view::{Columns, View};
use crate::{Signal, WireError};

/// Holds checked requests, and the view of their records once the view was asked for. Clones share both. An
/// edit of a shared view copies the view first.
#[derive(Clone, Default)]
pub(crate) struct Store<C> {
    /// The content of the batch, unless the view has changed.
    requests: Requests,
    view: OnceLock<Arc<View<C>>>,
    items: usize,
}

impl<C: Columns> Store<C> {
    pub(crate) fn decode(signal: Signal, bytes: Bytes) -> Result<Store<C>, WireError> {
        let Summary { items, .. } = check(signal, &bytes)?;
        Ok(Store::of_checked(bytes, items))
    }

    pub(crate) fn of_checked(bytes: Bytes, items: usize) -> Store<C> {
        let arrived = (!bytes.is_empty()).then(|| Request::arrived(bytes, items));
        Store { requests: arrived.into_iter().collect(), view: OnceLock::new(), items }
    }

    pub(crate) fn empty() -> Store<C> {
        Store { requests: Requests::default(), view: OnceLock::new(), items: 0 }
    }

    pub(crate) fn from_view(view: View<C>) -> Store<C> {
        let requests = if view.changed { Requests::default() } else { view.requests() };
        Store { requests, items: view.items(), view: OnceLock::from(Arc::new(view)) }
    }

    fn from_requests(requests: impl IntoIterator<Item = Request>) -> Store<C> {
        let requests: Requests = requests.into_iter().collect();
        let items = requests.iter().map(Request::items).sum();
        Store { requests, view: OnceLock::new(), items }
    }

    /// Returns the view if it is the content of the batch, because it was edited.
    fn changed(&self) -> Option<&Arc<View<C>>> {
        self.view.get().filter(|view| view.changed)
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    pub(crate) fn encoded_len(&self) -> usize {
        match self.changed() {
            Some(view) => view.encoded_len(),
            None => self.requests.len_bytes(),
        }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        let index_bytes = self.view.get().map_or(0, |view| view.index_bytes());
        let buffers: usize = match (self.changed(), self.view.get()) {
            (Some(view), _) => view.sources.iter().map(Bytes::len).sum(),
            (None, None) => self.requests.held_bytes(),
            (None, Some(_)) => self.requests.viewed_bytes(),
        };
        buffers + index_bytes
    }

    /// Returns [`held_bytes`](Self::held_bytes), with the index counted even before it is made.
    pub(crate) fn weight_bytes(&self) -> usize {
        let missing_index = if self.view.get().is_some() { 0 } else { self.items * View::<C>::ROW_BYTES };
        self.held_bytes() + missing_index
    }

    /// Calls `each` with every piece of memory that the batch keeps alive: an address that no other piece
    /// has, and its length in bytes. The index is counted even before it is made.
    pub(crate) fn each_allocation(&self, each: &mut impl FnMut(usize, usize)) {
        let bytes = |bytes: &Bytes| (bytes.as_ptr() as usize, bytes.len());
        let of_requests = self.requests.iter().filter(|_| self.changed().is_none()).flat_map(Request::pieces);
        let of_view = self.view.get().into_iter().flat_map(|view| view.sources.iter());
        for (address, len_bytes) in of_requests.chain(of_view).map(bytes).filter(|(_, len)| *len > 0) {
            each(address, len_bytes);
        }
        match self.view.get() {
            Some(view) => view.each_allocation(each),
            None => each(std::ptr::from_ref(self) as usize, self.items * View::<C>::ROW_BYTES),
        }
    }

    pub(crate) fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        match self.changed() {
            Some(view) => view.encode().0,
            None => self.requests.iter().flat_map(Request::pieces).cloned().collect(),
        }
    }

    /// Returns chunks that are whole requests.
    pub(crate) fn requests(&self) -> SmallVec<[Bytes; 1]> {
        match self.changed() {
            Some(view) => [Request::of(view).whole()].into(),
            None => self.requests.iter().map(Request::whole).collect(),
        }
    }

    pub(crate) fn merge(&mut self, mut other: Store<C>) {
        if other.requests.is_empty() && other.changed().is_none() {
            return;
        }
        self.trim();
        other.trim();
        self.requests.append(other.requests);
        self.items += other.items;
    }

    /// Returns a copy to go back to. If the store was not edited, a later edit copies nothing on account of
    /// the copy.
    pub(crate) fn original(&self) -> Store<C> {
        match self.changed() {
            Some(_) => self.clone(),
            None => Store { requests: self.requests.clone(), view: OnceLock::new(), items: self.items },
        }
    }

    /// Encodes edited records, and frees the index and the bytes that are not in the batch.
    pub(crate) fn trim(&mut self) {
        let Some(view) = self.view.take().filter(|view| view.changed) else { return };
        *self = Store::from_requests([Request::of(&view)]);
    }

    /// Copies the batch into one request with a buffer of its own.
    pub(crate) fn compact(&mut self) {
        let bytes = Bytes::from(self.chunks().concat());
        *self = Store::from_requests([Request::arrived(bytes, self.items)]);
    }

    /// Returns the view, which is built on the first call.
    pub(crate) fn view(&self) -> &Arc<View<C>> {
        self.view.get_or_init(|| {
            let requests: Vec<Bytes> = self.requests.iter().map(Request::whole).collect();
            Arc::new(View::of(&requests, self.items))
        })
    }

    /// Returns the view for editing. A shared view is copied first.
    pub(crate) fn view_mut(&mut self) -> &mut View<C> {
        self.view();
        let view = self.view.get_mut();
        #[expect(clippy::expect_used, reason = "the line above has filled it")]
        Arc::make_mut(view.expect("a view"))
    }

    /// Keeps records up to `items` items and returns the rest. Looks into at most one request.
    pub(crate) fn split_off(&mut self, items: usize) -> Store<C> {
        if items >= self.items {
            return Store::empty();
        }
        self.trim();
        let mut requests = std::mem::take(&mut self.requests).into_iter();
        let (mut kept, mut rest) = (Vec::new(), Vec::new());
        let mut room = items;
        for request in requests.by_ref() {
            if request.items() > room {
                let cut = request.cut::<C>(room, items, room < items || items == 0);
                kept.extend(cut.head);
                rest.extend(cut.tail);
                break;
            }
            room -= request.items();
            kept.push(request);
        }
        *self = Store::from_requests(kept);
        Store::from_requests(rest.into_iter().chain(requests))
    }

    /// Splits into stores of at most `max_items` items each. Looks into each request at most once.
    pub(crate) fn split_items(mut self, max_items: usize) -> Vec<Store<C>> {
        let max_items = max_items.max(1);
        if max_items >= self.items {
            return vec![self];
        }
        self.trim();
        let mut parts = Vec::new();
        let (mut part, mut room) = (Vec::new(), max_items);
        for request in std::mem::take(&mut self.requests) {
            if room == 0 && request.items() > 0 {
                parts.push(Store::from_requests(std::mem::take(&mut part)));
                room = max_items;
            }
            let pieces =
                if request.items() > room { request.split::<C>(room, max_items) } else { vec![request] };
            for (at, piece) in pieces.into_iter().enumerate() {
                if at > 0 && !part.is_empty() {
                    parts.push(Store::from_requests(std::mem::take(&mut part)));
                    room = max_items;
                }
                room = room.saturating_sub(piece.items());
                part.extend((piece.len_bytes() > 0).then_some(piece));
            }
        }
        if !part.is_empty() {
            parts.push(Store::from_requests(part));
        }
        parts
    }
}
