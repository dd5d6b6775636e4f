//! One version of a component's plugin under one config: what instances are made of, and how their calls fared.

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

/// The generations of a component follow one another; each has a number that no other has.
pub(in crate::plugin) struct Generation {
    pub(in crate::plugin) number: u64,
    pub(in crate::plugin) plugin: Arc<Plugin>,
    pub(in crate::plugin) settings: StageSettings,
    pub(in crate::plugin) shared: Arc<Shared>,
    pub(in crate::plugin) since: SystemTime,
    pub(in crate::plugin) record: Record,
    /// Started before any batch was to be theirs.
    spares: Mutex<Vec<Instance>>,
}

/// How the calls of one generation fared.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Record {
    calls: AtomicU64,
    items: AtomicU64,
    busy_ns: AtomicU64,
    accidents: AtomicU64,
    refusals: AtomicU64,
    accidents_in_a_row: AtomicU64,
}

/// What the record of a generation says at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub calls: u64,
    /// Spans, data points and log records that it was given.
    pub items: u64,
    pub busy_ns: u64,
    /// Calls that it did not finish as it should.
    pub accidents: u64,
    /// Calls that it said have failed.
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

    /// The same once more, with nothing on record.
    pub(in crate::plugin) fn again(&self, number: u64) -> Generation {
        self.of(number, &self.plugin)
    }

    /// The same settings, another version of the plugin.
    pub(in crate::plugin) fn of(&self, number: u64, plugin: &Arc<Plugin>) -> Generation {
        Generation::new(number, plugin, self.settings.clone(), self.shared.clone())
    }

    /// How many instances there may be.
    pub(in crate::plugin) fn instances(&self) -> usize {
        match self.plugin.description.concurrency {
            Concurrency::Single => 1,
            Concurrency::Stateless | Concurrency::ByTrace => self.shared.limits.instances.get(),
        }
    }

    /// Configured: a spare one, if there is one.
    pub(in crate::plugin) async fn instance(&self, role: Role) -> Result<Instance, CallError> {
        let spare = self.spares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        match spare {
            Some(spare) => Ok(spare),
            None => self.start(role).await,
        }
    }

    /// Starts so many before they are needed.
    pub(in crate::plugin) async fn prepare(&self, role: Role, instances: usize) -> Result<(), CallError> {
        for _ in 0..instances {
            let spare = self.start(role).await?;
            self.spares.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(spare);
        }
        Ok(())
    }

    /// Lets go of the instances that are not needed.
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
        // Written only if it changes: every call of every slot comes by here.
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
    /// Both kinds of failed calls, of all calls; 0 to 1.
    pub fn error_rate(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { (self.accidents + self.refusals) as f64 / self.calls as f64 }
    }

    /// None if it was given none.
    pub fn ns_per_item(&self) -> Option<f64> {
        (self.items > 0).then(|| self.busy_ns as f64 / self.items as f64)
    }

    /// Of several pools of one plugin.
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
