//! The ledger: one account for each pipeline and destination, and one law:
//! `received = delivered + sampled out + dropped (by reason) + in flight`.
//!
//! `in flight` is counted by what enters and leaves, not worked out from the rest, so the law can fail, and the tests
//! ask whether it holds.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::Reason;

/// Every account of a running service.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Arc<Account>>>);

/// What happened to the items (spans, data points, log records) of one pipeline on their way to one destination.
#[derive(Debug)]
pub struct Account {
    pub pipeline: String,
    pub destination: String,
    entered: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    sampled_out: AtomicU64,
    dropped: [AtomicU64; Reason::ALL.len()],
    in_flight: AtomicU64,
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
        let mut accounts = self.accounts();
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
    pub fn balances(&self) -> Vec<Balance> {
        let mut balances: Vec<Balance> = self.accounts().iter().map(|account| account.balance()).collect();
        balances.sort_by(|a, b| (&a.pipeline, &a.destination).cmp(&(&b.pipeline, &b.destination)));
        balances
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Account>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Account {
    fn new(pipeline: &str, destination: &str) -> Account {
        Account {
            pipeline: pipeline.to_owned(),
            destination: destination.to_owned(),
            entered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            sampled_out: AtomicU64::new(0),
            dropped: std::array::from_fn(|_| AtomicU64::new(0)),
            in_flight: AtomicU64::new(0),
        }
    }

    pub(crate) fn enter(&self, items: usize) {
        self.entered.fetch_add(items as u64, Relaxed);
        self.in_flight.fetch_add(items as u64, Relaxed);
    }

    pub(crate) fn settle(&self, items: usize, how: Settlement) {
        let items = items as u64;
        match how {
            Settlement::Delivered => self.delivered.fetch_add(items, Relaxed),
            Settlement::SampledOut => self.sampled_out.fetch_add(items, Relaxed),
            Settlement::Refused => self.refused.fetch_add(items, Relaxed),
            Settlement::Dropped(reason) => {
                self.dropped.get(reason as usize).map_or(0, |count| count.fetch_add(items, Relaxed))
            }
        };
        self.in_flight.fetch_sub(items, Relaxed);
    }

    pub fn balance(&self) -> Balance {
        let refused = self.refused.load(Relaxed);
        Balance {
            pipeline: self.pipeline.clone(),
            destination: self.destination.clone(),
            received: self.entered.load(Relaxed).saturating_sub(refused),
            delivered: self.delivered.load(Relaxed),
            sampled_out: self.sampled_out.load(Relaxed),
            dropped: std::iter::zip(Reason::ALL, &self.dropped)
                .map(|(reason, count)| (reason, count.load(Relaxed)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            in_flight: self.in_flight.load(Relaxed),
        }
    }
}

impl Balance {
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }

    /// The law. It holds whenever no batch is being settled at this very moment.
    pub fn holds(&self) -> bool {
        self.received == self.delivered + self.sampled_out + self.dropped_total() + self.in_flight
    }
}
