//! Delivers one batch to one destination: attempts, waits between attempts, and splits a batch that is too
//! large.

mod limits;
mod parts;

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{backoff::Backoff, closed, metrics::SendingMetrics};
use crate::{
    component::{ExportError, Exported, Exporter, FailedPart, SendingSettings},
    log_line::throttle::Throttle,
    pipeline::{Batch, Refused},
    receipt::{Failure, Reason, Retry},
};

pub(super) struct Delivery {
    exporter_id: String,
    exporter: Arc<dyn Exporter>,
    settings: SendingSettings,
    pub(super) metrics: SendingMetrics,
    stop: CancellationToken,
    retries: Throttle,
    returns: Throttle,
    warnings: Throttle,
    overflows: Throttle,
}

impl Delivery {
    pub(super) fn new(
        exporter_id: &str,
        exporter: Arc<dyn Exporter>,
        settings: &SendingSettings,
        metrics: SendingMetrics,
        stop: CancellationToken,
    ) -> Delivery {
        Delivery {
            exporter_id: exporter_id.to_owned(),
            exporter,
            settings: settings.clone(),
            metrics,
            stop,
            retries: Throttle::default(),
            returns: Throttle::default(),
            warnings: Throttle::default(),
            overflows: Throttle::default(),
        }
    }

    /// Sends the batch until the destination has accepted it or no further attempt makes sense. Delivered
    /// items are settled, and the rest is returned with the failure.
    pub(super) async fn deliver(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let _in_flight = self.metrics.sends(&batch.data);
        let mut failed: Option<Box<Refused>> = None;
        let backoff = self.settings.retry.as_ref().map(Backoff::new);
        // The parts that are still to be sent: requests within the destination's limits, halves of a batch that was
        // too large, or the part of a batch that failed.
        let within = self.within_limits(batch).into_iter().rev();
        let mut parts: Vec<_> = within.map(|part| (part, backoff)).collect();
        while let Some((mut part, mut backoff)) = parts.pop() {
            let failure = match self.send(&part, &mut backoff).await {
                Ok(exported) => {
                    self.settle(part, &exported);
                    continue;
                }
                Err(Unsent::Parts(failures)) => {
                    let again = self.settle_partly(part, failures, &mut backoff).await;
                    parts.extend(again.map(|part| (part, backoff)));
                    continue;
                }
                Err(Unsent::Whole(failure)) => failure,
            };
            if failure.reason == Reason::TooLarge
                && let Some(rest) = halve(&mut part)
            {
                parts.extend([(rest, backoff), (part, backoff)]);
                continue;
            }
            self.send_failed(&part, &failure);
            match &mut failed {
                Some(failed) => {
                    failed.batch.merge(part);
                    if failure.outweighs(&failed.failure) {
                        failed.failure = failure;
                    }
                }
                None => failed = Some(part.refused(failure)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Attempts to send, with waits between, until an attempt succeeds or no further attempt makes sense.
    async fn send(&self, batch: &Batch, backoff: &mut Option<Backoff<'_>>) -> Result<Exported, Unsent> {
        loop {
            let again = match self.attempt(&batch.data).await.map_err(Unsent::Whole)? {
                Ok(exported) => return Ok(exported),
                Err(ExportError::Partly(parts)) => return Err(Unsent::Parts(parts)),
                Err(ExportError::Permanent { message, code }) => {
                    return Err(Unsent::Whole(Failure::permanent(Reason::Rejected, message).with_code(code)));
                }
                Err(ExportError::TooLarge { message, code }) => {
                    return Err(Unsent::Whole(Failure::permanent(Reason::TooLarge, message).with_code(code)));
                }
                Err(ExportError::Retryable { message, code, after }) => Failure {
                    retry: Retry::After(after),
                    ..Failure::retryable(Reason::RetriesExhausted, message).with_code(code)
                },
            };
            self.wait(batch.items(), again, backoff).await.map_err(Unsent::Whole)?;
        }
    }

    /// Waits before the next attempt. If there must be no further attempt, this returns the failure of the last
    /// one, or that of a shutdown.
    async fn wait(
        &self,
        items: usize,
        failure: Failure,
        backoff: &mut Option<Backoff<'_>>,
    ) -> Result<(), Failure> {
        let after = match failure.retry {
            Retry::After(after) => after,
            Retry::Never => return Err(failure),
        };
        let Some(wait) = backoff.as_mut().and_then(|backoff| backoff.next(after)) else {
            return Err(failure);
        };
        self.log_retry(items, &failure.message, wait);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(closed()),
            () = sleep(wait) => Ok(()),
        }
    }

    /// Makes one attempt. Fails only if a shutdown ends the attempt.
    async fn attempt(&self, data: &wire::Batch) -> Result<Result<Exported, ExportError>, Failure> {
        let export = self.exporter.export(data);
        let outcome = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(closed()),
            outcome = within(self.settings.timeout, export) => outcome,
        };
        match outcome.as_ref().err().and_then(|error| error.of_all(data.items())) {
            Some(message) => self.metrics.health.failed(message),
            None => self.metrics.health.succeeded(),
        }
        Ok(outcome)
    }

    fn settle(&self, batch: Batch, exported: &Exported) {
        let rejected = exported.rejected.min(batch.items());
        self.metrics.sent.increment((batch.items() - rejected) as u64);
        if rejected == 0 && exported.message.is_empty() {
            return batch.delivered();
        }
        let failure = Failure::permanent(Reason::PartiallyRejected, exported.message.clone());
        if rejected > 0 {
            self.metrics.send_failed(rejected, &failure);
        } else if let Some(withheld) = self.warnings.admit() {
            let (exporter, message) = (&self.exporter_id, &exported.message);
            tracing::warn!(exporter, withheld, "the destination took a request with a warning: {message}");
        }
        batch.partly_delivered(rejected, &failure);
    }

    /// Counts items that could not be sent. The items need not be lost: without a queue they go back to their
    /// sender.
    fn send_failed(&self, batch: &Batch, failure: &Failure) {
        self.metrics.send_failed(batch.items(), failure);
    }

    /// Logs that a batch goes back to its sender.
    pub(super) fn given_back(&self, refused: &Refused) {
        if let Some(withheld) = self.returns.admit() {
            let Refused { batch, failure } = refused;
            let (exporter, reason) = (&self.exporter_id, failure.reason.as_str());
            let (items, advice) = (batch.items(), failure.reason.advice());
            tracing::warn!(
                exporter,
                items,
                reason,
                withheld,
                "not delivered, and given back: {failure}{advice}"
            );
        }
    }

    pub(super) fn enqueue_failed(&self, batch: &Batch, failure: &Failure) {
        let items = batch.items();
        self.metrics.enqueue_failed.increment(items as u64);
        if let Some(withheld) = self.overflows.admit() {
            let (exporter, reason) = (&self.exporter_id, failure.reason.as_str());
            let advice = failure.reason.advice();
            tracing::warn!(exporter, items, reason, withheld, "not queued: {failure}{advice}");
        }
    }

    fn log_retry(&self, items: usize, message: &str, wait: Duration) {
        if let Some(withheld) = self.retries.admit() {
            let exporter = &self.exporter_id;
            tracing::warn!(exporter, items, ?wait, withheld, "could not send, will try again: {message}");
        }
    }
}

/// A request up to this size is always halved, because sending it again costs little.
const SMALL_BYTES: usize = 64 << 10;

/// Keeps the first half of the items and returns the second. Returns `None` for a single item, and if both
/// halves are nearly as large as the whole. In that case the resource is too large, and more halving would
/// only send it once for each item.
fn halve(batch: &mut Batch) -> Option<Batch> {
    let much = batch.data.encoded_len() / 8 * 7;
    let rest = batch.cut(batch.items() / 2)?;
    if much > SMALL_BYTES && batch.data.encoded_len() > much && rest.data.encoded_len() > much {
        batch.merge(rest);
        return None;
    }
    Some(rest)
}

/// The part of a batch that an attempt did not deliver.
enum Unsent {
    Whole(Failure),
    Parts(Vec<FailedPart>),
}

async fn within(
    limit: Option<Duration>,
    export: impl Future<Output = Result<Exported, ExportError>>,
) -> Result<Exported, ExportError> {
    let Some(limit) = limit else { return export.await };
    timeout(limit, export).await.unwrap_or_else(|_| {
        let limit = humantime::format_duration(limit);
        Err(ExportError::retryable(format!("no answer within {limit} (`timeout`)")))
    })
}
