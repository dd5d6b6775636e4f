//! A version that is not the one that runs, beside it: a canary has a share of the calls, a shadow has copies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Pool, Trial};
use crate::plugin::pool::{
    generation::Generation,
    probation::Probation,
    shadow::{Comparison, Copies, Shadow},
    tending::{self, Settle},
};

/// Calls that went to a canary are waited for so often, so long at a time: ten seconds.
const EMPTYING_LIMIT: usize = 1000;
const EMPTYING_PAUSE: Duration = Duration::from_millis(10);

/// A pool of its own.
pub(super) struct Candidate {
    pool: Arc<Pool>,
    part: Part,
    /// Of who tends its guests.
    stop: CancellationToken,
}

enum Part {
    Canary {
        /// Of the batches, or of the traces, 0 to 1.
        share: f64,
        batches: AtomicU64,
    },
    Shadow(Arc<Shadow>),
}

impl Pool {
    /// A canary, if the batch that comes now is one of those that it has a share of: of the batches, or of the traces in each.
    pub(super) fn next_canary(&self, by_trace: bool) -> Option<Arc<Candidate>> {
        if !self.has_candidate.load(Relaxed) {
            return None;
        }
        let candidate = self.candidate.load_full()?;
        candidate.is_next(by_trace).then_some(candidate)
    }

    /// For a batch that is about to be given to the version that runs: what the shadow makes of it is compared with what that one
    /// does.
    pub(in crate::plugin) fn copies(&self, batch: &wire::Batch) -> Option<Copies> {
        if !self.has_candidate.load(Relaxed) {
            return None;
        }
        match &self.candidate.load().as_ref()?.part {
            Part::Canary { .. } => None,
            Part::Shadow(shadow) => shadow.copy(batch),
        }
    }

    /// Gives a new generation a share of the calls.
    pub(super) fn set_canary(
        &self,
        next: Generation,
        share: f64,
        probation: Arc<Probation>,
        settle: Arc<dyn Settle>,
    ) {
        let trial = Trial { number: next.number, previous: self.current.load_full(), probation };
        let pool = self.beside(next);
        pool.trial.store(Some(Arc::new(trial)));
        let stop = CancellationToken::new();
        tokio::spawn(tending::tend(pool.clone(), settle, stop.clone()));
        let part = Part::Canary { share, batches: AtomicU64::new(0) };
        self.set_candidate(Candidate { pool, part, stop });
    }

    /// Gives a new generation copies.
    pub(super) fn set_shadow(&self, next: Generation) {
        let pool = self.beside(next);
        let part = Part::Shadow(Shadow::new(pool.clone()));
        self.set_candidate(Candidate { pool, part, stop: CancellationToken::new() });
    }

    /// How what the shadow makes of its copies compares; none if there is no shadow.
    pub(super) fn comparison(&self) -> Option<Comparison> {
        match &self.candidate.load().as_ref()?.part {
            Part::Canary { .. } => None,
            Part::Shadow(shadow) => Some(shadow.comparison()),
        }
    }

    /// Whether a canary has a share of the calls.
    pub(super) fn has_canary(&self) -> bool {
        matches!(self.candidate.load().as_deref(), Some(Candidate { part: Part::Canary { .. }, .. }))
    }

    /// Ends the candidate; what it holds goes on. Returns its generation.
    pub(super) async fn end_candidate(&self, settle: &dyn Settle) -> Option<Arc<Generation>> {
        self.has_candidate.store(false, Relaxed);
        let candidate = self.candidate.swap(None)?;
        candidate.stop.cancel();
        let generation = candidate.pool.current.load_full();
        if let Part::Canary { .. } = candidate.part {
            empty(&candidate, settle).await;
        }
        Some(generation)
    }

    fn set_candidate(&self, candidate: Candidate) {
        self.candidate.store(Some(Arc::new(candidate)));
        self.has_candidate.store(true, Relaxed);
    }

    fn beside(&self, next: Generation) -> Arc<Pool> {
        let (telemetry, plugin) = (self.metrics.telemetry(), self.metrics.plugin());
        let metrics = super::PluginMetrics::new(telemetry, &self.component, plugin);
        Arc::new(Pool::new(&self.component, self.role, next, metrics))
    }
}

/// Passes on what a canary's guests hold, until no call can come any more.
async fn empty(candidate: &Arc<Candidate>, settle: &dyn Settle) {
    for _ in 0..EMPTYING_LIMIT {
        // Each batch that goes there holds the candidate until its calls have ended.
        let is_last = Arc::strong_count(candidate) == 1;
        let outcomes = candidate.pool.flush().await;
        settle.settle(outcomes).await;
        if is_last {
            return;
        }
        tokio::time::sleep(EMPTYING_PAUSE).await;
    }
    let component = &candidate.pool.component;
    tracing::warn!(component, "calls to a canary that has ended are still under way");
}

impl Candidate {
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What a canary is given, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        match &self.part {
            Part::Canary { share, .. } => *share,
            Part::Shadow(_) => 0.0,
        }
    }

    /// Whether it is given something of the next batch. Where whole batches are shared out, it has its share of every so many
    /// in a row.
    fn is_next(&self, by_trace: bool) -> bool {
        match &self.part {
            Part::Canary { .. } if by_trace => true,
            Part::Canary { share, batches } => {
                let before = batches.fetch_add(1, Relaxed) as f64;
                ((before + 1.0) * share).floor() > (before * share).floor()
            }
            Part::Shadow(_) => false,
        }
    }
}
