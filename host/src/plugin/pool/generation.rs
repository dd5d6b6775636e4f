//! One version of a component's plugin under one config: how its instances are made, and how their calls
//! ended.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use super::settings::StageSettings;
use crate::plugin::{
    guest::{
        Shared,
        failure::{CallError, CallErrorKind},
        instance::Instance,
        plugin::Plugin,
    },
    load::{card::Role, description::Concurrency},
};

/// One version and one config of a component. Generations follow one another, and each has a unique number.
pub(in crate::plugin) struct Generation {
    pub(in crate::plugin) number: u64,
    pub(in crate::plugin) plugin: Arc<Plugin>,
    pub(in crate::plugin) settings: StageSettings,
    pub(in crate::plugin) shared: Arc<Shared>,
    pub(in crate::plugin) since: SystemTime,
    pub(in crate::plugin) record: Record,
    /// Instances that were started in advance.
    spares: Mutex<Vec<Instance>>,
}

/// Counts the outcomes of one generation's calls.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Record {
    calls: AtomicU64,
    items: AtomicU64,
    busy_ns: AtomicU64,
    accidents: AtomicU64,
    refusals: AtomicU64,
    accidents_in_a_row: AtomicU64,
}

/// A copy of the counters of a `Record` at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub calls: u64,
    /// The spans, data points and log records that were given to the guests.
    pub items: u64,
    pub busy_ns: u64,
    /// Calls that failed by accident: a trap, a limit or an invalid answer.
    pub accidents: u64,
    /// Calls that the guest reported as failed.
    pub refusals: u64,
    pub accidents_in_a_row: u64,
}

impl Generation {
    pub(in crate::plugin) fn new(
        number: u64,
        plugin: &Arc<Plugin>,
        settings: StageSettings,
        shared: Arc<Shared>,
    ) -> Generation {
        Generation {
            number,
            plugin: plugin.clone(),
            settings,
            shared,
            since: SystemTime::now(),
            record: Record::default(),
            spares: Mutex::default(),
        }
    }

    /// Returns a generation with the same plugin and settings, and empty counters.
    pub(in crate::plugin) fn again(&self, number: u64) -> Generation {
        self.of(number, &self.plugin)
    }

    /// Returns a generation with the same settings and another version of the plugin.
    pub(in crate::plugin) fn of(&self, number: u64, plugin: &Arc<Plugin>) -> Generation {
        Generation::new(number, plugin, self.settings.clone(), self.shared.clone())
    }

    /// Returns the maximum number of instances.
    pub(in crate::plugin) fn instances(&self) -> usize {
        match self.plugin.description.concurrency {
            Concurrency::Single => 1,
            Concurrency::Stateless | Concurrency::ByTrace => self.shared.limits.instances.get(),
        }
    }

    /// Returns a configured instance: a spare one, if there is one, or a new one.
    pub(in crate::plugin) async fn instance(&self, role: Role) -> Result<Instance, CallError> {
        let spare = self.spares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        match spare {
            Some(spare) => Ok(spare),
            None => self.start(role).await,
        }
    }

    /// Starts this many instances in advance.
    pub(in crate::plugin) async fn prepare(&self, role: Role, instances: usize) -> Result<(), CallError> {
        for _ in 0..instances {
            let spare = self.start(role).await?;
            self.spares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(spare);
        }
        Ok(())
    }

    /// Drops the spare instances.
    pub(super) fn drop_spares(&self) {
        let spares =
            std::mem::take(&mut *self.spares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        drop(spares);
    }

    async fn start(&self, role: Role) -> Result<Instance, CallError> {
        let mut guest = Instance::start(&self.plugin.exports, &self.shared).await?;
        match guest.configure(role, &self.settings.config).await? {
            Ok(()) => Ok(guest),
            Err(refusal) => Err(CallError::new(
                CallErrorKind::Start,
                format!("it refuses its config: {}: {}", refusal.path, refusal.message),
            )),
        }
    }
}

impl Record {
    pub(super) fn succeeded(&self, items: usize, busy: Duration) {
        self.called(busy);
        self.items.fetch_add(items as u64, Relaxed);
        // The counter is written only if it changes, because every call of every slot passes here.
        if self.accidents_in_a_row.load(Relaxed) > 0 {
            self.accidents_in_a_row.store(0, Relaxed);
        }
    }

    pub(in crate::plugin) fn failed(&self, error: &CallError, busy: Duration) {
        self.called(busy);
        if error.kind.is_accident() {
            self.accidents.fetch_add(1, Relaxed);
            self.accidents_in_a_row.fetch_add(1, Relaxed);
        } else {
            self.refusals.fetch_add(1, Relaxed);
        }
    }

    pub(in crate::plugin) fn figures(&self) -> Figures {
        Figures {
            calls: self.calls.load(Relaxed),
            items: self.items.load(Relaxed),
            busy_ns: self.busy_ns.load(Relaxed),
            accidents: self.accidents.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
            accidents_in_a_row: self.accidents_in_a_row.load(Relaxed),
        }
    }

    fn called(&self, busy: Duration) {
        self.calls.fetch_add(1, Relaxed);
        self.busy_ns.fetch_add(u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Figures {
    /// Returns the share of all calls that failed in either way, from 0 to 1.
    pub fn error_rate(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { (self.accidents + self.refusals) as f64 / self.calls as f64 }
    }

    /// Returns `None` if no items were given.
    pub fn ns_per_item(&self) -> Option<f64> {
        (self.items > 0).then(|| self.busy_ns as f64 / self.items as f64)
    }

    /// Adds the figures of another pool of the same plugin.
    pub fn plus(self, other: Figures) -> Figures {
        Figures {
            calls: self.calls + other.calls,
            items: self.items + other.items,
            busy_ns: self.busy_ns + other.busy_ns,
            accidents: self.accidents + other.accidents,
            refusals: self.refusals + other.refusals,
            accidents_in_a_row: self.accidents_in_a_row.max(other.accidents_in_a_row),
        }
    }
}
