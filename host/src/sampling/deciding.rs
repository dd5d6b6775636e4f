//! The sampler behind an assembly: it is asked about traces, and its decisions are remembered.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hashbrown::{HashMap, HashSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::SpanBatch;

use super::{
    decisions::{By, Decision, Decisions},
    metrics::DecisionMetrics,
    offer::offer,
    recording::RecordReason,
    relief::Relief,
    shard::{MAX_BATCH_BYTES, TraceId},
};
use crate::{
    pipeline::{
        Batch, Consumer, Refused,
        kept::{KeptAt, write_rates},
    },
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
    /// What is known of the traces that the sampler is asked about.
    asked: Mutex<Asked>,
    /// Cancelled when the time to pass batches on is up.
    pub(super) given_up: CancellationToken,
    /// Where late spans are marked as such.
    record_reason: Mutex<Option<RecordReason>>,
}

#[derive(Default)]
struct Asked {
    /// The traces that came behind the sampler.
    kept: HashSet<TraceId>,
    /// The rates that their spans say.
    rates: HashMap<TraceId, KeptAt>,
}

impl Deciding {
    pub(super) fn new(
        next: Arc<dyn Consumer>,
        decisions: Arc<Decisions>,
        relief: Relief,
        metrics: DecisionMetrics,
    ) -> Deciding {
        let behind = Arc::new(Behind {
            next,
            asked: Mutex::default(),
            given_up: CancellationToken::new(),
            record_reason: Mutex::default(),
        });
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
        let kept: Vec<Option<Decision>> = {
            let mut asked = self.behind.asked();
            let mut kept = |id: &TraceId| {
                let rate = asked.rates.remove(id);
                asked.kept.remove(id).then(|| rate.map_or(Decision::Kept, Decision::KeptAt))
            };
            traces.iter().map(&mut kept).collect()
        };
        let is_decided = consumed.is_ok() && !self.behind.given_up.is_cancelled();
        for (id, kept) in std::iter::zip(traces, kept) {
            match kept {
                Some(decision) => self.note(id, decision),
                None if is_decided => self.note(id, Decision::NotSampled),
                None => {}
            }
        }
        consumed
    }

    fn note(&self, id: &TraceId, decision: Decision) {
        self.decisions.note(id, decision, By::Sampler);
        self.count(decision);
    }

    fn count(&self, decision: Decision) {
        match decision {
            Decision::Kept | Decision::KeptAt(_) => self.metrics.kept.increment(1),
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

    /// Writes into spans of kept traces that were not held with the rest what the rest says: the rate; and why they are
    /// kept, if the config asks for it. `known` returns of a row who decided, and the rate.
    pub(super) fn complete(&self, spans: &mut SpanBatch, known: impl Fn(usize) -> (By, Option<KeptAt>)) {
        let rows = 0..spans.items();
        if rows.clone().any(|row| known(row).1.is_some()) {
            write_rates(spans, rows.map(|row| known(row).1));
        }
        let place = *self.record_reason.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = place {
            place.mark(spans, |row| match known(row) {
                (By::Relief, rate) => Some(rate.map_or(1.0, |kept| kept.rate)),
                (By::Sampler, _) => None,
            });
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
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
            let mut asked = self.asked();
            let ids = spans.frames().trace_ids();
            for run in ids.chunk_by(|one, next| one == next) {
                asked.kept.extend(run.first().copied());
            }
        }
        self.pass_on(batch).await;
        Ok(())
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.next.accounts()
    }

    fn learn_rates(&self, traces: &[(TraceId, KeptAt)]) {
        self.asked().rates.extend(traces.iter().copied());
    }
}
