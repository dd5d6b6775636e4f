//! The instances of one component: which takes what, when one is replaced, and what becomes of a call that fails.

mod replay;

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::sync::{MutexGuard, Notify, Semaphore, SemaphorePermit};

use wire::Traces;

pub(super) use replay::Outcome;

use super::{
    Plugin,
    bindings::exported::{
        exporting::ExportError,
        http_handler::{Incoming, Outgoing},
        sampling::Decision,
    },
    breaker::{Admission, Breaker, Turn},
    card::Role,
    describe::Concurrency,
    failure::{CallError, CallErrorKind},
    guest::Shared,
    imports::traces::TraceBatch,
    instance::{Instance, Undone},
    metrics::PluginMetrics,
};
use crate::pipeline::Batch;

/// One component's instances, each in a slot that one call at a time uses.
pub(super) struct Pool {
    pub(super) plugin: Arc<Plugin>,
    pub(super) component: String,
    role: Role,
    /// JSON.
    pub(super) config: String,
    shared: Arc<Shared>,
    slots: Box<[tokio::sync::Mutex<Option<Instance>>]>,
    /// Slots that no call uses, the warmest last.
    idle: Mutex<Vec<usize>>,
    free: Semaphore,
    breaker: Breaker,
    pub(super) metrics: PluginMetrics,
    /// What came of calls that nobody waits for.
    late: Mutex<Vec<Outcome>>,
    /// Told when there is something to [tend](Pool::tend) to: a guest has asked to be woken, or is to be replaced.
    pub(super) wakes: Notify,
}

/// What the guests of one component use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestUsage {
    pub instances: usize,
    /// Of all of them. A guest's memory never shrinks.
    pub memory_bytes: usize,
}

/// Which slot a call goes to.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Any,
    Slot(usize),
}

/// A slot, for one call.
struct Lease<'a> {
    instance: MutexGuard<'a, Option<Instance>>,
    _idle: Option<IdleSlot<'a>>,
    _permit: Option<SemaphorePermit<'a>>,
}

/// Goes back among the idle ones.
struct IdleSlot<'a> {
    idle: &'a Mutex<Vec<usize>>,
    slot: usize,
}

impl Pool {
    pub(super) fn new(
        plugin: &Arc<Plugin>,
        component: &str,
        role: Role,
        config: String,
        shared: Arc<Shared>,
        metrics: PluginMetrics,
    ) -> Pool {
        let instances = match plugin.description.concurrency {
            Concurrency::Single => 1,
            Concurrency::Stateless | Concurrency::ByTrace => shared.limits.instances.get(),
        };
        Pool {
            plugin: plugin.clone(),
            component: component.to_owned(),
            role,
            config,
            shared,
            slots: (0..instances).map(|_| tokio::sync::Mutex::new(None)).collect(),
            idle: Mutex::new((0..instances).rev().collect()),
            free: Semaphore::new(instances),
            breaker: Breaker::default(),
            metrics,
            late: Mutex::default(),
            wakes: Notify::new(),
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// At this moment; of the guests that are in a call nothing is known.
    pub(super) fn usage(&self) -> GuestUsage {
        let idle = self.slots.iter().filter_map(|slot| slot.try_lock().ok());
        idle.fold(GuestUsage::default(), |usage, slot| match &*slot {
            None => usage,
            Some(guest) => GuestUsage {
                instances: usage.instances + 1,
                memory_bytes: usage.memory_bytes + guest.memory_used_bytes(),
            },
        })
    }

    /// Makes one instance, so that a config which the plugin refuses is known before any batch comes.
    pub(super) async fn warm_up(&self) -> Result<(), CallError> {
        let mut lease = self.lease(Place::Slot(0)).await;
        *lease.instance = Some(self.start().await?);
        Ok(())
    }

    /// Gives a guest a batch. If the call fails by accident, all that the guest held goes to a fresh one, once.
    pub(super) async fn process(&self, place: Place, batch: Batch) -> Outcome {
        let mut lease = self.lease(place).await;
        match self.give(&mut lease.instance, batch).await {
            Ok(passed) => Outcome::of(passed),
            Err(undone) => self.replay(&mut lease.instance, undone).await,
        }
    }

    /// Shows a guest a batch, to send it.
    pub(super) async fn export(&self, data: &wire::Batch) -> Result<Result<(), ExportError>, Undone> {
        self.twice(|| {
            let data = data.clone();
            async move |guest: &mut Instance| guest.export(data).await
        })
        .await
    }

    /// Asks a guest to decide on traces.
    pub(super) async fn sample(&self, traces: &Arc<Traces>) -> Result<Vec<Decision>, Undone> {
        self.twice(|| {
            let traces = TraceBatch::new(traces.clone());
            async move |guest: &mut Instance| guest.sample(traces).await
        })
        .await
    }

    /// Has a guest answer a request.
    pub(super) async fn handle(&self, request: Incoming) -> Result<Outgoing, Undone> {
        let mut lease = self.lease(Place::Any).await;
        let slot = &mut lease.instance;
        self.ready(slot).await.map_err(|error| Undone::holding(error, Vec::new()))?;
        match self.attempt(slot, async |guest| guest.handle(request).await).await {
            Ok((answer, passed)) => {
                self.later(Outcome::of(passed));
                Ok(answer)
            }
            Err(mut undone) => {
                let mut outcome = Outcome::default();
                self.feed(slot, std::mem::take(&mut undone.batches.held), &mut outcome).await;
                self.later(outcome);
                Err(undone)
            }
        }
    }

    /// Leaves what came of a call that nobody waits for to who tends the guests.
    fn later(&self, outcome: Outcome) {
        if !outcome.is_empty() {
            self.late.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(outcome);
            self.wakes.notify_one();
        }
    }

    /// One call that is repeated on a fresh instance if it fails by accident.
    async fn twice<T, C>(&self, call: impl Fn() -> C) -> Result<T, Undone>
    where
        C: AsyncFnOnce(&mut Instance) -> Result<T, Undone>,
    {
        let mut lease = self.lease(Place::Any).await;
        let slot = &mut lease.instance;
        let not_started = |error| Undone::holding(error, Vec::new());
        self.ready(slot).await.map_err(not_started)?;
        match self.attempt(slot, call()).await {
            Err(undone) if undone.error.kind.is_accident() => {
                self.replaying(&undone.error);
                self.ready(slot).await.map_err(not_started)?;
                self.attempt(slot, call()).await
            }
            outcome => outcome,
        }
    }

    /// Replaces the guests whose time has come and who have a state to hand over, wakes those that asked for it, and says
    /// when the next wants to be.
    pub(super) async fn tend(&self) -> (Vec<Outcome>, Option<Instant>) {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let (mut outcomes, mut next) = (late, None);
        for slot in &self.slots {
            let mut slot = slot.lock().await;
            outcomes.extend(self.hand_over(&mut slot).await);
            let wake_at = slot.as_ref().and_then(Instance::wake_at);
            if wake_at.is_some_and(|at| at <= Instant::now()) {
                outcomes.push(match self.attempt(&mut slot, async |guest| guest.wake().await).await {
                    Ok(passed) => Outcome::of(passed),
                    Err(undone) => self.replay(&mut slot, undone).await,
                });
            }
            let wake_at = slot.as_ref().and_then(Instance::wake_at);
            next = [next, wake_at].into_iter().flatten().min();
        }
        (outcomes, next)
    }

    /// Asks every guest for what it still holds; none is used afterwards.
    pub(super) async fn flush(&self) -> Vec<Outcome> {
        let mut outcomes =
            std::mem::take(&mut *self.late.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        for slot in &self.slots {
            self.flush_slot(&mut *slot.lock().await, &mut outcomes).await;
        }
        outcomes
    }

    async fn flush_slot(&self, slot: &mut Option<Instance>, outcomes: &mut Vec<Outcome>) {
        // Once more for the fresh instance that an accident leaves with what was held.
        for _ in 0..2 {
            if slot.is_none() {
                break;
            }
            match self.attempt(slot, async |guest| guest.flush().await).await {
                Ok(passed) => {
                    outcomes.push(Outcome::of(passed));
                    break;
                }
                Err(undone) => outcomes.push(self.replay(slot, undone).await),
            }
        }
        let kept = slot.take().map(Instance::dissolve).unwrap_or_default();
        if !kept.is_empty() {
            let error = CallError::new(CallErrorKind::WrongAnswer, "it kept batches when it was flushed");
            let lost = Some(Undone::holding(error, kept));
            outcomes.push(Outcome { lost, ..Outcome::default() });
        }
    }

    /// Whether the plugin is to be called at all: while it keeps failing it is not. To be kept until the call has been
    /// [noted](Pool::note).
    pub(super) fn admit(&self) -> Option<Admission<'_>> {
        self.breaker.admit()
    }

    /// Tells breaker and log how a batch fared.
    pub(super) fn note(&self, error: Option<&CallError>) {
        let (component, plugin) = (self.component.as_str(), self.plugin.name.as_str());
        // One that would not have a batch works: other senders' may be welcome.
        let accident = error.filter(|error| error.kind.is_accident());
        match accident.map_or_else(|| self.breaker.succeeded(), |_| self.breaker.failed()) {
            Turn::None => {}
            Turn::Opened { wait } => {
                self.metrics.breaker_open.set(1.0);
                tracing::error!(
                    component,
                    plugin,
                    ?wait,
                    "the plugin keeps failing and is left alone for a while"
                );
            }
            Turn::Closed => {
                self.metrics.breaker_open.set(0.0);
                tracing::info!(component, plugin, "the plugin works again");
            }
        }
    }

    async fn lease(&self, place: Place) -> Lease<'_> {
        let (permit, idle) = match place {
            Place::Slot(_) => (None, None),
            Place::Any => (self.free.acquire().await.ok(), Some(IdleSlot::of(&self.idle))),
        };
        let slot = match (&idle, place) {
            (Some(idle), _) => idle.slot,
            (None, Place::Slot(slot)) => slot % self.slots.len(),
            (None, Place::Any) => 0,
        };
        #[expect(clippy::indexing_slicing, reason = "there is a slot at least, and `slot` is one of them")]
        let instance = self.slots[slot].lock().await;
        Lease { instance, _idle: idle, _permit: permit }
    }

    /// Sees to it that there is an instance in the slot.
    async fn ready(&self, slot: &mut Option<Instance>) -> Result<(), CallError> {
        if slot.is_none() {
            let guest = self.start().await;
            if let Err(error) = &guest {
                self.metrics.count(error);
            }
            *slot = Some(guest?);
        }
        Ok(())
    }

    /// One call with the slot's instance, which must be [ready](Pool::ready). An instance whose call failed by accident is
    /// dropped.
    async fn attempt<T>(
        &self,
        slot: &mut Option<Instance>,
        call: impl AsyncFnOnce(&mut Instance) -> Result<T, Undone>,
    ) -> Result<T, Undone> {
        let Some(mut guest) = slot.take() else {
            return Err(Undone::holding(CallError::new(CallErrorKind::Start, "it is not there"), Vec::new()));
        };
        let wake_at = guest.wake_at();
        let outcome = call(&mut guest).await;
        self.metrics.busy(guest.take_busy());
        self.metrics.forgotten(guest.take_items_forgotten());
        match &outcome {
            Ok(_) => self.metrics.succeeded(),
            Err(undone) => self.metrics.count(&undone.error),
        }
        if !outcome.as_ref().is_err_and(|undone| undone.error.kind.is_accident()) {
            if guest.wake_at() != wake_at {
                self.wakes.notify_one();
            }
            self.keep(slot, guest);
        }
        outcome
    }

    /// Puts the guest back, unless its time has come. One that has something to hand over stays until it is tended to.
    fn keep(&self, slot: &mut Option<Instance>, guest: Instance) {
        match self.is_due(&guest, guest.idle_since) {
            Some(why) if guest.is_empty() && !guest.hands_over() => self.metrics.recycled(why),
            due => {
                if due.is_some() && guest.hands_over() {
                    self.wakes.notify_one();
                }
                *slot = Some(guest);
            }
        }
    }

    fn is_due(&self, guest: &Instance, now: Instant) -> Option<&'static str> {
        let limits = &self.shared.limits;
        if guest.calls >= limits.max_calls {
            Some("calls")
        } else if now.saturating_duration_since(guest.born) >= limits.max_age {
            Some("age")
        } else {
            (guest.memory_used_bytes() >= limits.recycle_memory_bytes).then_some("memory")
        }
    }

    /// Puts a new instance with the state of the old one in its place, if its time has come.
    async fn hand_over(&self, slot: &mut Option<Instance>) -> Option<Outcome> {
        let why = slot
            .as_ref()
            .filter(|guest| guest.hands_over())
            .and_then(|guest| self.is_due(guest, Instant::now()))?;
        let fresh = match self.start().await {
            Ok(fresh) => fresh,
            Err(error) => {
                self.metrics.report(&self.plugin, &error, "the old instance stays");
                return None;
            }
        };
        let old = slot.replace(fresh)?;
        self.metrics.recycled(why);
        let mut outcome = Outcome::default();
        let restored = match old.save().await {
            Ok((state, batches, passed)) => {
                outcome.passed.append(passed);
                self.attempt(slot, async |fresh| fresh.restore(state, batches).await).await
            }
            Err(undone) => Err(undone),
        };
        match restored {
            Ok(passed) => outcome.passed.append(passed),
            Err(Undone { error, batches, .. }) => {
                self.metrics.report(&self.plugin, &error, "its batches are processed anew");
                let mut held = batches.held;
                held.extend(batches.own);
                self.feed(slot, held, &mut outcome).await;
            }
        }
        Some(outcome)
    }

    async fn start(&self) -> Result<Instance, CallError> {
        let mut guest = Instance::start(&self.plugin.exports, &self.shared).await?;
        match guest.configure(self.role, &self.config).await? {
            Ok(()) => {
                // It may have asked to be woken already.
                if guest.wake_at().is_some() {
                    self.wakes.notify_one();
                }
                Ok(guest)
            }
            Err(refusal) => Err(CallError::new(
                CallErrorKind::Start,
                format!("it refuses its config: {}: {}", refusal.path, refusal.message),
            )),
        }
    }
}

impl IdleSlot<'_> {
    /// There is one for each permit of the semaphore.
    fn of(idle: &Mutex<Vec<usize>>) -> IdleSlot<'_> {
        let slot = idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop().unwrap_or_default();
        IdleSlot { idle, slot }
    }
}

impl Drop for IdleSlot<'_> {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(self.slot);
    }
}
