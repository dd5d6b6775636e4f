//! The guests of one component of one pipeline: which guest takes a call, when a guest is replaced, and what
//! happens when a call fails.
//!
//! A pool is made of [`Slots`] (which call uses which guest), a [`Succession`] (which version runs),
//! [`Beside`] (a canary or a shadow), and a [`Breaker`]. The path of a batch through a pool begins at
//! [`Pool::route`].

pub(super) mod breaker;
mod candidate;
pub(super) mod generation;
mod guests;
pub(super) mod handler;
pub(super) mod live;
mod made_up;
mod meter;
pub(super) mod metrics;
pub(super) mod probation;
mod receive;
mod replay;
mod route;
pub(super) mod see_through;
pub(super) mod settings;
pub(super) mod shadow;
mod slots;
mod succession;
pub(super) mod tending;
mod upkeep;

use std::sync::{Arc, Mutex, OnceLock, Weak};

use arc_swap::Guard;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use wire::Traces;

pub(super) use replay::Outcome;
pub(super) use route::{Answers, Lane, Shown};
pub use slots::GuestUsage;
pub(super) use slots::Place;

use candidate::Beside;
use slots::{Lease, Slot, Slots};
use succession::Succession;

use self::{
    breaker::{Breaker, Suspicion, Turn},
    generation::Generation,
    handler::Handler,
    meter::Meter,
    metrics::PluginMetrics,
    tending::Settle,
};
use super::{
    config::OnFailure,
    guest::{
        failure::{CallError, CallErrorKind},
        instance::{Instance, Undone},
        interface::{Decisions, ExportFailure, Incoming, Outgoing},
        plugin::Plugin,
        traces::TraceBatch,
    },
    load::{card::Role, description::Concurrency},
};
use crate::{log_line::throttle::Throttle, pipeline::Batch, sampling::recording::Recording};

/// The guests of one component of one pipeline.
pub(super) struct Pool {
    pub(super) component: String,
    role: Role,
    /// The concurrency, which is the same in every generation.
    pub(super) concurrency: Concurrency,
    succession: Succession,
    beside: Beside,
    /// Receives the outcomes of calls that no sender waits for.
    pub(super) settle: OnceLock<Weak<dyn Settle>>,
    /// The listener, if the plugin answers HTTP.
    pub(super) handler: tokio::sync::Mutex<Option<Handler>>,
    slots: Slots,
    pub(super) breaker: Arc<Breaker>,
    /// Limits how often the log says what an examination found.
    examinations: Throttle,
    pub(super) metrics: PluginMetrics,
    /// Outcomes of calls that no sender waits for, until they are settled.
    late: Mutex<Vec<Outcome>>,
    /// Measures the traces that a sampler is shown.
    incoming: Meter,
    /// Notified when [`Pool::tend`] has something to do: a guest has asked to be woken, or is to be replaced.
    pub(super) wakes: Notify,
}

impl Pool {
    pub(super) fn new(component: &str, role: Role, first: Generation, metrics: PluginMetrics) -> Pool {
        let slots = Slots::new(first.instances());
        let concurrency = first.plugin.description.concurrency;
        Pool {
            component: component.to_owned(),
            role,
            concurrency,
            succession: Succession::new(first),
            beside: Beside::default(),
            settle: OnceLock::new(),
            handler: tokio::sync::Mutex::default(),
            slots,
            breaker: Arc::default(),
            examinations: Throttle::default(),
            metrics,
            late: Mutex::default(),
            incoming: Meter::default(),
            wakes: Notify::new(),
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Returns the generation that runs now. Called once for each batch.
    pub(super) fn current(&self) -> Guard<Arc<Generation>> {
        self.succession.current()
    }

    /// Does the same as [`Pool::current`], for a value that is kept longer.
    pub(super) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current())
    }

    pub(super) fn on_failure(&self) -> OnFailure {
        self.current().settings.on_failure
    }

    pub(super) fn recording(&self) -> Option<Arc<Recording>> {
        self.current().settings.recording.clone()
    }

    pub(super) fn plugin(&self) -> Arc<Plugin> {
        self.current().plugin.clone()
    }

    /// Returns what the guests use now, without guests that are in a call.
    pub(super) fn usage(&self) -> GuestUsage {
        self.slots.usage()
    }

    /// Starts one instance, so that a config that the plugin refuses is found before any batch arrives.
    pub(super) async fn warm_up(&self) -> Result<(), CallError> {
        let mut slot = self.slots.lease(Place::Slot(0)).await;
        let generation = self.generation();
        *slot = Some(self.resident(&generation).await?);
        Ok(())
    }

    /// Gives a guest a batch. If the call fails by accident, the batch and all that the guest held go to a
    /// fresh guest, once.
    pub(super) async fn process(&self, place: Place, batch: Box<Batch>) -> Outcome {
        let mut slot = self.slots.lease(place).await;
        match self.give(&mut slot, batch).await {
            Ok(passed) => Outcome::of(passed),
            // Boxed, so that the future of a call that succeeds stays small.
            Err(undone) => Box::pin(self.replay(&mut slot, undone)).await,
        }
    }

    /// Shows a guest a batch to send. `given_up` ends the wait for a slot; a call that has begun continues.
    pub(super) async fn export(
        &self,
        place: Place,
        data: &wire::Batch,
        given_up: &CancellationToken,
    ) -> Result<Result<(), ExportFailure>, Undone> {
        let slot = self.lease_unless(given_up, place).await?;
        self.twice(slot, data.items(), || async |guest: &mut Instance| guest.export(data).await).await
    }

    /// Asks a guest to decide on traces.
    pub(super) async fn sample(&self, place: Place, traces: &Arc<Traces>) -> Result<Decisions, Undone> {
        let spans = traces.span_counts().map(|spans| spans as usize).sum();
        let incoming = self.incoming.add(traces.len(), spans);
        self.twice(self.slots.lease(place).await, spans, || {
            let traces = TraceBatch::new(traces.clone(), incoming);
            async move |guest: &mut Instance| guest.sample(traces).await
        })
        .await
    }

    /// Lets a guest answer an HTTP request. `given_up` ends the wait for a slot; a call that has begun
    /// continues.
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

    /// Makes a call, and repeats it on a fresh instance if it fails by accident.
    async fn twice<T, C>(&self, mut slot: Lease<'_>, items: usize, call: impl Fn() -> C) -> Result<T, Undone>
    where
        C: AsyncFnOnce(&mut Instance) -> Result<T, Undone>,
    {
        let slot = &mut slot;
        let not_started = |error| Undone::holding(error, Vec::new());
        self.ready(slot).await.map_err(not_started)?;
        let mut outcome = self.attempt(slot, items, call()).await;
        // The call is repeated on a fresh instance. If a version on trial fails again, it is repeated on an
        // instance of the previous version.
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

    /// Reports the outcomes of a batch's calls to the breaker and the log. Returns a suspicion, which the caller
    /// [examines](Pool::examine).
    fn note(&self, error: Option<&CallError>) -> Option<Suspicion<'_>> {
        // If the plugin itself refuses a batch, it is not broken, and may accept the batches of other
        // senders.
        let turn = match error.filter(|error| error.kind.is_accident()) {
            None => self.breaker.succeeded(),
            Some(_) => self.breaker.failed(),
        };
        match turn {
            Turn::None => None,
            Turn::Closed => {
                self.works_again();
                None
            }
            Turn::Suspected(suspicion) => Some(suspicion),
        }
    }

    /// Examines the plugin with made-up data after several batches in a row have failed, because all of them
    /// may be from one sender.
    async fn examine(&self, suspicion: Suspicion<'_>) {
        let (component, plugin) = (self.component.as_str(), self.metrics.plugin());
        let generation = self.generation();
        let Err(error) = made_up::try_on(&generation).await else {
            if suspicion.dismiss() {
                self.works_again();
            }
            if let Some(withheld) = self.examinations.admit() {
                tracing::warn!(
                    component,
                    plugin,
                    withheld,
                    "the plugin has failed on several batches in a row, but works on made-up data: the batches are at fault"
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
                "the plugin keeps failing, also on made-up data, and is not called for a while: {error}"
            );
        }
    }

    fn works_again(&self) {
        let (component, plugin) = (self.component.as_str(), self.metrics.plugin());
        self.metrics.breaker_open.set(0.0);
        tracing::info!(component, plugin, "the plugin works again");
    }

    /// Leases a slot, unless the caller gives up before its turn comes.
    async fn lease_unless(&self, given_up: &CancellationToken, place: Place) -> Result<Lease<'_>, Undone> {
        given_up.run_until_cancelled(self.slots.lease(place)).await.ok_or_else(|| {
            let error = CallError::new(CallErrorKind::Failed { retryable: true }, "given up before its turn");
            Undone::holding(error, Vec::new())
        })
    }

    /// Calls the slot's instance, which must be [ready](Pool::ready), and records how the call ended. An
    /// instance whose call failed by accident is dropped.
    async fn attempt<T>(
        &self,
        slot: &mut Slot,
        items: usize,
        call: impl AsyncFnOnce(&mut Instance) -> Result<T, Undone>,
    ) -> Result<T, Undone> {
        let Some(mut resident) = slot.take() else {
            return Err(Undone::holding(
                CallError::new(CallErrorKind::Start, "the slot has no instance"),
                Vec::new(),
            ));
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
