//! The sampler behind an assembly: it is asked about traces, and its decisions are remembered.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hashbrown::HashSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    decisions::{Decision, Decisions},
    metrics::DecisionMetrics,
    offer::offer,
    recording::RecordReason,
    relief::Relief,
    shard::{MAX_BATCH_BYTES, TraceId},
};
use crate::{
    pipeline::{Batch, Consumer, Refused},
    receipt::{Failure, Reason, ledger::Account},
};

/// Asks the sampler. What it passes on goes to [`Behind`], so a trace that comes there is kept, and the others of
/// the same call are not. This holds for every sampler, canary and `on_failure` alike.
pub(super) struct Deciding {
    sampler: OnceLock<Arc<dyn Consumer>>,
    pub(super) behind: Arc<Behind>,
    pub(super) decisions: Arc<Decisions>,
    pub(super) relief: Relief,
    pub(super) metrics: DecisionMetrics,
}

/// The stage behind the sampler.
pub(super) struct Behind {
    pub(super) next: Arc<dyn Consumer>,
    /// The traces that came here by calls of the sampler that are under way.
    kept: Mutex<HashSet<TraceId>>,
    given_up: CancellationToken,
    /// Where late spans are marked as such.
    record_reason: Mutex<Option<RecordReason>>,
}

impl Deciding {
    /// `given_up` is cancelled when the time to pass batches on is up.
    pub(super) fn new(
        next: Arc<dyn Consumer>,
        decisions: Arc<Decisions>,
        relief: Relief,
        metrics: DecisionMetrics,
        given_up: CancellationToken,
    ) -> Deciding {
        let behind =
            Arc::new(Behind { next, kept: Mutex::default(), given_up, record_reason: Mutex::default() });
        Deciding { sampler: OnceLock::new(), behind, decisions, relief, metrics }
    }

    pub(super) fn lead_to(&self, sampler: Arc<dyn Consumer>) {
        // It is called once.
        let _ = self.sampler.set(sampler);
    }

    /// Asks the sampler about traces whose spans are in `batch`, and remembers the decisions. If it refuses the
    /// batch, no decision was made.
    pub(super) async fn decide(&self, batch: Batch, traces: &[TraceId]) -> Result<(), Box<Refused>> {
        let Some(sampler) = self.sampler.get() else {
            return Err(batch.refused(Failure::permanent(Reason::Rejected, "there is no sampler")));
        };
        let begun = Instant::now();
        let consumed = offer(&**sampler, batch, &self.behind.given_up).await;
        self.metrics.latency_ms.record(begun.elapsed().as_millis() as f64);
        let kept: Vec<bool> = {
            let mut kept = self.behind.kept();
            traces.iter().map(|id| kept.remove(id)).collect()
        };
        let is_decided = consumed.is_ok() && !self.behind.given_up.is_cancelled();
        for (id, is_kept) in std::iter::zip(traces, kept) {
            match is_kept {
                true => self.note(id, Decision::Kept),
                false if is_decided => self.note(id, Decision::NotSampled),
                false => {}
            }
        }
        consumed
    }

    fn note(&self, id: &TraceId, decision: Decision) {
        self.decisions.note(id, decision);
        self.count(decision);
    }

    fn count(&self, decision: Decision) {
        match decision {
            Decision::Kept | Decision::KeptAsShare(_) => self.metrics.kept.increment(1),
            Decision::NotSampled => self.metrics.not_sampled.increment(1),
        }
    }

    /// Counts a decision that was made without the sampler.
    pub(super) fn count_at_once(&self, decision: Decision) {
        self.count(decision);
        self.relief.count(decision);
    }
}

impl Behind {
    pub(super) fn record(&self, place: Option<RecordReason>) {
        *self.record_reason.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// Marks spans that came after the decision to keep their trace, if the config asks for it.
    pub(super) fn marked_late(&self, mut batch: Batch) -> Batch {
        let place = *self.record_reason.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = place {
            place.mark_late(&mut batch.data);
        }
        batch
    }

    fn kept(&self) -> MutexGuard<'_, HashSet<TraceId>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on spans of kept traces, in batches that a destination may take. If `next` does not take them, they are
    /// dropped.
    pub(super) async fn pass_on(&self, batch: Batch) {
        let parts = batch.data.encoded_len().div_ceil(MAX_BATCH_BYTES).max(1);
        let parts = match parts {
            1 => vec![batch],
            _ => {
                let max_items = batch.items().div_ceil(parts).max(1);
                batch.split_items(max_items)
            }
        };
        for part in parts {
            if let Err(refused) = offer(&*self.next, part, &self.given_up).await {
                refused.batch.dropped(&refused.failure);
            }
        }
    }
}

#[async_trait::async_trait]
impl Consumer for Behind {
    /// Never refuses: a refused batch would go back to the sampler, which would decide again.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if let wire::Batch::Spans(spans) = &batch.data {
            let mut kept = self.kept();
            let ids = spans.frames().trace_ids();
            for run in ids.chunk_by(|one, next| one == next) {
                kept.extend(run.first().copied());
            }
        }
        self.pass_on(batch).await;
        Ok(())
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.next.accounts()
    }
}
