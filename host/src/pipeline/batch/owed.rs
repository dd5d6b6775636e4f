//! What a stage owes for items that it holds in another form than a batch.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Batch;
use crate::{pipeline::Metadata, receipt::Failure};

/// The shares and the metadata of items, without their data. If it is dropped, the items count as abandoned.
///
/// A batch is taken apart into its data and what is owed for it. The parts are put together again when the
/// data leaves the stage: for other numbers of items, and with the parts of other batches.
#[derive(Debug)]
pub struct Owed(Batch);

/// Equal for items that are owed alike: to the same senders and accounts, with the same metadata. Valid as
/// long as one of the [`Owed`] that it was made of is held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwedTo {
    senders: SmallVec<[usize; 1]>,
    accounts: usize,
    metadata: usize,
}

impl Batch {
    /// Takes the batch apart. From here on all its items are owed alike: each sender that waits gets its answer
    /// when the last of them is settled.
    pub fn take_apart(mut self) -> (wire::Batch, Owed) {
        let data = self.take_data();
        let mut shares = std::mem::take(&mut self.shares).into_iter();
        if let Some(mut all) = shares.next() {
            for share in shares {
                all.items += share.items;
                if all.receipt.identity() != share.receipt.identity() {
                    all.receipt.add(share.receipt);
                }
            }
            self.shares.push(all);
        }
        (data, Owed(self))
    }
}

impl Owed {
    pub fn items(&self) -> usize {
        self.0.owed()
    }

    pub fn to(&self) -> OwedTo {
        let (senders, accounts) =
            self.0.shares.first().map_or_else(Default::default, |share| share.owed_to());
        let metadata = self.0.metadata.as_ref().map_or(0, |metadata| Arc::as_ptr(metadata) as usize);
        OwedTo { senders, accounts, metadata }
    }

    /// Moves out what is owed for up to so many items.
    #[must_use = "what is dropped counts as abandoned"]
    pub fn split_off(&mut self, items: usize) -> Owed {
        let mut missing = items;
        let mut shares = SmallVec::new();
        for share in &mut self.0.shares {
            let moved = share.items.min(missing);
            missing -= moved;
            if moved > 0 {
                shares.push(share.split_off(moved));
            }
        }
        let data = wire::Batch::empty(self.0.data.signal());
        Owed(Batch { data, shares, metadata: self.0.metadata.clone() })
    }

    /// Adds what is owed for other items.
    pub fn join(&mut self, mut other: Owed) {
        let before = self.0.shares.len();
        self.0.shares.append(&mut other.0.shares);
        self.0.join_shares(before);
        let is_same = match (&self.0.metadata, &other.0.metadata) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        if !is_same {
            Metadata::keep_common(&mut self.0.metadata, other.0.metadata.as_deref());
        }
    }

    /// Settles the items as lost; see [`Batch::dropped`].
    pub fn dropped(self, failure: &Failure) {
        self.0.dropped(failure);
    }

    /// Settles the items as ones that a sampler did not keep; see [`Batch::sampled_out`].
    pub fn sampled_out(self) {
        self.0.sampled_out();
    }

    /// Returns the shares as a batch without data, to be joined to one that is given back.
    pub fn without_data(self) -> Batch {
        self.0
    }

    /// Puts the data and what is owed for it together.
    pub fn batch(self, data: wire::Batch) -> Batch {
        debug_assert!(self.0.is_owed_to_nobody() || self.items() == data.items(), "the law of a batch");
        let mut batch = self.0;
        batch.data = data;
        batch
    }
}
