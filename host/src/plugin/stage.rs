//! The common parts of processors and samplers: passing batches on, and treating batches whose call failed.

mod call;
pub(super) mod connector;
mod counted;
pub(super) mod exporter;
pub(super) mod processor;
mod reasons;
pub(super) mod receiver;
pub(super) mod sampler;

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{
    config::OnFailure,
    guest::{
        custody::{Passed, TakenBack},
        failure::{CallError, CallErrorKind},
        instance::Undone,
    },
    pool::{Outcome, Pool, tending::Settle},
};
use crate::{
    pipeline::{Batch, Consumer, Refused},
    receipt::{Failure, Reason, Retry},
    telemetry::ProcessorMetrics,
};

/// A plugin in the path of a batch.
pub(super) struct Stage {
    pub(super) pool: Arc<Pool>,
    pub(super) next: Arc<dyn Consumer>,
    pub(super) metrics: ProcessorMetrics,
}

impl Stage {
    pub(super) fn new(pool: Arc<Pool>, next: Arc<dyn Consumer>, metrics: ProcessorMetrics) -> Stage {
        Stage { pool, next, metrics }
    }

    /// Gives the next stage a batch that has been through the plugin.
    pub(super) fn pass_on(&self, batch: Batch) -> BoxFuture<'_, Result<(), Box<Refused>>> {
        self.metrics.outgoing(&batch.data);
        self.next.consume(batch)
    }

    /// Passes on the output of a call. If the next stage would take none of it, all of it is returned, with
    /// the items that the plugin removed.
    pub(super) async fn hand_on(&self, mut passed: Passed) -> Result<(), Box<Refused>> {
        if let Some(mut batch) = passed.take_single() {
            self.adopt(&mut batch);
            return self.pass_on(batch).await;
        }
        // Boxed, so that the future of a call with one batch stays small.
        Box::pin(self.hand_on_all(passed)).await
    }

    async fn hand_on_all(&self, passed: Passed) -> Result<(), Box<Refused>> {
        let mut refused = Vec::new();
        let mut taken = passed.onward.is_empty();
        for mut batch in passed.onward {
            self.adopt(&mut batch);
            match self.pass_on(batch).await {
                Ok(()) => taken = true,
                Err(back) => refused.push(*back),
            }
        }
        let (filtered, sampled_out) = (passed.filtered, passed.sampled_out);
        if taken {
            filtered.into_iter().for_each(Batch::filtered);
            sampled_out.into_iter().for_each(Batch::sampled_out);
            refused.into_iter().for_each(drop_refused);
            return Ok(());
        }
        let mut refused = refused.into_iter();
        let Some(Refused { mut batch, mut failure }) = refused.next() else { return Ok(()) };
        for other in refused {
            batch.join(other.batch);
            if !failure.is_retryable() {
                failure = other.failure;
            }
        }
        filtered.into_iter().chain(sampled_out).for_each(|part| batch.join(part));
        Err(batch.refused(failure))
    }

    /// Enters a batch into the accounts behind this stage, if the plugin made it itself.
    fn adopt(&self, batch: &mut Batch) {
        if batch.is_owed_to_nobody()
            && let Some(accounts) = self.next.accounts()
        {
            batch.adopt(&accounts);
        }
    }

    /// Applies `on_failure` to the batch of a failed call. `has_sender` says whether the batch can still be
    /// given back to its sender.
    pub(super) async fn fall_back(&self, undone: Undone, has_sender: bool) -> Result<(), Box<Refused>> {
        let Undone { error, retry_after, batches: TakenBack { mut own, mut held } } = undone;
        let metrics = &self.pool.metrics;
        let on_failure = self.pool.on_failure();
        let consequence = match on_failure {
            OnFailure::Reject if !has_sender => "what it held is dropped",
            OnFailure::Reject => "the batch is rejected",
            OnFailure::Pass => "the batch goes on as it came",
            OnFailure::Drop => "the batch is dropped",
        };
        metrics.report(&self.pool.plugin(), &error, consequence);
        let failure = failure(&error, retry_after);
        let senders = if has_sender { own.pop() } else { None };
        held.append(&mut own);
        for batch in held {
            if on_failure != OnFailure::Pass {
                batch.dropped(&failure);
            } else if let Err(back) = self.pass_on(batch).await {
                drop_refused(*back);
            }
        }
        let Some(batch) = senders else { return Ok(()) };
        match on_failure {
            OnFailure::Reject => return Err(batch.refused(failure)),
            OnFailure::Pass => return self.pass_on(batch).await,
            OnFailure::Drop => batch.dropped(&failure),
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Settle for Stage {
    /// There is no sender to give items back to.
    async fn settle(&self, outcomes: Vec<Outcome>) {
        for Outcome { passed, undone, lost } in outcomes {
            if let Err(back) = self.hand_on(passed).await {
                drop_refused(*back);
            }
            for undone in [lost, undone].into_iter().flatten() {
                if let Err(back) = self.fall_back(*undone, false).await {
                    drop_refused(*back);
                }
            }
        }
    }
}

/// Returns the failure that the sender is told.
pub(super) fn failure(error: &CallError, retry_after: Option<std::time::Duration>) -> Failure {
    let message = error.to_string();
    match error.kind {
        CallErrorKind::Failed { retryable: false } => Failure::permanent(Reason::PluginFailed, message),
        _ => {
            Failure { retry: Retry::After(retry_after), ..Failure::retryable(Reason::PluginFailed, message) }
        }
    }
}

fn drop_refused(Refused { batch, failure }: Refused) {
    batch.dropped(&failure);
}
