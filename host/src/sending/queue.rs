//! The bounded queue of one exporter and signal.
//!
//! No task waits for work. When a batch becomes ready, a consumer is started if fewer than `num_consumers`
//! run, and a consumer ends when nothing is ready. So a busy queue wakes no task, and an idle queue has none.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{
    closed,
    delivery::Delivery,
    gather::{Gatherings, Partition, Waiting},
    room::Room,
};
use crate::{
    component::{BatchSettings, QueueSettings},
    pipeline::{Batch, Refused},
    receipt::Failure,
};

pub(super) struct Queue {
    settings: QueueSettings,
    delivery: Delivery,
    room: Arc<Room>,
    tasks: TaskTracker,
    runtime: Handle,
    state: Mutex<State>,
}

struct State {
    open: bool,
    /// The batches that are ready to be sent. Their number is bounded by the room that they take.
    ready: VecDeque<Waiting>,
    gatherings: Gatherings,
    /// The task that flushes what is gathered after `flush_timeout`.
    timer: Option<AbortHandle>,
    consumers: usize,
    /// The number of consumers that have not looked for work yet.
    starting: usize,
}

/// A task that sends ready batches. When it is dropped, even in a panic, another may start.
struct Consumer {
    queue: Arc<Queue>,
    starting: bool,
}

impl Queue {
    pub(super) fn new(settings: QueueSettings, delivery: Delivery, tasks: TaskTracker) -> Arc<Queue> {
        delivery.metrics.queue_capacity.set(settings.queue_size as f64);
        let state = State {
            open: true,
            ready: VecDeque::new(),
            gatherings: Gatherings::default(),
            timer: None,
            consumers: 0,
            starting: 0,
        };
        Arc::new(Queue {
            room: Room::new(&settings, delivery.metrics.queue_size.clone()),
            settings,
            delivery,
            tasks,
            runtime: Handle::current(),
            state: Mutex::new(state),
        })
    }

    /// Accepts the batch, or returns it with the failure. With `wait_for_result`, this returns when the batch
    /// is settled. An error then holds an empty batch, because the items are already counted.
    pub(super) async fn consume(self: &Arc<Self>, mut batch: Batch) -> Result<(), Box<Refused>> {
        // The batch may wait for long without being read, so memory that only reading needs is freed.
        batch.data.trim();
        self.delivery.metrics.offered(&batch.data);
        let place = match self.room.take(&batch.data).await {
            Ok(place) => place,
            Err(failure) => return Err(self.refuse(batch, failure)),
        };
        let Some(_under_way) = self.enter() else { return Err(self.refuse(batch, closed())) };
        let empty = batch.split_off(batch.items());
        let verdict = self.settings.wait_for_result.then(|| batch.watch());
        self.push(Waiting { batch, place });
        match verdict {
            None => Ok(()),
            Some(verdict) => verdict.wait().await.map_err(|failure| empty.refused(failure)),
        }
    }

    /// Registers a push. The token is taken under the lock, so a shutdown waits for every push that it did
    /// not refuse.
    fn enter(&self) -> Option<TaskTrackerToken> {
        let state = self.lock();
        state.open.then(|| self.tasks.token())
    }

    /// Accepts nothing more, and makes ready what is gathered.
    pub(super) fn close(self: &Arc<Self>) {
        self.room.close();
        let mut state = self.lock();
        state.open = false;
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        let gathered = state.gatherings.take_all();
        state.ready.extend(gathered);
        self.wake(&mut state);
    }

    fn refuse(&self, batch: Batch, failure: Failure) -> Box<Refused> {
        self.delivery.enqueue_failed(&batch, &failure);
        batch.refused(failure)
    }

    fn push(self: &Arc<Self>, waiting: Waiting) {
        let Some(batching) = &self.settings.batch else { return self.make_ready(waiting) };
        let partition = Partition::of(&batching.partition, waiting.batch.metadata());
        for part in waiting.split(batching) {
            self.gather(batching, partition, part);
        }
    }

    fn make_ready(self: &Arc<Self>, waiting: Waiting) {
        let mut state = self.lock();
        state.ready.push_back(waiting);
        self.wake(&mut state);
    }

    /// Adds the batch to what is gathered of its partition. A batch that is then too large is split outside of the
    /// lock, and other calls start to gather a new one meanwhile.
    fn gather(self: &Arc<Self>, batching: &BatchSettings, partition: Partition, mut waiting: Waiting) {
        while let Some(mut full) = self.merge(batching, partition, waiting) {
            let rest = full.split_above(batching);
            self.make_ready(full);
            let Some(rest) = rest else { return };
            waiting = rest;
        }
    }

    /// Adds the batch to what is gathered of its partition, and returns both once they are large enough to be sent.
    fn merge(
        self: &Arc<Self>,
        batching: &BatchSettings,
        partition: Partition,
        waiting: Waiting,
    ) -> Option<Waiting> {
        let mut state = self.lock();
        if !state.open {
            // Nothing is gathered any more.
            return Some(waiting);
        }
        let full = state.gatherings.add(batching, partition, waiting);
        if let Some(oldest) = state.gatherings.take_excess() {
            state.ready.push_back(oldest);
            self.wake(&mut state);
        }
        if state.timer.is_none() && state.gatherings.deadline().is_some() {
            let timer = self.tasks.spawn_on(self.clone().flush_in_time(), &self.runtime);
            state.timer = Some(timer.abort_handle());
        }
        full
    }

    async fn flush_in_time(self: Arc<Self>) {
        while let Some(deadline) = self.next_flush() {
            sleep_until(deadline).await;
        }
    }

    /// Flushes what is due. Returns when to look again, or `None` if nothing is gathered.
    fn next_flush(self: &Arc<Self>) -> Option<Instant> {
        let mut state = self.lock();
        let now = Instant::now();
        while let Some(due) = state.gatherings.take_due(now) {
            state.ready.push_back(due);
        }
        self.wake(&mut state);
        let deadline = state.gatherings.deadline();
        if deadline.is_none() {
            state.timer = None;
        }
        deadline
    }

    /// Starts a consumer for each ready batch that no starting consumer will take.
    fn wake(self: &Arc<Self>, state: &mut State) {
        while state.starting < state.ready.len() && state.consumers < self.settings.num_consumers {
            state.starting += 1;
            state.consumers += 1;
            self.tasks.spawn_on(consume_all(self.clone()), &self.runtime);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn consume_all(queue: Arc<Queue>) {
    let mut consumer = Consumer { queue, starting: true };
    while let Some(Waiting { batch, place }) = consumer.next() {
        if let Err(refused) = consumer.queue.delivery.deliver(batch).await {
            let Refused { batch, failure } = *refused;
            batch.dropped(&failure);
        }
        drop(place);
    }
}

impl Consumer {
    fn next(&mut self) -> Option<Waiting> {
        let mut state = self.queue.lock();
        state.starting -= usize::from(std::mem::take(&mut self.starting));
        state.ready.pop_front()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.starting -= usize::from(self.starting);
        state.consumers -= 1;
        // A batch may have become ready since this consumer found none.
        self.queue.wake(&mut state);
    }
}
