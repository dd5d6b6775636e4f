//! The traces of one processor, in shards, and the tasks that let them go.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hashbrown::DefaultHashBuilder;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::SpanBatch;

use super::{
    budget::{Budget, Taken},
    metrics::AssemblyMetrics,
    shard::{Leaves, Millis, ORIGIN_OVERHEAD_BYTES, Released, SPAN_OVERHEAD_BYTES, Shard},
};
use crate::{
    cpu::{self, Work},
    pipeline::{Batch, Consumer, Refused, batch::Owed},
    receipt::{Failure, Reason},
};

/// How long a sender waits for room before its batch is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long traces that are due wait for the next stage to take them, if it refuses them for now.
const RETRY_FOR: Duration = Duration::from_secs(5);
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// Batches of more spans than this are copied away from the threads that serve.
const INLINE_SPANS: usize = 10_000;
/// Traces that become due within this time of one another leave together.
const TICK: Duration = Duration::from_millis(10);

/// What may be changed while traces are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) wait: Duration,
    pub(super) max_traces: usize,
    pub(super) max_bytes: usize,
}

/// Holds spans by trace. A trace leaves for `next` when its first span has been held for `wait`, or earlier if
/// there is no room for others.
pub(super) struct Assembly {
    shards: Vec<Worker>,
    budget: Arc<Budget>,
    wait_millis: AtomicU64,
    /// The most traces of a shard.
    max_traces: AtomicUsize,
    /// Keyed, so that a sender cannot choose traces that all go to one shard.
    hasher: DefaultHashBuilder,
    started: Instant,
    next: Arc<dyn Consumer>,
    metrics: AssemblyMetrics,
    /// All traces are to leave.
    stop: CancellationToken,
    /// The time to leave is up.
    given_up: CancellationToken,
    tasks: TaskTracker,
}

struct Worker {
    shard: Mutex<Shard>,
    /// Wakes the shard's task: for a first trace, or for room.
    wake: Notify,
}

impl Assembly {
    /// Starts a task for each shard. [`shutdown`](Self::shutdown) ends them.
    pub(super) fn start(
        settings: Settings,
        shards: usize,
        next: Arc<dyn Consumer>,
        metrics: AssemblyMetrics,
    ) -> Arc<Assembly> {
        let worker = || Worker { shard: Mutex::default(), wake: Notify::new() };
        let assembly = Arc::new(Assembly {
            shards: std::iter::repeat_with(worker).take(shards.max(1)).collect(),
            budget: Arc::new(Budget::new(0)),
            wait_millis: AtomicU64::new(0),
            max_traces: AtomicUsize::new(0),
            hasher: DefaultHashBuilder::default(),
            started: Instant::now(),
            next,
            metrics,
            stop: CancellationToken::new(),
            given_up: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        assembly.set(settings);
        for at in 0..assembly.shards.len() {
            let assembly = assembly.clone();
            assembly.tasks.clone().spawn(async move { assembly.let_go(at).await });
        }
        assembly.tasks.close();
        assembly
    }

    /// Changes the settings. Traces that are held obey them too.
    pub(super) fn set(&self, settings: Settings) {
        let Settings { wait, max_traces, max_bytes } = settings;
        self.wait_millis.store(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), Relaxed);
        self.max_traces.store(max_traces.div_ceil(self.shards.len()).max(1), Relaxed);
        self.metrics.traces_limit.set(max_traces as f64);
        self.budget.set_limit(max_bytes);
        self.wake_all();
    }

    /// Takes over a batch of spans, or refuses it if there is no room in time.
    pub(super) async fn add(self: &Arc<Self>, batch: Batch) -> Result<(), Box<Refused>> {
        let of_origins = batch.items().min(self.shards.len()) * ORIGIN_OVERHEAD_BYTES;
        let bytes = batch.data.encoded_len() + batch.items() * SPAN_OVERHEAD_BYTES + of_origins;
        let limit_bytes = self.budget.limit_bytes();
        if bytes > limit_bytes {
            let message =
                format!("a request of {bytes} bytes is larger than all that may be held (`max_mib`)");
            return Err(batch.refused(Failure::permanent(Reason::TooLarge, message)));
        }
        let Some(taken) = Budget::take(&self.budget, bytes, PATIENCE, || self.wake_all()).await else {
            let message =
                format!("{} MiB of traces are held, and no more may be (`max_mib`)", limit_bytes >> 20);
            return Err(batch.refused(Failure::retryable(Reason::QueueFull, message)));
        };
        match batch.take_apart() {
            (wire::Batch::Spans(spans), owed) if spans.items() <= INLINE_SPANS => {
                self.hold(&spans, owed, taken)
            }
            (wire::Batch::Spans(spans), owed) => {
                let assembly = self.clone();
                cpu::run(Work::Short, move || assembly.hold(&spans, owed, taken)).await;
            }
            (other, owed) => {
                let failure = Failure::permanent(Reason::Rejected, "only spans belong to traces");
                return Err(owed.batch(other).refused(failure));
            }
        }
        Ok(())
    }

    /// Copies the spans into their shards, and replaces what was taken of the budget for that by what it took.
    fn hold(&self, spans: &SpanBatch, mut owed: Owed, taken: Taken) {
        let frames = spans.frames();
        let count = self.shards.len();
        let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(spans.items() / count + 1); count];
        for (row, id) in frames.trace_ids().iter().enumerate() {
            let shard = self.hasher.hash_one(u128::from_ne_bytes(*id)) as usize % count;
            if let Some(rows) = rows.get_mut(shard) {
                rows.push(row as u32);
            }
        }
        let now = self.now();
        for (worker, rows) in self.shards.iter().zip(&rows).filter(|(_, rows)| !rows.is_empty()) {
            let must_wake = self.change(worker, |shard| {
                let was_empty = shard.traces() == 0;
                shard.add(&frames, rows, &mut owed, now);
                was_empty || shard.traces() > self.max_traces.load(Relaxed)
            });
            if must_wake {
                worker.wake.notify_one();
            }
        }
        drop(taken);
        self.metrics.held_bytes.set(self.budget.used_bytes() as f64);
    }

    /// Changes a shard, and notes what it holds then.
    fn change<T>(&self, worker: &Worker, change: impl FnOnce(&mut Shard) -> T) -> T {
        let mut shard = lock(&worker.shard);
        let (bytes, traces) = (shard.held_bytes(), shard.traces());
        let changed = change(&mut shard);
        self.metrics.traces.increment(shard.traces() as f64 - traces as f64);
        self.budget.change(bytes, shard.held_bytes());
        drop(shard);
        self.metrics.held_bytes.set(self.budget.used_bytes() as f64);
        changed
    }

    /// The task of a shard: lets its traces go when they are due, and all of them at the end.
    async fn let_go(&self, at: usize) {
        let Some(worker) = self.shards.get(at) else { return };
        loop {
            let woken = worker.wake.notified();
            while let Some(released) = self.release(worker) {
                self.pass(released).await;
            }
            if self.stop.is_cancelled() {
                return;
            }
            let oldest = lock(&worker.shard).oldest();
            let due = async {
                match oldest.and_then(|since| since.checked_add(self.wait_millis.load(Relaxed))) {
                    Some(due) => sleep_until(self.started + Duration::from_millis(due) + TICK).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = woken => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    fn release(&self, worker: &Worker) -> Option<Released> {
        let (now, wait) = (self.now(), self.wait_millis.load(Relaxed));
        let is_stopping = self.stop.is_cancelled();
        let (is_short, max_traces) = (self.budget.is_short(), self.max_traces.load(Relaxed));
        self.change(worker, |shard| {
            shard.release(|since, traces| {
                let is_due = is_stopping || now.saturating_sub(since) >= wait;
                let is_early = is_short || traces > max_traces;
                is_due.then_some(Leaves::Due).or(is_early.then_some(Leaves::Early))
            })
        })
    }

    /// Passes traces on. If the next stage refuses them for now, it is asked again for a while.
    async fn pass(&self, released: Released) {
        self.metrics.traces_released.increment(released.traces as u64);
        self.metrics.spans_released.increment(released.batch.items() as u64);
        self.metrics.traces_evicted.increment(released.early as u64);
        let until = Instant::now() + RETRY_FOR;
        let mut batch = released.batch;
        loop {
            let consumed = self.given_up.run_until_cancelled(self.next.consume(batch)).await;
            // A batch that the next stage still had at the deadline counts as abandoned.
            let Some(Err(refused)) = consumed else { return };
            let Refused { batch: back, failure } = *refused;
            if !failure.is_retryable() || self.given_up.is_cancelled() || Instant::now() >= until {
                return back.dropped(&failure);
            }
            batch = back;
            sleep(RETRY_EVERY).await;
        }
    }

    /// Lets all traces go, and drops those that `next` has not taken by the deadline.
    pub(super) async fn shutdown(&self, deadline: Instant) {
        self.stop.cancel();
        if timeout_at(deadline, self.tasks.wait()).await.is_ok() {
            return;
        }
        self.given_up.cancel();
        for worker in &self.shards {
            while let Some(released) = self.release(worker) {
                let failure = Failure::permanent(Reason::Shutdown, "its trace was held when the time was up");
                released.batch.dropped(&failure);
            }
        }
    }

    fn wake_all(&self) {
        self.shards.iter().for_each(|worker| worker.wake.notify_one());
    }

    fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
