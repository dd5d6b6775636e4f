//! The traces of one processor, in shards, and the tasks that let them go.

mod adding;
mod stress;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hashbrown::DefaultHashBuilder;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    budget::{Budget, Taken},
    deciding::Deciding,
    decisions::{By, Decision},
    metrics::AssemblyMetrics,
    offer::offer,
    order::{Rule, Waits},
    relief::ReliefSettings,
    shard::{Millis, Released, Shard, TraceId},
};
use crate::{
    log_line::throttle::Throttle,
    pipeline::{Consumer, batch::Owed},
    receipt::{Failure, Reason},
};

/// Traces that become due within this time of one another leave together.
const TICK: Duration = Duration::from_millis(10);

/// What may be changed while traces are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) wait: Duration,
    /// How long a trace is held once its root has come.
    pub(super) wait_after_root: Option<Duration>,
    pub(super) max_traces: usize,
    pub(super) max_bytes: usize,
    /// Traces that are larger are dropped.
    pub(super) max_trace_bytes: Option<usize>,
    /// Whether senders wait for room, instead of the oldest traces leaving early.
    pub(super) blocks: bool,
    /// Whether traces that are held at the end are dropped.
    pub(super) drops_at_end: bool,
    /// When new traces are decided at once. This needs a sampler.
    pub(super) relief: Option<ReliefSettings>,
}

/// Where the traces of an assembly go.
#[derive(Clone)]
pub(super) enum To {
    Next(Arc<dyn Consumer>),
    /// A sampler decides about them first.
    Sampler(Arc<Deciding>),
}

/// Holds spans by trace. A trace leaves when its first span has been held for as long as `Settings` say, or earlier
/// if there is no room for others.
pub(super) struct Assembly {
    shards: Vec<Worker>,
    budget: Arc<Budget>,
    settings: RwLock<Settings>,
    /// Wakes the task that looks at the stress.
    changed: Notify,
    /// By how much the decisions are late.
    late_ms: AtomicU64,
    /// The traces and the bytes of all shards.
    traces: AtomicUsize,
    held_bytes: AtomicUsize,
    /// Keyed, so that a sender cannot choose traces that all go to one shard.
    hasher: DefaultHashBuilder,
    started: Instant,
    to: To,
    /// The assembly that this one replaces, as long as it drains.
    former: Weak<Assembly>,
    metrics: AssemblyMetrics,
    /// Limits the lines about requests that can never be held.
    too_large: Throttle,
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
    /// Starts a task for each shard. [`shutdown`](Self::shutdown) ends them. Traces that `former` still holds are decided
    /// there alone.
    pub(super) fn start(
        settings: Settings,
        shards: usize,
        to: To,
        metrics: AssemblyMetrics,
        former: Weak<Assembly>,
    ) -> Arc<Assembly> {
        let given_up = match &to {
            To::Next(_) => CancellationToken::new(),
            To::Sampler(deciding) => deciding.behind.given_up.clone(),
        };
        let worker = || Worker { shard: Mutex::default(), wake: Notify::new() };
        let assembly = Arc::new(Assembly {
            shards: std::iter::repeat_with(worker).take(shards.max(1)).collect(),
            budget: Arc::new(Budget::new(0)),
            settings: RwLock::new(settings),
            changed: Notify::new(),
            late_ms: AtomicU64::new(0),
            traces: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            hasher: DefaultHashBuilder::default(),
            started: Instant::now(),
            to,
            former,
            metrics,
            too_large: Throttle::default(),
            stop: CancellationToken::new(),
            given_up,
            tasks: TaskTracker::new(),
        });
        assembly.set(settings);
        for at in 0..assembly.shards.len() {
            let assembly = assembly.clone();
            assembly.tasks.clone().spawn(async move { assembly.let_go(at).await });
        }
        if let Some(deciding) = assembly.deciding().cloned() {
            let watching = assembly.clone();
            assembly.tasks.spawn(async move { watching.watch_stress(&deciding.relief).await });
        }
        assembly.tasks.close();
        assembly
    }

    /// Changes the settings. Traces that are held obey them too.
    pub(super) fn set(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        self.metrics.traces_limit.set(settings.max_traces as f64);
        self.budget.set_limit(settings.max_bytes);
        self.changed.notify_one();
        self.wake_all();
    }

    fn settings(&self) -> Settings {
        *self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn deciding(&self) -> Option<&Arc<Deciding>> {
        match &self.to {
            To::Next(_) => None,
            To::Sampler(deciding) => Some(deciding),
        }
    }

    /// Returns how many traces a shard may hold.
    fn max_traces(&self, settings: Settings) -> usize {
        match settings.blocks {
            true => usize::MAX,
            false => settings.max_traces.div_ceil(self.shards.len()).max(1),
        }
    }

    /// Changes a shard, and counts what it holds then: first against what was taken for that.
    fn change<T>(
        &self,
        worker: &Worker,
        taken: Option<&mut Taken>,
        change: impl FnOnce(&mut Shard) -> T,
    ) -> T {
        let mut shard = lock(&worker.shard);
        let (bytes, traces) = (shard.held_bytes(), shard.traces());
        let changed = change(&mut shard);
        let (bytes_now, traces_now) = (shard.held_bytes(), shard.traces());
        let all_traces = replace(&self.traces, traces, traces_now);
        let all_bytes = replace(&self.held_bytes, bytes, bytes_now);
        // Those who wait for traces to leave are woken by the budget.
        self.budget.change(bytes, bytes_now, taken);
        drop(shard);
        self.metrics.traces.set(all_traces as f64);
        self.metrics.held_bytes.set(all_bytes as f64);
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
            let due = lock(&worker.shard).due(waits(self.settings()));
            let due = async {
                match due {
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
        let settings = self.settings();
        let rule = Rule {
            now: self.now(),
            waits: waits(settings),
            max_traces: self.max_traces(settings),
            is_short: !settings.blocks && self.budget.is_short(),
            is_stopping: self.stop.is_cancelled(),
        };
        let decisions = self.deciding().map(|deciding| &*deciding.decisions);
        let released = self.change(worker, None, |shard| shard.release(rule, decisions))?;
        self.metrics.released(&released);
        Some(released)
    }

    /// Passes traces on. If the next stage refuses them for now, it is asked again for a while.
    async fn pass(&self, released: Released) {
        let Released { undecided, ids, kept, known, not_sampled, .. } = released;
        if let Some(owed) = not_sampled {
            owed.sampled_out();
        }
        if let (Some(mut batch), Some(deciding)) = (kept, self.deciding()) {
            if let wire::Batch::Spans(spans) = &mut batch.data {
                let of_id = |id: &TraceId| match known.get(id) {
                    Some((by, Decision::KeptAt(kept))) => (*by, Some(*kept)),
                    Some((by, _)) => (*by, None),
                    None => (By::Sampler, None),
                };
                let known: Vec<_> = spans.trace_ids().iter().map(of_id).collect();
                let of_row = |row| known.get(row).copied().unwrap_or((By::Sampler, None));
                deciding.behind.complete(spans, of_row);
            }
            deciding.behind.pass_on(batch).await;
        }
        let Some(batch) = undecided else { return };
        if self.stop.is_cancelled() && self.settings().drops_at_end {
            // The config asks for it, so nothing has failed.
            return batch.filtered();
        }
        let outcome = match &self.to {
            To::Next(next) => offer(&**next, batch, &self.given_up).await,
            To::Sampler(deciding) => deciding.decide(batch, &ids).await,
        };
        if let Err(refused) = outcome {
            refused.batch.dropped(&refused.failure);
        }
    }

    /// Lets all traces go, and drops those that have not left by the deadline.
    pub(super) async fn shutdown(&self, deadline: Instant) {
        self.stop.cancel();
        if timeout_at(deadline, self.tasks.wait()).await.is_ok() {
            return;
        }
        self.given_up.cancel();
        let failure = Failure::permanent(Reason::Shutdown, "its trace was held when the time was up");
        for worker in &self.shards {
            while let Some(released) = self.release(worker) {
                let Released { undecided, kept, not_sampled, .. } = released;
                not_sampled.into_iter().for_each(Owed::sampled_out);
                undecided.into_iter().chain(kept).for_each(|batch| batch.dropped(&failure));
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

fn waits(settings: Settings) -> Waits {
    let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Waits { wait: millis(settings.wait), after_root: settings.wait_after_root.map(millis) }
}

/// Replaces a part of a sum, and returns the sum.
fn replace(sum: &AtomicUsize, before: usize, now: usize) -> usize {
    let change = now.wrapping_sub(before);
    sum.fetch_add(change, Relaxed).wrapping_add(change)
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
