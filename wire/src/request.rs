//! One request as bytes, and how much memory these bytes keep alive.

use bytes::Bytes;

use crate::view::{Columns, MAX_REPETITION, MIN_REPETITION_BYTES, View};

/// A request as it arrived, or as it was encoded after a split or an edit. Small, since every batch has one within.
#[derive(Clone)]
pub(crate) struct Request {
    first: Bytes,
    /// Absent where `first` is all of the request, in a buffer of its own. So it is with nearly every request.
    more: Option<Box<More>>,
    items: usize,
}

#[derive(Clone)]
struct More {
    /// What comes after the first piece.
    pieces: Vec<Bytes>,
    len_bytes: usize,
    /// The length of the buffers that the pieces lie in. These live as long as the request does.
    held_bytes: usize,
}

/// A request that was cut in two; either part is `None` if it holds no record.
pub(crate) struct Cut {
    pub(crate) head: Option<Request>,
    pub(crate) tail: Option<Request>,
}

impl Request {
    /// Bytes that lie in a buffer of their own.
    pub(crate) fn arrived(bytes: Bytes, items: usize) -> Request {
        Request { first: bytes, more: None, items }
    }

    /// Encodes a view. The request shares long runs of the view's sources, unless a fifth or more of these sources is
    /// not in it: then the bytes are copied, so that the sources can be freed.
    pub(crate) fn of<C: Columns>(view: &View<C>) -> Request {
        let items = view.items();
        let (pieces, held_bytes) = view.encode();
        let len_bytes = pieces.iter().map(Bytes::len).sum();
        if held_bytes > len_bytes + len_bytes / 4 {
            return Request::arrived(pieces.concat().into(), items);
        }
        let mut pieces = pieces.into_iter();
        let first = pieces.next().unwrap_or_default();
        let pieces: Vec<Bytes> = pieces.collect();
        let is_compact = pieces.is_empty() && held_bytes == len_bytes;
        let more = (!is_compact).then(|| Box::new(More { pieces, len_bytes, held_bytes }));
        Request { first, more, items }
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.more.as_ref().map_or(self.first.len(), |more| more.len_bytes)
    }

    /// The length of the buffers that it keeps alive.
    pub(crate) fn held_bytes(&self) -> usize {
        self.more.as_ref().map_or(self.first.len(), |more| more.held_bytes)
    }

    /// The same, with the copy that a view of it reads.
    pub(crate) fn viewed_bytes(&self) -> usize {
        self.more.as_ref().map_or(self.first.len(), |more| more.held_bytes + more.len_bytes)
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(self.more.iter().flat_map(|more| &more.pieces))
    }

    /// The request in one piece that lies in a buffer of its own; a copy only where it does not already.
    pub(crate) fn whole(&self) -> Bytes {
        if self.more.is_none() {
            return self.first.clone();
        }
        let mut whole = Vec::with_capacity(self.len_bytes());
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
        whole.into()
    }

    /// Cuts the request after at most `items` items, between records. Records of more than `max_items` are divided where
    /// that is possible. Unless `may_be_empty`, the head has one record at least.
    pub(crate) fn cut<C: Columns>(self, items: usize, max_items: usize, may_be_empty: bool) -> Cut {
        if items == 0 && may_be_empty {
            return Cut { head: None, tail: Some(self) };
        }
        let view = self.counted::<C>(max_items);
        let rows: Vec<u32> = (0..view.records.len() as u32).collect();
        let fitting = fitting(&view, 0, items).max(usize::from(!may_be_empty));
        let (head, tail) = rows.split_at_checked(fitting).unwrap_or((&rows, &[]));
        if head.is_empty() {
            return Cut { head: None, tail: Some(self) };
        }
        let mut parts = view.partition([head, tail]).into_iter().map(|part| Request::of(&part));
        Cut { head: parts.next(), tail: parts.next().filter(|_| !tail.is_empty()) }
    }

    /// Requests of at most `max_items` items each, the first of at most `first_items`; in time linear in the request. A
    /// part repeats the envelopes of its records: where that would make the parts much larger than the whole, there are
    /// fewer and larger parts.
    pub(crate) fn split<C: Columns>(self, first_items: usize, max_items: usize) -> Vec<Request> {
        let view = self.counted::<C>(max_items);
        let rows: Vec<u32> = (0..view.records.len() as u32).collect();
        let limit_bytes = self.len_bytes() * MAX_REPETITION + MIN_REPETITION_BYTES;
        let mut scale = 1;
        loop {
            let mut parts = Vec::new();
            let (mut rest, mut room) = (&rows[..], first_items.saturating_mul(scale));
            while !rest.is_empty() {
                let least = usize::from(!parts.is_empty() || first_items >= max_items);
                let fitting = fitting(&view, rows.len() - rest.len(), room).max(least);
                let (part, after) = rest.split_at_checked(fitting).unwrap_or((rest, &[]));
                parts.push(part);
                (rest, room) = (after, max_items.saturating_mul(scale));
            }
            if let Some(requests) = encode_within(&view, &parts, limit_bytes) {
                return requests;
            }
            scale = scale.saturating_mul(2);
        }
    }

    /// A view that knows of each record where it is and how many items it has.
    fn counted<C: Columns>(&self, max_items: usize) -> View<C::Counts> {
        let mut view = View::<C::Counts>::of(&[self.whole()], self.items);
        if max_items > 0 && (0..view.records.len()).any(|row| view.columns.items(row) > max_items) {
            view.divide(max_items);
        }
        view
    }
}

/// Returns `None` once the parts are larger than the limit. Two parts are never too large.
fn encode_within<C: Columns>(view: &View<C>, parts: &[&[u32]], limit_bytes: usize) -> Option<Vec<Request>> {
    let mut len_bytes = 0;
    let mut requests = Vec::with_capacity(parts.len());
    for part in view.split(parts.iter().copied()) {
        let request = Request::of(&part);
        len_bytes += request.len_bytes();
        if len_bytes > limit_bytes && parts.len() > 2 {
            return None;
        }
        requests.push(request);
    }
    Some(requests)
}

/// How many records from `first` on have no more than so many items together.
fn fitting<C: Columns>(view: &View<C>, first: usize, max_items: usize) -> usize {
    let mut items = 0;
    let fits = |row: &usize| {
        items += view.columns.items(*row);
        items <= max_items
    };
    (first..view.records.len()).take_while(fits).count()
}
