//! Runs a new version on copies of batches. Its output is compared with the running version's output, and
//! discarded.

mod difference;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Outcome, Place, Pool};
use crate::{pipeline::Batch, plugin::guest::interface::SamplingDecision};

/// The maximum number of copies that are processed at one time. Further copies are skipped, so that a slow
/// shadow delays nothing.
const AT_A_TIME: usize = 4;

/// The new version, and the comparison of its outcomes.
pub(in crate::plugin) struct Shadow {
    pool: Arc<Pool>,
    room: Arc<Semaphore>,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    same: AtomicU64,
    different: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
    first_difference: Mutex<Option<String>>,
}

/// The counts at one moment, in batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub same: u64,
    pub different: u64,
    /// Batches on which the new version failed.
    pub failed: u64,
    /// Batches that were skipped because the new version was busy.
    pub skipped: u64,
    pub first_difference: Option<String>,
}

/// The copy of one batch, until the running version has processed that batch.
pub(in crate::plugin) struct Copies {
    shadow: Arc<Shadow>,
    batch: wire::Batch,
    room: OwnedSemaphorePermit,
}

impl Shadow {
    pub(in crate::plugin) fn new(pool: Arc<Pool>) -> Arc<Shadow> {
        let room = Arc::new(Semaphore::new(AT_A_TIME));
        Arc::new(Shadow { pool, room, tally: Tally::default() })
    }

    pub(super) fn comparison(&self) -> Comparison {
        let first_difference =
            self.tally.first_difference.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        Comparison {
            same: self.tally.same.load(Relaxed),
            different: self.tally.different.load(Relaxed),
            failed: self.tally.failed.load(Relaxed),
            skipped: self.tally.skipped.load(Relaxed),
            first_difference,
        }
    }

    pub(in crate::plugin) fn copy(self: &Arc<Shadow>, batch: &wire::Batch) -> Option<Copies> {
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            self.tally.skipped.fetch_add(1, Relaxed);
            return None;
        };
        Some(Copies { shadow: self.clone(), batch: batch.clone(), room })
    }

    /// Counts a comparison. `None` means that the outcomes are the same.
    fn note(&self, difference: Option<String>) {
        let Some(difference) = difference else {
            self.tally.same.fetch_add(1, Relaxed);
            return;
        };
        self.tally.different.fetch_add(1, Relaxed);
        let mut first = self.tally.first_difference.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if first.is_none() {
            tracing::info!(
                plugin = self.pool.metrics.plugin(),
                "the version on copies differs: {difference}"
            );
            *first = Some(difference);
        }
    }

    fn failed(&self, error: &crate::plugin::guest::failure::CallError) {
        self.tally.failed.fetch_add(1, Relaxed);
        self.pool.metrics.report(&self.pool.plugin(), error, "nothing is lost: it runs on copies");
    }
}

impl Copies {
    /// Compares what the shadow passes on with what the running version passed on. This is done on a separate
    /// task, which nobody waits for.
    pub(in crate::plugin) fn compare(self, place: Place, outcome: &Outcome) {
        let expected: Vec<wire::Batch> =
            outcome.passed.onward.iter().map(|batch| batch.data.clone()).collect();
        tokio::spawn(async move {
            let Copies { shadow, batch, room } = self;
            let outcome = shadow.pool.process(place, Box::new(Batch::owed_to_nobody(batch))).await;
            match outcome.error() {
                Some(error) => shadow.failed(error),
                None => {
                    let found: Vec<&wire::Batch> =
                        outcome.passed.onward.iter().map(|batch| &batch.data).collect();
                    shadow.note(difference::of_batches(&expected.iter().collect::<Vec<_>>(), &found));
                }
            }
            drop(room);
        });
    }

    /// Compares the shadow's decisions with the running version's.
    pub(in crate::plugin) fn compare_decisions(
        self,
        place: Place,
        traces: Arc<wire::Traces>,
        expected: Vec<SamplingDecision>,
    ) {
        tokio::spawn(async move {
            let Copies { shadow, room, .. } = self;
            match shadow.pool.sample(place, &traces).await {
                Ok(found) => shadow.note(difference::of_decisions(&expected, &found.each)),
                Err(undone) => shadow.failed(&undone.error),
            }
            drop(room);
        });
    }
}
