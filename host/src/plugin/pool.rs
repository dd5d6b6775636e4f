//! The instances of one component: which takes what, when one is replaced, and what becomes of a call that fails.

pub(super) mod breaker;
mod candidate;
pub(super) mod generation;
mod handler;
pub(super) mod live;
mod made_up;
pub(super) mod metrics;
pub(super) mod probation;
mod replay;
mod route;
pub(super) mod see_through;
pub(super) mod settings;
pub(super) mod shadow;
mod succession;
pub(super) mod tending;
mod upkeep;

use std::sync::{
    Arc, Mutex, OnceLock, Weak,
    atomic::{AtomicBool, AtomicU64},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures::future::select_all;
use tokio::sync::{MutexGuard, Notify};
use tokio_util::sync::CancellationToken;

use wire::Traces;

use candidate::Candidate;
pub(super) use replay::Outcome;
pub(super) use route::{Lane, Route};
use succession::Trial;

use self::{
    breaker::{Breaker, Suspicion, Turn},
    generation::Generation,
    handler::Handler,
    metrics::PluginMetrics,
    tending::Settle,
};
use super::{
    config::OnFailure,
    guest::{
        bindings::exported::{
            exporting::ExportError,
            http_handler::{Incoming, Outgoing},
            sampling::Decision,
        },
        failure::{CallError, CallErrorKind},
        imports::traces::TraceBatch,
        instance::{Instance, Undone},
        plugin::Plugin,
    },
    load::{card::Role, description::Concurrency},
};
use crate::{log_line::throttle::Throttle, pipeline::Batch};

/// One component's instances, each in a slot that one call at a time uses.
pub(super) struct Pool {
    pub(super) component: String,
    role: Role,
    /// The same in every generation.
    pub(super) concurrency: Concurrency,
    /// What runs: a call whose slot has an instance of another generation replaces that one first.
    current: ArcSwap<Generation>,
    /// That one's number, for a look at no cost.
    number: AtomicU64,
    /// How many generations were made.
    made: AtomicU64,
    /// What ran before, and while the current one is on trial takes what it fails on.
    trial: ArcSwapOption<Trial>,
    /// What runs beside it.
    candidate: ArcSwapOption<Candidate>,
    has_candidate: AtomicBool,
    /// Who takes what came of calls that nobody waits for.
    pub(super) settle: OnceLock<Weak<dyn Settle>>,
    /// What answers HTTP for it, if anything does.
    pub(super) handler: tokio::sync::Mutex<Option<Handler>>,
    slots: Box<[tokio::sync::Mutex<Slot>]>,
    breaker: Arc<Breaker>,
    /// Of lines that say what an examination found.
    examinations: Throttle,
    pub(super) metrics: PluginMetrics,
    /// What came of calls that nobody waits for.
    late: Mutex<Vec<Outcome>>,
    /// Told when there is something to [tend](Pool::tend) to: a guest has asked to be woken, or is to be replaced.
    pub(super) wakes: Notify,
}

type Slot = Option<Resident>;

/// An instance, and what it was made of.
struct Resident {
    instance: Instance,
    generation: Arc<Generation>,
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

impl Pool {
    pub(super) fn new(component: &str, role: Role, first: Generation, metrics: PluginMetrics) -> Pool {
        let instances = first.instances().max(1);
        Pool {
            component: component.to_owned(),
            role,
            concurrency: first.plugin.description.concurrency,
            number: AtomicU64::new(first.number),
            made: AtomicU64::new(first.number),
            current: ArcSwap::from_pointee(first),
            trial: ArcSwapOption::empty(),
            candidate: ArcSwapOption::empty(),
            has_candidate: AtomicBool::new(false),
            settle: OnceLock::new(),
            handler: tokio::sync::Mutex::default(),
            slots: (0..instances).map(|_| tokio::sync::Mutex::new(None)).collect(),
            breaker: Arc::default(),
            examinations: Throttle::default(),
            metrics,
            late: Mutex::default(),
            wakes: Notify::new(),
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// What runs now. A batch asks once.
    pub(super) fn current(&self) -> arc_swap::Guard<Arc<Generation>> {
        self.current.load()
    }

    pub(super) fn on_failure(&self) -> OnFailure {
        self.current.load().settings.on_failure
    }

    pub(super) fn plugin(&self) -> Arc<Plugin> {
        self.current.load().plugin.clone()
    }

    /// At this moment; of the guests that are in a call nothing is known.
    pub(super) fn usage(&self) -> GuestUsage {
        let idle = self.slots.iter().filter_map(|slot| slot.try_lock().ok());
        idle.fold(GuestUsage::default(), |usage, slot| match &*slot {
            None => usage,
            Some(guest) => GuestUsage {
                instances: usage.instances + 1,
                memory_bytes: usage.memory_bytes + guest.instance.memory_used_bytes(),
            },
        })
    }

    /// Makes one instance, so that a config which the plugin refuses is known before any batch comes.
    pub(super) async fn warm_up(&self) -> Result<(), CallError> {
        let mut slot = self.lease(Place::Slot(0)).await;
        let generation = self.current.load_full();
        *slot = Some(self.resident(&generation).await?);
        Ok(())
    }

    /// Gives a guest a batch. If the call fails by accident, all that the guest held goes to a fresh one, once.
    pub(super) async fn process(&self, place: Place, batch: Batch) -> Outcome {
        let mut slot = self.lease(place).await;
        match self.give(&mut slot, batch).await {
            Ok(passed) => Outcome::of(passed),
            // In a box: the future of a call that goes well is moved often, and had better be small.
            Err(undone) => Box::pin(self.replay(&mut slot, undone)).await,
        }
    }

    /// Shows a guest a batch, to send it. Once a guest is free the call is made, `given_up` or not.
    pub(super) async fn export(
        &self,
        place: Place,
        data: &wire::Batch,
        given_up: &CancellationToken,
    ) -> Result<Result<(), ExportError>, Undone> {
        let slot = self.lease_unless(given_up, place).await?;
        self.twice(slot, data.items(), || {
            let data = data.clone();
            async move |guest: &mut Instance| guest.export(data).await
        })
        .await
    }

    /// Asks a guest to decide on traces.
    pub(super) async fn sample(&self, place: Place, traces: &Arc<Traces>) -> Result<Vec<Decision>, Undone> {
        let spans = traces.span_counts().map(|spans| spans as usize).sum();
        self.twice(self.lease(place).await, spans, || {
            let traces = TraceBatch::new(traces.clone());
            async move |guest: &mut Instance| guest.sample(traces).await
        })
        .await
    }

    /// Has a guest answer a request. Once a guest is free the call is made, `given_up` or not.
    pub(super) async fn handle(
        &self,
        place: Place,
        request: Incoming,
        given_up: &CancellationToken,
    ) -> Result<Outgoing, Undone> {
        let slot = &mut self.lease_unless(given_up, place).await?;
        self.ready(slot).await.map_err(|error| Undone::holding(error, Vec::new()))?;
        match self.attempt(slot, 0, async |guest| guest.handle(request).await).await {
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

    /// One call that is repeated on a fresh instance if it fails by accident.
    async fn twice<T, C>(
        &self,
        mut slot: MutexGuard<'_, Slot>,
        items: usize,
        call: impl Fn() -> C,
    ) -> Result<T, Undone>
    where
        C: AsyncFnOnce(&mut Instance) -> Result<T, Undone>,
    {
        let slot = &mut slot;
        let not_started = |error| Undone::holding(error, Vec::new());
        self.ready(slot).await.map_err(not_started)?;
        let mut outcome = self.attempt(slot, items, call()).await;
        // Once on a fresh instance; and if its version is on trial and fails again, on one of the version before.
        for may_repeat in [true, false] {
            match &outcome {
                Err(undone) if undone.error.kind.is_accident() => {
                    if !(may_repeat || self.reject(&undone.error)) {
                        break;
                    }
                    self.replaying(&undone.error);
                }
                _ => break,
            }
            self.ready(slot).await.map_err(not_started)?;
            outcome = self.attempt(slot, items, call()).await;
        }
        outcome
    }

    /// Tells breaker and log how a batch fared.
    async fn note(&self, error: Option<&CallError>) {
        // One that would not have a batch works: other senders' may be welcome.
        let turn = match error.filter(|error| error.kind.is_accident()) {
            None => self.breaker.succeeded(),
            Some(_) => self.breaker.failed(),
        };
        match turn {
            Turn::None => {}
            Turn::Closed => self.works_again(),
            Turn::Suspected(suspicion) => Box::pin(self.examine(suspicion)).await,
        }
    }

    /// Many batches in a row have failed, which may be all of one sender: made-up data tells whether the plugin fails on any.
    async fn examine(&self, suspicion: Suspicion<'_>) {
        let (component, plugin) = (self.component.as_str(), self.metrics.plugin());
        let generation = self.current.load_full();
        let Err(error) = made_up::try_on(&generation).await else {
            if suspicion.dismiss() {
                self.works_again();
            }
            if let Some(withheld) = self.examinations.admit() {
                tracing::warn!(
                    component,
                    plugin,
                    withheld,
                    "the plugin has failed on batches in a row, and works on made-up data: what is wrong is in the batches"
                );
            }
            return;
        };
        if let Some(wait) = suspicion.confirm() {
            self.metrics.breaker_open.set(1.0);
            tracing::error!(
                component,
                plugin,
                ?wait,
                "the plugin keeps failing, on made-up data too, and is left alone for a while: {error}"
            );
        }
    }

    fn works_again(&self) {
        let (component, plugin) = (self.component.as_str(), self.metrics.plugin());
        self.metrics.breaker_open.set(0.0);
        tracing::info!(component, plugin, "the plugin works again");
    }

    /// A slot, for one call. Of those that are free the first, which is the warmest; where none is, who came first gets the next:
    /// a lock that is waited for goes to who waits, and never to who comes by.
    async fn lease(&self, place: Place) -> MutexGuard<'_, Slot> {
        let slots = self.slots_of(place);
        match slots.iter().find_map(|slot| slot.try_lock().ok()) {
            Some(slot) => slot,
            None => select_all(slots.iter().map(|slot| Box::pin(slot.lock()))).await.0,
        }
    }

    /// The same for a call that nobody may want any more when its turn comes.
    async fn lease_unless(
        &self,
        given_up: &CancellationToken,
        place: Place,
    ) -> Result<MutexGuard<'_, Slot>, Undone> {
        given_up.run_until_cancelled(self.lease(place)).await.ok_or_else(|| {
            let error = CallError::new(CallErrorKind::Failed { retryable: true }, "given up before its turn");
            Undone::holding(error, Vec::new())
        })
    }

    /// One at least.
    fn slots_of(&self, place: Place) -> &[tokio::sync::Mutex<Slot>] {
        let slot = match place {
            Place::Any => None,
            Place::Slot(number) => number.checked_rem(self.slots.len()),
        };
        slot.and_then(|slot| self.slots.get(slot..=slot)).unwrap_or(&self.slots)
    }

    /// One call with the slot's instance, which must be [ready](Pool::ready). An instance whose call failed by accident is
    /// dropped.
    async fn attempt<T>(
        &self,
        slot: &mut Slot,
        items: usize,
        call: impl AsyncFnOnce(&mut Instance) -> Result<T, Undone>,
    ) -> Result<T, Undone> {
        let Some(mut resident) = slot.take() else {
            return Err(Undone::holding(CallError::new(CallErrorKind::Start, "it is not there"), Vec::new()));
        };
        let guest = &mut resident.instance;
        let wake_at = guest.wake_at();
        let outcome = call(guest).await;
        let busy = guest.take_busy();
        self.metrics.busy(busy);
        self.metrics.forgotten(guest.take_items_forgotten());
        match &outcome {
            Ok(_) => {
                self.metrics.succeeded();
                resident.generation.record.succeeded(items, busy);
            }
            Err(undone) => self.failed(&resident.generation, &undone.error, busy),
        }
        if !outcome.as_ref().is_err_and(|undone| undone.error.kind.is_accident()) {
            if resident.instance.wake_at() != wake_at {
                self.wakes.notify_one();
            }
            self.keep(slot, resident);
        }
        outcome
    }
}
