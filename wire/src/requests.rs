//! The requests of a batch, and their lengths added up.

use smallvec::SmallVec;

use crate::request::Request;

/// Requests in order, none of them empty. The sums are kept, so that a batch that grows request by request can be asked for
/// its length each time.
#[derive(Clone, Default)]
pub(crate) struct Requests {
    list: SmallVec<[Request; 1]>,
    len_bytes: usize,
    held_bytes: usize,
    viewed_bytes: usize,
}

impl Requests {
    pub(crate) fn push(&mut self, request: Request) {
        if request.len_bytes() == 0 {
            return;
        }
        self.len_bytes += request.len_bytes();
        self.held_bytes += request.held_bytes();
        self.viewed_bytes += request.viewed_bytes();
        self.list.push(request);
    }

    /// Adds the other's requests after these, in time linear in the other's.
    pub(crate) fn append(&mut self, other: Requests) {
        self.len_bytes += other.len_bytes;
        self.held_bytes += other.held_bytes;
        self.viewed_bytes += other.viewed_bytes;
        self.list.extend(other.list);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Request> {
        self.list.iter()
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// The length of the buffers that they keep alive.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The same, with the copies that a view of them reads.
    pub(crate) fn viewed_bytes(&self) -> usize {
        self.viewed_bytes
    }
}

impl FromIterator<Request> for Requests {
    fn from_iter<I: IntoIterator<Item = Request>>(requests: I) -> Requests {
        let mut all = Requests::default();
        requests.into_iter().for_each(|request| all.push(request));
        all
    }
}

impl IntoIterator for Requests {
    type Item = Request;
    type IntoIter = smallvec::IntoIter<[Request; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
