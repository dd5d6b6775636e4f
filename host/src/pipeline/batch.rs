//! A batch on its way: the wire bytes, and for each request in it the receipt and the accounts it is owed to.

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::Metadata;
use crate::receipt::{
    Failure, Reason, Receipt, Verdict,
    ledger::{Account, Settlement},
};

/// A batch may be owed to so many senders before it is asked whether some of them are the same.
const SHARES_BEFORE_JOINING: usize = 64;

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
    /// Of a stage on the way that waits for the outcome itself.
    watch: Receipt,
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
        Batch {
            data,
            shares: SmallVec::from_buf([Share { items, receipt, watch: Receipt::unawaited(), accounts }]),
            metadata: None,
        }
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
            share.watch = receipt.clone();
        }
        verdict
    }

    pub fn items(&self) -> usize {
        self.data.items()
    }

    /// Appends the other batch's chunks; no byte is copied. Both must be of one signal.
    pub fn merge(&mut self, mut other: Batch) {
        if let Err(mismatch) = self.data.merge(other.take_data()) {
            return other.dropped(&Failure::permanent(Reason::Rejected, mismatch.to_string()));
        }
        let before = self.shares.len();
        self.shares.append(&mut other.shares);
        self.join_shares(before);
        Metadata::keep_common(&mut self.metadata, other.metadata.as_deref());
    }

    /// Keeps the first `items` items and returns the rest.
    pub fn split_off(&mut self, items: usize) -> Batch {
        let data = self.data.split_off_items(items);
        let mut excess = data.items();
        let mut shares = SmallVec::new();
        while excess > 0 {
            let Some(mut last) = self.shares.pop() else { break };
            let moved = last.items.min(excess);
            excess -= moved;
            shares.push(last.split_off(moved));
            if last.items > 0 {
                self.shares.push(last);
            }
        }
        Batch { data, shares, metadata: self.metadata.clone() }
    }

    /// Splits into batches of at most `max_items` items, in order and in linear time. No batch is without a share.
    pub fn split_items(mut self, max_items: usize) -> Vec<Batch> {
        let mut shares = std::mem::take(&mut self.shares).into_iter();
        let mut share = shares.next();
        let parts = self.take_data().split_items(max_items);
        let mut parts: Vec<Batch> = (parts.into_iter())
            .map(|data| {
                let mut missing = data.items();
                let mut part = Batch { data, shares: SmallVec::new(), metadata: self.metadata.clone() };
                while missing > 0
                    && let Some(mut first) = share.take()
                {
                    let taken = first.items.min(missing);
                    missing -= taken;
                    if taken < first.items {
                        part.shares.push(first.split_off(taken));
                        share = Some(first);
                    } else {
                        part.shares.push(first);
                        share = shares.next();
                    }
                }
                part
            })
            .collect();
        if let Some(last) = parts.last_mut() {
            last.shares.extend(share.into_iter().chain(shares));
        }
        parts
    }

    /// Splits into two batches with items in both, the first of at most `items`; `None` if that cannot be.
    pub fn cut(&mut self, items: usize) -> Option<Batch> {
        let rest = self.split_off(items);
        if self.items() == 0 {
            *self = rest;
            return None;
        }
        (rest.items() > 0).then_some(rest)
    }

    /// One batch for each destination, by the account that is settled there; the bytes are shared. What is owed to another
    /// destination is abandoned.
    pub fn fan_out<'a>(mut self, destinations: impl IntoIterator<Item = &'a Arc<Account>>) -> Vec<Batch> {
        let data = self.take_data();
        let shares = std::mem::take(&mut self.shares);
        let part = |account: &Arc<Account>| {
            let is_its = |share: &&Share| share.accounts.iter().any(|known| Arc::ptr_eq(known, account));
            let shares = shares.iter().filter(is_its).map(|share| Share {
                items: share.items,
                receipt: share.receipt.clone(),
                watch: share.watch.clone(),
                accounts: [account.clone()].into(),
            });
            Batch { data: data.clone(), shares: shares.collect(), metadata: self.metadata.clone() }
        };
        let (accounts, parts): (Vec<&Arc<Account>>, Vec<Batch>) =
            destinations.into_iter().map(|account| (account, part(account))).unzip();
        self.shares = without(&shares, &accounts);
        parts
    }

    /// Takes over what the other batch is owed to. Undoes [`Batch::fan_out`] for one destination, and [`Batch::derive`].
    pub(crate) fn join(&mut self, mut other: Batch) {
        self.shares.append(&mut other.shares);
    }

    /// How many items are owed to the destinations: as many as there are, unless a plugin took some out or put some in.
    pub fn owed(&self) -> usize {
        self.shares.iter().map(|share| share.items).sum()
    }

    /// A batch of its own for `data`, which was made of this one's: it takes over what is owed for as many items. Which
    /// request each item came in is not known any more, so both batches hold the receipts of all.
    pub fn derive(&mut self, data: wire::Batch) -> Batch {
        let mut items = data.items();
        let shares = (self.shares.iter_mut())
            .map(|share| {
                let moved = share.items.min(items);
                items -= moved;
                share.split_off(moved)
            })
            .collect();
        Batch { data, shares, metadata: self.metadata.clone() }
    }

    /// What is owed for items that are not there any more, set apart; and accounts for those that came in addition.
    pub fn excess(&mut self) -> Option<Batch> {
        let (owed, items) = (self.owed(), self.items());
        if let Some(share) = self.shares.first_mut().filter(|_| items > owed) {
            for account in share.accounts.iter() {
                account.enter(items - owed);
            }
            share.items += items - owed;
        }
        let mut excess = owed.checked_sub(items).filter(|excess| *excess > 0)?;
        let mut shares = SmallVec::new();
        for share in self.shares.iter_mut().rev() {
            let moved = share.items.min(excess);
            excess -= moved;
            if moved > 0 {
                shares.push(share.split_off(moved));
            }
        }
        Some(Batch { data: wire::Batch::empty(self.data.signal()), shares, metadata: None })
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
            share.watch.fail(failure);
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

    /// Joins what is owed to the same: a batch that is taken apart and merged again, and again, must not have ever more shares.
    /// `before` of them were there before the last were appended. Apart from neighbours they are looked through only when they
    /// have doubled.
    fn join_shares(&mut self, before: usize) {
        let is_doubled = |len: usize| len > SHARES_BEFORE_JOINING && len.ilog2() > before.max(1).ilog2();
        if let (Some(last), Some(next)) = (before.checked_sub(1), self.shares.get(before))
            && self.shares.get(last).is_some_and(|last| last.owed_to() == next.owed_to())
        {
            let next = self.shares.remove(before);
            if let Some(last) = self.shares.get_mut(last) {
                last.items += next.items;
            }
        }
        if !is_doubled(self.shares.len()) {
            return;
        }
        let mut places = HashMap::with_capacity(self.shares.len());
        let mut joined: SmallVec<[Share; 1]> = SmallVec::new();
        for share in self.shares.drain(..) {
            let place = *places.entry(share.owed_to()).or_insert(joined.len());
            match joined.get_mut(place) {
                Some(known) => known.items += share.items,
                None => joined.push(share),
            }
        }
        self.shares = joined;
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

/// What of the shares is owed to none of these destinations.
fn without(shares: &[Share], destinations: &[&Arc<Account>]) -> SmallVec<[Share; 1]> {
    let is_left = |account: &&Arc<Account>| !destinations.iter().any(|known| Arc::ptr_eq(known, account));
    let left = shares.iter().filter(|share| share.accounts.iter().any(|account| is_left(&account)));
    left.map(|share| Share {
        accounts: share.accounts.iter().filter(is_left).cloned().collect(),
        ..share.clone()
    })
    .collect()
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
    /// The same for shares that are settled alike.
    fn owed_to(&self) -> (usize, usize, usize) {
        (self.receipt.address(), self.watch.address(), Arc::as_ptr(&self.accounts).cast::<()>() as usize)
    }

    fn split_off(&mut self, items: usize) -> Share {
        self.items -= items;
        Share {
            items,
            receipt: self.receipt.clone(),
            watch: self.watch.clone(),
            accounts: self.accounts.clone(),
        }
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
