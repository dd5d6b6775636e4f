//! A batch on its way: the wire bytes, and a share for each request in it, with the request's receipt and
//! accounts.
//!
//! # The law
//! **The items of a batch's shares add up to the items of its data.** Every item is settled once, with each
//! of its accounts, by a method that takes the batch (`delivered`, `dropped`, `filtered`, `sampled_out`,
//! `refused_to_sender`, `partly_delivered`) or by `Drop`, which counts the remaining items as abandoned.
//!
//! Five operations suspend this law. The caller must restore it before the batch is passed on:
//! - `data` is edited: items are removed or added. [`Batch::excess`] restores the law.
//! - [`Batch::derive`] moves shares to a batch of other data. The original batch keeps the rest, until
//!   `Batch::join` brings the shares back or `Batch::forget` gives them up.
//! - [`Batch::fan_out`] divides the shares by destination. `Batch::join` joins a part again.
//! - [`Batch::take_apart`] parts the data from its shares, which an [`Owed`] keeps until a batch is made of it.
//! - A refused batch may have shares for more items than its data holds, when a stage also gives back the
//!   items that it removed ([`Refused`]).
//!
//! | to | call |
//! |---|---|
//! | split by size, or in two | [`Batch::split_items`], [`Batch::split_off`] |
//! | divide by any rule, such as by trace | [`Batch::divide`] |
//! | put a part back behind another | [`Batch::merge`] |
//! | take items out | edit `data`, then settle [`Batch::excess`] |
//! | hold items without their batch | [`Batch::take_apart`], and [`Owed::batch`] at the end |
//! | end | `delivered`, `dropped`, `filtered`, `sampled_out`, `refused_to_sender` |
//!
//! A batch that is [owed to nobody](Batch::owed_to_nobody) has no shares, and the law does not apply to it.
//!
//! [`Refused`]: super::Refused

mod owed;
mod parts;

use std::sync::Arc;

pub use owed::{Owed, OwedTo};
use smallvec::SmallVec;

use super::Metadata;
use crate::receipt::{
    Failure, Reason, Receipt, Verdict,
    ledger::{Account, Settlement},
};

/// A batch that is passed from stage to stage. It is not `Clone`, because each item in it is settled exactly
/// once.
///
/// A batch that is dropped unsettled (its task was cancelled) counts as abandoned, so nothing vanishes.
#[derive(Debug)]
pub struct Batch {
    pub data: wire::Batch,
    shares: SmallVec<[Share; 1]>,
    /// The sender's metadata, if its receiver keeps it. After a merge, the metadata that all senders have in
    /// common.
    metadata: Option<Arc<Metadata>>,
}

/// The part of a batch that came in one request.
#[derive(Clone, Debug)]
struct Share {
    items: usize,
    receipt: Receipt,
    /// The accounts of the destinations that the items have not reached yet.
    accounts: Arc<[Arc<Account>]>,
}

impl Batch {
    /// Enters a receiver's data into the accounts of every destination of its pipeline.
    pub fn enter(data: wire::Batch, receipt: Receipt, accounts: Arc<[Arc<Account>]>) -> Batch {
        let items = data.items();
        for account in accounts.iter() {
            account.enter(items);
        }
        Batch { data, shares: SmallVec::from_buf([Share { items, receipt, accounts }]), metadata: None }
    }

    #[must_use]
    pub fn with_metadata(self, metadata: Option<Arc<Metadata>>) -> Batch {
        let mut batch = self;
        batch.metadata = metadata;
        batch
    }

    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_deref()
    }

    /// Creates a batch without accounts, for looking at data or trying a plugin.
    pub fn owed_to_nobody(data: wire::Batch) -> Batch {
        Batch { data, shares: SmallVec::new(), metadata: None }
    }

    /// Returns whether the batch has no accounts, like data that a plugin made.
    pub fn is_owed_to_nobody(&self) -> bool {
        self.shares.is_empty()
    }

    /// Enters a batch that is owed to nobody into the accounts.
    pub fn adopt(&mut self, accounts: &Arc<[Arc<Account>]>) {
        *self = Batch::enter(self.take_data(), Receipt::unawaited(), accounts.clone());
    }

    /// Returns a batch of the same data and senders for another pipeline.
    pub fn enter_another(&self, accounts: &Arc<[Arc<Account>]>) -> Batch {
        let shares = self.shares.iter().map(|share| {
            for account in accounts.iter() {
                account.enter(share.items);
            }
            Share { accounts: accounts.clone(), ..share.clone() }
        });
        Batch { data: self.data.clone(), shares: shares.collect(), metadata: self.metadata.clone() }
    }

    /// Returns the accounts of the batch, if any. All its shares have the same accounts.
    pub fn accounts(&self) -> Option<&Arc<[Arc<Account>]>> {
        self.shares.first().map(|share| &share.accounts)
    }

    /// Returns the data of a batch that is owed to nobody.
    pub(crate) fn into_data(mut self) -> wire::Batch {
        self.take_data()
    }

    /// Returns a future that resolves when every item of this batch is settled. It does not affect the
    /// senders' verdicts. Only one stage may call this.
    pub fn watch(&mut self) -> Verdict {
        let (receipt, verdict) = Receipt::awaited();
        for share in &mut self.shares {
            share.receipt.add(receipt.clone());
        }
        verdict
    }

    pub fn items(&self) -> usize {
        self.data.items()
    }

    /// Returns the number of items in the shares: as many as the data has, unless a plugin removed or added
    /// some.
    pub fn owed(&self) -> usize {
        self.shares.iter().map(|share| share.items).sum()
    }

    /// Saves the present state of this batch, which can be restored.
    pub(crate) fn save(&self) -> Saved {
        Saved { data: self.data.original(), shares: self.shares.clone(), metadata: self.metadata.clone() }
    }

    /// Drops the batch without settling anything, because the state that was [saved](Batch::save) takes its
    /// place.
    pub(crate) fn forget(mut self) {
        self.shares.clear();
    }

    pub fn delivered(mut self) {
        self.settle(usize::MAX, Settlement::Delivered);
    }

    /// Settles all items as delivered, except for `rejected` items that the destination did not accept.
    pub fn partly_delivered(mut self, rejected: usize, failure: &Failure) {
        self.fail(failure);
        self.lose(rejected, failure);
        self.settle(usize::MAX, Settlement::Delivered);
    }

    /// Settles the items as lost. Each account logs the loss.
    pub fn dropped(mut self, failure: &Failure) {
        self.fail(failure);
        self.lose(usize::MAX, failure);
    }

    /// Settles items that a plugin removed as intended. The sender is not told of a failure.
    pub fn filtered(mut self) {
        self.settle(usize::MAX, Settlement::Dropped(Reason::Filtered));
    }

    /// Settles the items as given back to the sender, who keeps them.
    pub fn refused_to_sender(mut self, failure: &Failure) {
        self.fail(failure);
        self.settle(usize::MAX, Settlement::Refused);
    }

    /// Settles items that a sampler decided not to keep.
    pub fn sampled_out(mut self) {
        self.settle(usize::MAX, Settlement::SampledOut);
    }

    fn fail(&self, failure: &Failure) {
        for share in &self.shares {
            share.receipt.fail(failure);
        }
    }

    /// Settles up to `items` items as dropped, and has the accounts report them.
    fn lose(&mut self, items: usize, failure: &Failure) {
        let lost = self.owed().min(items);
        for account in self.accounts().into_iter().flat_map(|accounts| accounts.iter()).filter(|_| lost > 0) {
            account.report_loss(lost, failure, || self.data.example());
        }
        self.settle(items, Settlement::Dropped(failure.reason));
    }

    /// Settles up to `items` items, in the order of the shares.
    fn settle(&mut self, mut items: usize, how: Settlement) {
        for share in &mut self.shares {
            let settled = share.items.min(items);
            for account in share.accounts.iter() {
                account.settle(settled, how);
            }
            share.items -= settled;
            items -= settled;
        }
    }

    /// Returns the memory of the shares, without the data.
    pub(crate) fn shares_bytes(&self) -> usize {
        self.shares.len() * size_of::<Share>()
    }

    fn take_data(&mut self) -> wire::Batch {
        let empty = wire::Batch::empty(self.data.signal());
        std::mem::replace(&mut self.data, empty)
    }
}

/// The saved state of a batch. This is not a batch, because only one of the two may be settled.
#[derive(Debug)]
pub(crate) struct Saved {
    data: wire::Batch,
    shares: SmallVec<[Share; 1]>,
    metadata: Option<Arc<Metadata>>,
}

impl Saved {
    pub(crate) fn data(&self) -> &wire::Batch {
        &self.data
    }

    pub(crate) fn restore(self) -> Batch {
        Batch { data: self.data, shares: self.shares, metadata: self.metadata }
    }
}

impl Share {
    /// Returns whether a sender or a stage waits for the outcome.
    fn is_waited_for(&self) -> bool {
        self.receipt.is_waited_for()
    }

    /// Returns a key that is the same for shares that are settled alike.
    fn owed_to(&self) -> (SmallVec<[usize; 1]>, usize) {
        (self.receipt.identity(), Arc::as_ptr(&self.accounts).cast::<()>() as usize)
    }

    fn split_off(&mut self, items: usize) -> Share {
        self.items -= items;
        Share { items, receipt: self.receipt.clone(), accounts: self.accounts.clone() }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.shares.iter().any(|share| share.items > 0) {
            let failure = Failure::retryable(Reason::Abandoned, "the request was abandoned while it waited");
            self.fail(&failure);
            self.lose(usize::MAX, &failure);
        }
    }
}
