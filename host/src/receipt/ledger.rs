//! The ledger: one account for each pipeline and destination, and one law:
//! `received = delivered + sampled out + dropped (by reason) + in flight`.
//!
//! `in flight` is counted by what enters and leaves, not worked out from the rest, so the law can fail, and the tests
//! ask whether it holds. Each account is read under the lock that its counts change under, so the law holds at all times.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Reason, loss::Losses};

/// Every account of a running service.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Arc<Account>>>);

/// What happened to the items (spans, data points, log records) of one pipeline on their way to one destination.
#[derive(Debug)]
pub struct Account {
    pub pipeline: String,
    pub destination: String,
    /// A request takes the lock twice, for two additions each time: as many atomic operations as two counters take.
    counts: Mutex<Counts>,
    pub(super) losses: Losses,
}

/// In items. The sums wrap, as counters do.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    entered: u64,
    refused: u64,
    delivered: u64,
    sampled_out: u64,
    dropped: [u64; Reason::ALL.len()],
    in_flight: u64,
}

/// The figures of one account at one moment, in items.
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

/// How items leave an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    Delivered,
    SampledOut,
    Dropped(Reason),
    /// Given back to the sender, who keeps them: they count as never received.
    Refused,
}

impl Ledger {
    /// There is one for each pipeline and destination, however often they are built anew.
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

    /// Every account, by pipeline and destination.
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        let mut accounts = self.lock().clone();
        accounts.sort_by(|a, b| (&a.pipeline, &a.destination).cmp(&(&b.pipeline, &b.destination)));
        accounts
    }

    /// The figures of every account, in the same order.
    pub fn balances(&self) -> Vec<Balance> {
        self.accounts().iter().map(|account| account.balance()).collect()
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

    /// The counts of one moment.
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

    /// The law.
    pub fn holds(&self) -> bool {
        self.received == self.delivered + self.sampled_out + self.dropped_total() + self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches enter and leave on several threads while someone reads: no reading is off by a batch that is half counted.
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
