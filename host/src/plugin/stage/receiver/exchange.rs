//! The way of requests through a guest, and of its telemetry into the pipelines.

use std::sync::{Arc, OnceLock};

use futures::future::join_all;
use smallvec::smallvec;
use tokio::time::Instant;
use wire::Signal;

use crate::{
    pipeline::{
        Ingest, Metadata,
        ingest::{Acknowledge, Door},
    },
    plugin::{
        guest::{
            custody::Passed,
            failure::{CallError, CallErrorKind},
            instance::Undone,
            interface::{Answer, Reply, Request, Taken},
        },
        load::description::Concurrency,
        pool::{Lane, Outcome, Pool, breaker::left_alone, see_through::see_through, tending::Settle},
    },
    receipt::Code,
    receiver::http::{Cause, Detail, Doors, Refusal},
    server::request_body::Held,
};

/// The transport of telemetry that the plugin passes on without a request.
const NO_TRANSPORT: &str = "plugin";

/// The calls of one receiver.
pub(super) struct Exchange {
    pool: Arc<Pool>,
    /// The doors for what the plugin passes on without a request. Set at the first start.
    doors: OnceLock<[Door; 3]>,
}

impl Exchange {
    pub(super) fn new(pool: Arc<Pool>) -> Exchange {
        Exchange { pool, doors: OnceLock::new() }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Every start of a receiver is given the same ingest.
    pub(super) fn lead_to(&self, ingest: &Ingest) {
        let door = |signal| ingest.door(signal, NO_TRANSPORT, Acknowledge::Accepted);
        self.doors.get_or_init(|| Signal::ALL.map(door));
    }

    /// Gives a guest one request, and returns its reply. `held` is what the request holds, and holds the reply's
    /// batches in the end.
    pub(super) async fn ask_one(
        self: &Arc<Exchange>,
        request: Request,
        held: &Arc<Held>,
        until: Instant,
    ) -> Result<Reply<wire::Batch>, Refusal> {
        let body_bytes = request.body.len();
        // The guest has a copy of the body.
        held.more_in_turn(body_bytes, until).await?;
        let replies = self.ask([request].into()).await?;
        let Some(reply) = replies.into_iter().next() else {
            return Err(internal("the plugin did not answer"));
        };
        if let Reply::Taken(taken) = &reply {
            // From here on, the batches are all that the request holds.
            let batch_bytes = taken.batches.iter().map(wire::Batch::weight_bytes).sum::<usize>();
            held.less(body_bytes.saturating_mul(2).saturating_sub(batch_bytes));
            held.more_in_turn(batch_bytes.saturating_sub(held.bytes()), until).await?;
        }
        Ok(reply)
    }

    /// Gives a guest requests, and returns its replies in their order.
    ///
    /// # Errors
    /// The plugin failed, also on a fresh guest. The refusal is the answer to all of the requests.
    pub(super) async fn ask(
        self: &Arc<Exchange>,
        requests: Arc<[Request]>,
    ) -> Result<Vec<Reply<wire::Batch>>, Refusal> {
        // Cancelling the call would lose a guest that others depend on.
        if self.pool.concurrency == Concurrency::Stateless {
            return self.ask_with_sender(&requests).await;
        }
        let owned = self.clone();
        let call = Box::pin(async move { owned.ask_with_sender(&requests).await });
        let asked = see_through(&self.pool.component, call).await;
        asked.unwrap_or_else(|| Err(internal("the plugin could not answer")))
    }

    async fn ask_with_sender(&self, requests: &Arc<[Request]>) -> Result<Vec<Reply<wire::Batch>>, Refusal> {
        let Some(route) = self.pool.route() else {
            return Err(Refusal::no_room(left_alone()));
        };
        let call =
            async |lane: Lane<'_>, requests: Arc<[Request]>| lane.pool.receive(lane.place, &requests).await;
        let parts = smallvec![(route.whole(), requests.clone())];
        let answer = route.call(parts, call, error_of).await.pop();
        let Some(answer) = answer else { return Err(internal("the plugin could not answer")) };
        answer.map_err(|undone| self.refusal(&undone))
    }

    /// Enters a request's batches into the pipelines, and returns the answer to the request once they are
    /// acknowledged.
    ///
    /// # Errors
    /// No pipeline takes any of the batches, or a pipeline has refused one, and the plugin has no answer for it.
    pub(super) async fn enter(
        &self,
        taken: Taken<wire::Batch>,
        doors: &Doors,
        metadata: Option<&Arc<Metadata>>,
    ) -> Result<Answer, Refusal> {
        let Taken { batches, answer, refused } = taken;
        let (mut calls, mut closed) = (Vec::new(), None);
        for batch in batches.into_iter().filter(|batch| !batch.is_empty()) {
            self.check_signal(batch.signal())?;
            match doors.open_for(batch.signal()) {
                Ok(door) => {
                    door.check_items(batch.items())?;
                    calls.push(door.submit(batch, metadata.cloned()));
                }
                Err(refusal) => closed = Some(refusal),
            }
        }
        if calls.is_empty() {
            return closed.map_or(Ok(answer), Err);
        }
        let refusals = join_all(calls).await.into_iter().filter_map(Result::err);
        let refusal = refusals.reduce(|one, other| if one.is_retryable() { one } else { other });
        match (refusal, refused) {
            (None, _) => Ok(answer),
            (Some(refusal), Some(refused)) if refusal.is_retryable() => Ok(refused),
            (Some(refusal), _) => Err(refusal),
        }
    }

    /// Refuses a batch of a signal that the plugin does not say that it emits.
    pub(super) fn check_signal(&self, signal: Signal) -> Result<(), Refusal> {
        let plugin = self.pool.plugin();
        if plugin.emits.contains(&signal) {
            return Ok(());
        }
        let wrong = format!("it returned {signal}, which it does not say that it emits");
        let error = CallError::new(CallErrorKind::WrongAnswer, wrong);
        self.pool.metrics.report(&plugin, &error, "the request is refused");
        Err(internal(&error.to_string()))
    }

    /// Returns the answer to requests on which the plugin failed.
    fn refusal(&self, Undone { error, retry_after, .. }: &Undone) -> Refusal {
        self.pool.metrics.report(&self.pool.plugin(), error, "the requests are refused");
        match error.kind {
            CallErrorKind::Failed { retryable: true } => {
                let mut refusal = Refusal::no_room(error);
                refusal.detail = retry_after.map(Detail::Retry).or(refusal.detail);
                refusal
            }
            _ => internal(&error.to_string()),
        }
    }
}

fn error_of(answer: &Result<Vec<Reply<wire::Batch>>, Undone>) -> Option<&CallError> {
    answer.as_ref().err().map(|undone| &undone.error)
}

/// The plugin's messages are for operators, and are in the log too.
fn internal(message: &str) -> Refusal {
    Refusal::new(Cause::NotTaken { code: Code::Internal, retryable: false }, message)
}

#[async_trait::async_trait]
impl Settle for Exchange {
    async fn settle(&self, outcomes: Vec<Outcome>) {
        for Outcome { passed: Passed { onward, .. }, undone, lost } in outcomes {
            for batch in onward {
                let data = batch.into_data();
                let door = self.doors.get().and_then(|doors| doors.get(data.signal() as usize));
                if let Some(door) = door
                    && self.check_signal(data.signal()).is_ok()
                {
                    door.bring(data).await;
                }
            }
            for undone in [lost, undone].into_iter().flatten() {
                self.pool.metrics.report(&self.pool.plugin(), &undone.error, "what it held is lost");
            }
        }
    }
}
