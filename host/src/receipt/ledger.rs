//! The ledger holds one account for each pipeline and destination, and keeps one law:
//! `received = delivered + sampled out + dropped (by reason) + in flight`.
//!
//! `in flight` is counted as items enter and leave, and is not computed from the other figures. So the law
//! can be checked, and the tests check it. All counts of an account are changed and read under one lock, so
//! every reading obeys the law.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Reason, loss::Losses};

/// All accounts of a running service.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Arc<Account>>>);

/// The account of one pipeline and one destination: how many items (spans, data points, log records) had
/// which outcome.
#[derive(Debug)]
pub struct Account {
    pub pipeline: String,
    pub destination: String,
    /// The lock is taken twice for a request, for two additions each time. That costs as many atomic
    /// operations as two counters would.
    counts: Mutex<Counts>,
    pub(super) losses: Losses,
}

/// The counts of an account, in items. The sums wrap, as counters do.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    entered: u64,
    refused: u64,
    delivered: u64,
    sampled_out: u64,
    dropped: [u64; Reason::ALL.len()],
    in_flight: u64,
}

/// The figures of an account at one moment, in items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub pipeline: String,
    pub destination: String,
    pub received: u64,
    pub delivered: u64,
    pub sampled_out: u64,
    pub dropped: Vec<(Reason, u64)>,
    pub in_flight: u64,
}

/// The way in which items leave an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    Delivered,
    SampledOut,
    Dropped(Reason),
    /// The items go back to the sender, which keeps them. They count as never received.
    Refused,
}

impl Ledger {
    /// Returns the account of a pipeline and a destination. The account is the same each time, also after a
    /// reload.
    pub fn open(&self, pipeline: &str, destination: &str) -> Arc<Account> {
        let mut accounts = self.lock();
        let is_it =
            |account: &&Arc<Account>| account.pipeline == pipeline && account.destination == destination;
        if let Some(account) = accounts.iter().find(is_it) {
            return account.clone();
        }
        let account = Arc::new(Account::new(pipeline, destination));
        accounts.push(account.clone());
        account
    }

    /// Returns all accounts, sorted by pipeline and destination.
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        let mut accounts = self.lock().clone();
        accounts.sort_by(|a, b| (&a.pipeline, &a.destination).cmp(&(&b.pipeline, &b.destination)));
        accounts
    }

    /// Returns the figures of all accounts, in the same order.
    pub fn balances(&self) -> Vec<Balance> {
        self.accounts().iter().map(|account| account.balance()).collect()
    }

    /// Ends the log lines about losses, and returns the figures of all accounts. The caller reports what is in flight as
    /// lost.
    pub fn close(&self) -> Vec<Balance> {
        let accounts = self.accounts();
        accounts.iter().for_each(|account| account.close());
        accounts.iter().map(|account| account.balance()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Account>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn new(pipeline: &str, destination: &str) -> Account {
        let (pipeline, destination) = (pipeline.to_owned(), destination.to_owned());
        Account { pipeline, destination, counts: Mutex::default(), losses: Losses::default() }
    }

    pub(crate) fn enter(&self, items: usize) {
        let mut counts = self.counts();
        add(&mut counts.entered, items);
        add(&mut counts.in_flight, items);
    }

    pub(crate) fn settle(&self, items: usize, how: Settlement) {
        let mut counts = self.counts();
        match how {
            Settlement::Delivered => add(&mut counts.delivered, items),
            Settlement::SampledOut => add(&mut counts.sampled_out, items),
            Settlement::Refused => add(&mut counts.refused, items),
            Settlement::Dropped(reason) => {
                if let Some(dropped) = counts.dropped.get_mut(reason as usize) {
                    add(dropped, items);
                }
            }
        }
        counts.in_flight = counts.in_flight.wrapping_sub(items as u64);
    }

    /// Returns the figures at this moment.
    pub fn balance(&self) -> Balance {
        let counts = *self.counts();
        Balance {
            pipeline: self.pipeline.clone(),
            destination: self.destination.clone(),
            received: counts.entered.saturating_sub(counts.refused),
            delivered: counts.delivered,
            sampled_out: counts.sampled_out,
            dropped: std::iter::zip(Reason::ALL, counts.dropped).filter(|(_, items)| *items > 0).collect(),
            in_flight: counts.in_flight,
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(count: &mut u64, items: usize) {
    *count = count.wrapping_add(items as u64);
}

impl Balance {
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }

    /// Returns whether the law holds.
    pub fn holds(&self) -> bool {
        self.received == self.delivered + self.sampled_out + self.dropped_total() + self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: batches enter and leave an account on several threads, while another thread reads the
    /// account.
    /// Guarantees: the law holds in every reading, so no reading counts half a batch.
    #[test]
    fn every_reading_adds_up_while_batches_come_and_go() {
        const BATCHES: usize = 50_000;
        let ledger = Ledger::default();
        let account = ledger.open("traces", "to");
        let outcomes = [
            Settlement::Delivered,
            Settlement::SampledOut,
            Settlement::Dropped(Reason::Rejected),
            Settlement::Refused,
        ];
        std::thread::scope(|scope| {
            let writers = outcomes.map(|outcome| {
                let account = &account;
                scope.spawn(move || {
                    for items in 1..=BATCHES {
                        account.enter(items);
                        account.settle(items, outcome);
                    }
                })
            });
            while !writers.iter().all(|writer| writer.is_finished()) {
                for balance in ledger.balances() {
                    assert!(balance.holds(), "{balance:?}");
                }
            }
        });
        let items = (BATCHES * (BATCHES + 1) / 2) as u64;
        let balance = account.balance();
        assert_eq!((balance.received, balance.delivered, balance.in_flight), (3 * items, items, 0));
        assert!(balance.holds(), "{balance:?}");
    }
}
