//! A second version beside the running one: a canary gets a share of the calls, a shadow gets copies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio_util::sync::CancellationToken;

use super::Pool;
use crate::plugin::pool::{
    generation::Generation,
    probation::Probation,
    shadow::{Comparison, Copies, Shadow},
    tending::{self, Settle},
};

/// How often, and how long each time, a canary that ends waits for its last calls: ten seconds in total.
const EMPTYING_LIMIT: usize = 1000;
const EMPTYING_PAUSE: Duration = Duration::from_millis(10);

/// Holds at most one candidate beside the running version. Without a candidate, a batch costs one atomic
/// load.
#[derive(Default)]
pub(super) struct Beside {
    candidate: ArcSwapOption<Candidate>,
    is_taken: AtomicBool,
}

/// A canary or a shadow. It has a pool of its own.
pub(super) struct Candidate {
    pool: Arc<Pool>,
    part: Part,
    /// Stops the task that tends the candidate's guests.
    stop: CancellationToken,
}

enum Part {
    Canary {
        /// The canary's share of the batches or of the traces, from 0 to 1.
        share: f64,
        batches: AtomicU64,
    },
    Shadow(Arc<Shadow>),
}

impl Beside {
    fn get(&self) -> Option<Arc<Candidate>> {
        if self.is_taken.load(Relaxed) { self.candidate.load_full() } else { None }
    }

    fn put(&self, candidate: Candidate) {
        self.candidate.store(Some(Arc::new(candidate)));
        self.is_taken.store(true, Relaxed);
    }

    fn take(&self) -> Option<Arc<Candidate>> {
        self.is_taken.store(false, Relaxed);
        self.candidate.swap(None)
    }

    /// Returns the canary if it gets the next batch, or some traces of that batch.
    pub(super) fn next_canary(&self, by_trace: bool) -> Option<Arc<Candidate>> {
        self.get().filter(|candidate| candidate.is_next(by_trace))
    }
}

impl Pool {
    /// Copies a batch for the shadow, if there is one, before the running version gets the batch. The
    /// outcomes of both versions are compared.
    pub(in crate::plugin) fn copies(&self, batch: &wire::Batch) -> Option<Copies> {
        match &self.beside.get()?.part {
            Part::Canary { .. } => None,
            Part::Shadow(shadow) => shadow.copy(batch),
        }
    }

    /// Makes a new generation the canary.
    pub(super) fn set_canary(
        &self,
        next: Generation,
        share: f64,
        probation: Arc<Probation>,
        settle: Arc<dyn Settle>,
    ) {
        let pool = self.pool_of(next, Some(probation));
        let stop = CancellationToken::new();
        tokio::spawn(tending::tend(pool.clone(), settle, stop.clone()));
        let part = Part::Canary { share, batches: AtomicU64::new(0) };
        self.beside.put(Candidate { pool, part, stop });
    }

    /// Makes a new generation the shadow.
    pub(super) fn set_shadow(&self, next: Generation) {
        let pool = self.pool_of(next, None);
        let part = Part::Shadow(Shadow::new(pool.clone()));
        self.beside.put(Candidate { pool, part, stop: CancellationToken::new() });
    }

    /// Returns how the shadow's outcomes compare with those of the running version, or `None` without a
    /// shadow.
    pub(super) fn comparison(&self) -> Option<Comparison> {
        match &self.beside.get()?.part {
            Part::Canary { .. } => None,
            Part::Shadow(shadow) => Some(shadow.comparison()),
        }
    }

    /// Returns whether the candidate is a canary.
    pub(super) fn has_canary(&self) -> bool {
        matches!(self.beside.get().as_deref(), Some(Candidate { part: Part::Canary { .. }, .. }))
    }

    /// Ends the candidate, and returns its generation. First passes on what a canary's guests hold.
    pub(super) async fn end_candidate(&self, settle: &dyn Settle) -> Option<Arc<Generation>> {
        let candidate = self.beside.take()?;
        candidate.stop.cancel();
        let generation = candidate.pool.generation();
        if let Part::Canary { .. } = candidate.part {
            empty(&candidate, settle).await;
        }
        Some(generation)
    }

    /// Makes a pool of the same component for another generation. With a probation, that generation is on
    /// trial.
    fn pool_of(&self, next: Generation, probation: Option<Arc<Probation>>) -> Arc<Pool> {
        let (telemetry, plugin) = (self.metrics.telemetry(), self.metrics.plugin());
        let metrics = super::PluginMetrics::new(telemetry, &self.component, plugin);
        let mut pool = Pool::new(&self.component, self.role, next, metrics);
        if let Some(probation) = probation {
            pool.succession.put_on_trial(self.generation(), probation);
        }
        Arc::new(pool)
    }
}

/// Flushes a canary's guests until no call can reach them any more.
async fn empty(candidate: &Arc<Candidate>, settle: &dyn Settle) {
    for _ in 0..EMPTYING_LIMIT {
        // The route of a batch holds the candidate until the calls of the batch have ended.
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

    /// Returns a canary's share, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        match &self.part {
            Part::Canary { share, .. } => *share,
            Part::Shadow(_) => 0.0,
        }
    }

    /// Returns whether the canary gets the next batch, or a part of it. If the canary gets whole batches,
    /// they are spread evenly according to its share.
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
