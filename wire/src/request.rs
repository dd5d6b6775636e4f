//! A request as bytes, and the memory that these bytes keep alive.

use bytes::Bytes;

use crate::view::{Columns, MAX_REPETITION, MIN_REPETITION_BYTES, View};

/// A request as it arrived, or as it was encoded after a split or an edit. It is small, because every batch
/// contains one.
#[derive(Clone)]
pub(crate) struct Request {
    first: Bytes,
    /// The other pieces. Absent if `first` is the whole request and lies in a buffer of its own, as in nearly
    /// every request.
    more: Option<Box<More>>,
    items: usize,
}

#[derive(Clone)]
struct More {
    /// The pieces after the first.
    pieces: Vec<Bytes>,
    len_bytes: usize,
    /// The total length of the buffers that the pieces lie in. The request keeps them alive.
    held_bytes: usize,
}

/// A request that was cut in two. A part is `None` if it holds no record.
pub(crate) struct Cut {
    pub(crate) head: Option<Request>,
    pub(crate) tail: Option<Request>,
}

impl Request {
    /// Makes a request of bytes that lie in a buffer of their own.
    pub(crate) fn arrived(bytes: Bytes, items: usize) -> Request {
        Request { first: bytes, more: None, items }
    }

    /// Encodes a view. The request shares long runs of the view's sources. If a fifth or more of these
    /// sources is not in the request, the bytes are copied, so that the sources can be freed.
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

    /// Returns the total length of the buffers that the request keeps alive.
    pub(crate) fn held_bytes(&self) -> usize {
        self.more.as_ref().map_or(self.first.len(), |more| more.held_bytes)
    }

    /// Returns `held_bytes` plus the length of the copy that a view of the request reads.
    pub(crate) fn viewed_bytes(&self) -> usize {
        self.more.as_ref().map_or(self.first.len(), |more| more.held_bytes + more.len_bytes)
    }

    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(self.more.iter().flat_map(|more| &more.pieces))
    }

    /// Returns the request in one piece that lies in a buffer of its own. The bytes are copied only if
    /// needed.
    pub(crate) fn whole(&self) -> Bytes {
        if self.more.is_none() {
            return self.first.clone();
        }
        let mut whole = Vec::with_capacity(self.len_bytes());
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
        whole.into()
    }

    /// Cuts the request after at most `items` items, between records. Records of more than `max_items` items
    /// are divided if possible. Unless `may_be_empty`, the head has at least one record.
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

    /// Splits into requests of at most `max_items` items each, the first of at most `first_items`, in time
    /// linear in the request. Each part repeats the envelopes of its records. If that would make the parts
    /// much larger than the whole, there are fewer and larger parts.
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

    /// Returns a view that knows only the place and the number of items of each record.
    fn counted<C: Columns>(&self, max_items: usize) -> View<C::Counts> {
        let mut view = View::<C::Counts>::of(&[self.whole()], self.items);
        if max_items > 0 && (0..view.records.len()).any(|row| view.columns.items(row) > max_items) {
            view.divide(max_items);
        }
        view
    }
}

/// Encodes the parts. Returns `None` once the parts exceed the limit. Two parts never exceed it.
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

/// Returns how many records from `first` on have at most `max_items` items together.
fn fitting<C: Columns>(view: &View<C>, first: usize, max_items: usize) -> usize {
    let mut items = 0;
    let fits = |row: &usize| {
        items += view.columns.items(*row);
        items <= max_items
    };
    (first..view.records.len()).take_while(fits).count()
}
