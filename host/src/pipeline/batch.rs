//! A batch on its way: the wire bytes, and for each request in it the receipt and the accounts it is owed to.
//!
//! # The law
//! **The items of a batch's shares add up to the items of its data**: what is owed is what is there. Every item is settled
//! once, with each of its accounts, by a method that takes the batch (`delivered`, `dropped`, `filtered`, `sampled_out`,
//! `refused_to_sender`, `partly_delivered`) or by `Drop`, which counts what is left as abandoned.
//!
//! The law is suspended in four places, and whoever suspends it restores it before the batch goes on:
//! - `data` is edited: items were taken out or put in. [`Batch::excess`] restores it.
//! - [`Batch::derive`] moves shares to a batch of other data; what is left over is in the batch that it was called on, until
//!   `Batch::join` brings it back or `Batch::forget` gives it up.
//! - [`Batch::fan_out`] divides the shares by destination. `Batch::join` brings a part back.
//! - A refused batch may be owed for more than it holds, when a stage gives back what it left out as well ([`Refused`]).
//!
//! A batch that is [owed to nobody](Batch::owed_to_nobody) has no shares, and the law does not speak of it.
//!
//! [`Refused`]: super::Refused

mod parts;

use std::sync::Arc;

use smallvec::SmallVec;

use super::Metadata;
use crate::receipt::{
    Failure, Reason, Receipt, Verdict,
    ledger::{Account, Settlement},
};

/// What moves between stages. It is not `Clone`: each item in it is settled exactly once.
///
/// A batch that is dropped unsettled (its task was cancelled) counts as abandoned, so nothing vanishes.
#[derive(Debug)]
pub struct Batch {
    pub data: wire::Batch,
    shares: SmallVec<[Share; 1]>,
    /// Of the sender, if its receiver keeps it; what all senders have in common, after a merge.
    metadata: Option<Arc<Metadata>>,
}

/// The part of a batch that came in one request.
#[derive(Clone, Debug)]
struct Share {
    items: usize,
    receipt: Receipt,
    /// One account for each destination the items are still on their way to.
    accounts: Arc<[Arc<Account>]>,
}

impl Batch {
    /// Enters what a receiver took in into the accounts of every destination of its pipeline.
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

    /// A batch that no account knows: for who looks at data, or tries a plugin.
    pub fn owed_to_nobody(data: wire::Batch) -> Batch {
        Batch { data, shares: SmallVec::new(), metadata: None }
    }

    /// Whether no account knows it, as what a plugin has made itself.
    pub fn is_owed_to_nobody(&self) -> bool {
        self.shares.is_empty()
    }

    /// Enters what is owed to nobody into the accounts.
    pub fn adopt(&mut self, accounts: &Arc<[Arc<Account>]>) {
        *self = Batch::enter(self.take_data(), Receipt::unawaited(), accounts.clone());
    }

    /// The same data as it enters another pipeline too: its senders are owed for that as well.
    pub fn enter_another(&self, accounts: &Arc<[Arc<Account>]>) -> Batch {
        let shares = self.shares.iter().map(|share| {
            for account in accounts.iter() {
                account.enter(share.items);
            }
            Share { accounts: accounts.clone(), ..share.clone() }
        });
        Batch { data: self.data.clone(), shares: shares.collect(), metadata: self.metadata.clone() }
    }

    /// The accounts that it is in, if any; all of a batch is in the same ones.
    pub fn accounts(&self) -> Option<&Arc<[Arc<Account>]>> {
        self.shares.first().map(|share| &share.accounts)
    }

    /// What is in it. For a batch that is owed to nobody.
    pub(crate) fn into_data(mut self) -> wire::Batch {
        self.take_data()
    }

    /// Resolves when every item of this batch is settled, beside the verdicts of its senders. Called by one stage.
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

    /// How many items are owed to the destinations: as many as there are, unless a plugin took some out or put some in.
    pub fn owed(&self) -> usize {
        self.shares.iter().map(|share| share.items).sum()
    }

    /// What this batch is at this moment, to go back to.
    pub(crate) fn save(&self) -> Saved {
        Saved { data: self.data.original(), shares: self.shares.clone(), metadata: self.metadata.clone() }
    }

    /// Gives up the batch for what was [saved](Batch::save) of it, or of those it was made of: nothing is settled.
    pub(crate) fn forget(mut self) {
        self.shares.clear();
    }

    pub fn delivered(mut self) {
        self.settle(usize::MAX, Settlement::Delivered);
    }

    /// Delivered but for `rejected` items that the destination would not have.
    pub fn partly_delivered(mut self, rejected: usize, failure: &Failure) {
        self.fail(failure);
        self.lose(rejected, failure);
        self.settle(usize::MAX, Settlement::Delivered);
    }

    /// The items are lost. Each account says so in the log.
    pub fn dropped(mut self, failure: &Failure) {
        self.fail(failure);
        self.lose(usize::MAX, failure);
    }

    /// What a plugin took out, as it should: the sender is not told of a failure.
    pub fn filtered(mut self) {
        self.settle(usize::MAX, Settlement::Dropped(Reason::Filtered));
    }

    /// Given back to the sender, who keeps the items.
    pub fn refused_to_sender(mut self, failure: &Failure) {
        self.fail(failure);
        self.settle(usize::MAX, Settlement::Refused);
    }

    /// What a sampler decided not to keep.
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

    /// Settles up to `items` items, first come first.
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

    /// What the shares take in memory, beside the data.
    pub(crate) fn shares_bytes(&self) -> usize {
        self.shares.len() * size_of::<Share>()
    }

    fn take_data(&mut self) -> wire::Batch {
        let empty = wire::Batch::empty(self.data.signal());
        std::mem::replace(&mut self.data, empty)
    }
}

/// A batch as it once was. Not a batch: only one of it and what became of it may be settled.
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
    /// Whether a sender, or a stage on the way, waits for what becomes of it.
    fn is_waited_for(&self) -> bool {
        self.receipt.is_waited_for()
    }

    /// The same for shares that are settled alike.
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
