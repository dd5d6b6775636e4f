//! Splits and joins batches together with their shares.

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{Batch, Share};
use crate::{
    pipeline::Metadata,
    receipt::{Failure, Reason, ledger::Account},
};

/// With fewer shares than this, a batch is not searched for shares that can be joined.
const SHARES_BEFORE_JOINING: usize = 64;

/// Joining batches.
impl Batch {
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

    /// Joins shares of the same request and accounts, so that a batch that is repeatedly split and merged
    /// does not get more and more shares. `before` is the number of shares before the last ones were
    /// appended. Neighbours are always compared, and all shares only when their number has doubled.
    pub(super) fn join_shares(&mut self, before: usize) {
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
}

/// Splitting batches.
impl Batch {
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

    /// Splits into batches of at most `max_items` items, in order and in linear time. Each batch has a share. Batches
    /// are larger if smaller ones would together exceed four times the request and 1 MiB, because each repeats its
    /// resource.
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

    /// Splits into two batches that both have items, the first at most `items`. Returns `None` if that is
    /// impossible.
    pub fn cut(&mut self, items: usize) -> Option<Batch> {
        let rest = self.split_off(items);
        if self.items() == 0 {
            *self = rest;
            return None;
        }
        (rest.items() > 0).then_some(rest)
    }

    /// Returns a batch for each destination, with the share of that destination's account. The bytes are
    /// shared. Shares of other destinations are abandoned.
    pub fn fan_out<'a>(mut self, destinations: impl IntoIterator<Item = &'a Arc<Account>>) -> Vec<Batch> {
        let data = self.take_data();
        let shares = std::mem::take(&mut self.shares);
        let part = |account: &Arc<Account>| {
            let is_its = |share: &&Share| share.accounts.iter().any(|known| Arc::ptr_eq(known, account));
            let shares = shares.iter().filter(is_its).map(|share| Share {
                items: share.items,
                receipt: share.receipt.clone(),
                accounts: [account.clone()].into(),
            });
            Batch { data: data.clone(), shares: shares.collect(), metadata: self.metadata.clone() }
        };
        let (accounts, parts): (Vec<&Arc<Account>>, Vec<Batch>) =
            destinations.into_iter().map(|account| (account, part(account))).unzip();
        self.shares = without(&shares, &accounts);
        parts
    }

    /// Takes over the shares of the other batch. Undoes [`Batch::fan_out`] for one destination, and
    /// [`Batch::derive`].
    pub(crate) fn join(&mut self, mut other: Batch) {
        self.shares.append(&mut other.shares);
    }

    /// Returns a batch for `data`, which was made of this batch's data; see [`Batch::divide`].
    pub fn derive(&mut self, data: wire::Batch) -> Batch {
        self.divide([data])
            .pop()
            .unwrap_or_else(|| Batch::owed_to_nobody(wire::Batch::empty(self.data.signal())))
    }

    /// Returns a batch for each of `parts`, which were made of this batch's data. Each takes over shares for
    /// as many items as it has. The remaining shares stay with this batch.
    ///
    /// It is not known any more in which request an item arrived. So every part holds the receipt of each
    /// sender that waits for its answer. Apart from these receipts, a part has a share without items only if
    /// it has no other share: then [`Batch::excess`] can enter items that are added later. Time is linear in
    /// parts, shares, and parts times waiting senders.
    pub fn divide(&mut self, parts: impl IntoIterator<Item = wire::Batch>) -> Vec<Batch> {
        let mut waiting: SmallVec<[Share; 1]> = SmallVec::new();
        for share in self.shares.iter_mut().filter(|share| share.is_waited_for()) {
            if !waiting.iter().any(|known| known.owed_to() == share.owed_to()) {
                waiting.push(share.split_off(0));
            }
        }
        let spare = self.shares.first_mut().map(|share| share.split_off(0));
        let mut from = 0;
        let batches = (parts.into_iter())
            .map(|data| {
                let mut missing = data.items();
                let mut shares = SmallVec::new();
                while missing > 0
                    && let Some(share) = self.shares.get_mut(from)
                {
                    let moved = share.items.min(missing);
                    missing -= moved;
                    if moved > 0 {
                        shares.push(share.split_off(moved));
                    }
                    from += usize::from(share.items == 0);
                }
                let is_there =
                    |one: &Share| shares.iter().any(|known: &Share| known.owed_to() == one.owed_to());
                let others: SmallVec<[Share; 1]> =
                    waiting.iter().filter(|one| !is_there(one)).cloned().collect();
                shares.extend(others);
                if shares.is_empty() {
                    shares.extend(spare.clone());
                }
                Batch { data, shares, metadata: self.metadata.clone() }
            })
            .collect();
        self.shares.retain(|share| share.items > 0 || share.is_waited_for());
        if self.shares.is_empty() {
            self.shares.extend(spare);
        }
        batches
    }

    /// Returns a batch with the shares of removed items, and enters added items into the accounts.
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
}

/// Returns the shares that belong to none of these destinations.
fn without(shares: &[Share], destinations: &[&Arc<Account>]) -> SmallVec<[Share; 1]> {
    let is_left = |account: &&Arc<Account>| !destinations.iter().any(|known| Arc::ptr_eq(known, account));
    let left = shares.iter().filter(|share| share.accounts.iter().any(|account| is_left(&account)));
    left.map(|share| Share {
        accounts: share.accounts.iter().filter(is_left).cloned().collect(),
        ..share.clone()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use wire::Signal;

    use super::*;
    use crate::receipt::{Receipt, ledger::Ledger};

    fn data(items: usize) -> wire::Batch {
        let span = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}"#;
        let spans = vec![span; items].join(",");
        let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let bytes = wire::json::from_json(Signal::Traces, json.as_bytes()).unwrap();
        wire::Batch::decode(Signal::Traces, bytes.into()).unwrap()
    }

    /// Returns a merged batch of several requests, with these numbers of items.
    fn merged(requests: &[usize], ledger: &Ledger, receipt: impl Fn() -> Receipt) -> Batch {
        let accounts: Arc<[_]> = [ledger.open("traces", "otlp")].into();
        let batches = requests.iter().map(|items| Batch::enter(data(*items), receipt(), accounts.clone()));
        let merge = |mut one: Batch, other| {
            one.merge(other);
            one
        };
        batches.reduce(merge).unwrap()
    }

    fn shares(batch: &Batch) -> Vec<usize> {
        batch.shares.iter().map(|share| share.items).collect()
    }

    /// Scenario: a batch whose senders do not wait is divided into parts across request boundaries. One part
    /// is empty.
    /// Guarantees: each part has shares for its items, and the remaining shares stay.
    #[test]
    fn parts_are_owed_for_what_they_hold() {
        let ledger = Ledger::default();
        let mut whole = merged(&[3, 4, 5], &ledger, Receipt::unawaited);
        let parts = whole.divide([data(2), data(0), data(6)]);
        assert_eq!(parts.iter().map(shares).collect::<Vec<_>>(), [vec![2], vec![0], vec![6]]);
        assert_eq!(shares(&whole), [4]);
        whole.delivered();
        parts.into_iter().for_each(Batch::delivered);
        assert_eq!(ledger.balances()[0].delivered, 12);
    }

    /// Scenario: senders wait for the outcome, and their batch is divided.
    /// Guarantees: each sender is answered when the last part is settled, and is told of a failure of any
    /// part.
    #[tokio::test]
    async fn senders_that_wait_hear_of_every_part() {
        let ledger = Ledger::default();
        let verdicts = std::cell::RefCell::new(Vec::new());
        let mut whole = merged(&[2, 2], &ledger, || {
            let (receipt, verdict) = Receipt::awaited();
            verdicts.borrow_mut().push(verdict);
            receipt
        });
        let mut parts = whole.divide([data(2), data(2)]);
        assert_eq!(parts.iter().map(shares).collect::<Vec<_>>(), [vec![2, 0], vec![2, 0]]);
        whole.forget();
        parts.pop().unwrap().dropped(&Failure::permanent(Reason::Rejected, "no"));
        parts.pop().unwrap().delivered();
        for verdict in verdicts.into_inner() {
            assert_eq!(verdict.wait().await.unwrap_err().reason, Reason::Rejected);
        }
    }
}
