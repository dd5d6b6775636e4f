//! Sends a pipeline's batches to an exporter: the bounded sending queue, batching, timeouts and retries, the
//! same for all exporters.
//!
//! [`Sending`] is the last [`Consumer`] of a pipeline. Each signal has its own lane. A lane is either direct
//! (the call returns when the destination has answered) or a queue with its own tasks.

mod backoff;
pub mod config;
mod delivery;
mod gather;
mod metrics;
mod queue;
mod room;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use wire::Signal;

pub use config::{BatchConfig, QueueConfig, RetryConfig};

use self::{
    delivery::Delivery,
    metrics::{Of, SendingMetrics},
    queue::Queue,
};
use crate::{
    component::{Exporter, SendingSettings},
    pipeline::{Batch, Consumer, Refused},
    receipt::{Failure, Reason},
    telemetry::Telemetry,
};

/// The least time that an exporter gets to close, even after the deadline.
const CLOSING_GRACE: Duration = Duration::from_secs(1);

/// Feeds one exporter. `consume` fails with [`Reason::QueueFull`] or [`Reason::Shutdown`], which are
/// retryable, and with [`Reason::TooLarge`] if the queue could never hold the batch. Without a queue,
/// `consume` returns the failure of the delivery.
pub struct Sending {
    exporter: Arc<dyn Exporter>,
    /// The lanes by signal.
    lanes: [Option<Lane>; 3],
    tasks: TaskTracker,
    /// Cancelled at the deadline of a shutdown. Items that are not sent by then are dropped.
    stop: CancellationToken,
}

enum Lane {
    Direct(Box<Direct>),
    Queued(Arc<Queue>),
}

struct Direct {
    delivery: Delivery,
    tasks: TaskTracker,
    open: Mutex<bool>,
}

impl Sending {
    /// Starts the lanes. `exporter_id` labels the metrics. Must be called within a tokio runtime, where the
    /// queues' tasks run.
    pub fn start(
        exporter_id: &str,
        signals: &[Signal],
        exporter: Arc<dyn Exporter>,
        settings: &SendingSettings,
        telemetry: &Arc<Telemetry>,
    ) -> Arc<Sending> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let lanes = [Signal::Traces, Signal::Metrics, Signal::Logs].map(|signal| {
            signals.contains(&signal).then(|| {
                let server = exporter.server(signal);
                let of = Of { exporter: exporter_id, signal, server, queue: settings.queue.as_ref() };
                let metrics = SendingMetrics::new(telemetry, of);
                let delivery = Delivery::new(exporter_id, exporter.clone(), settings, metrics, stop.clone());
                match &settings.queue {
                    None => Lane::Direct(Direct::new(delivery, tasks.clone())),
                    Some(queue) => Lane::Queued(Queue::new(queue.clone(), delivery, tasks.clone())),
                }
            })
        });
        Arc::new(Sending { exporter, lanes, tasks, stop })
    }

    /// Accepts nothing more, sends what waits, and at the deadline drops what is left ([`Reason::Shutdown`]).
    /// Then closes the exporter. Every batch is settled when this returns, except one in a call that its
    /// caller keeps and does not poll.
    pub async fn shutdown(&self, deadline: Instant) {
        for lane in self.lanes.iter().flatten() {
            match lane {
                Lane::Direct(direct) => direct.close(),
                Lane::Queued(queue) => queue.close(),
            }
        }
        self.tasks.close();
        if timeout_at(deadline, self.tasks.wait()).await.is_err() {
            self.stop.cancel();
            // The remaining tasks only have to notice the token. A caller that keeps its call without polling
            // it is not waited for.
            let _ = timeout(CLOSING_GRACE, self.tasks.wait()).await;
        }
        let deadline = deadline.max(Instant::now() + CLOSING_GRACE);
        if timeout_at(deadline, self.exporter.shutdown()).await.is_err() {
            tracing::warn!("the exporter did not close in time");
        }
    }
}

#[async_trait::async_trait]
impl Consumer for Sending {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if batch.items() == 0 {
            batch.delivered();
            return Ok(());
        }
        match self.lanes.get(batch.data.signal() as usize) {
            Some(Some(Lane::Queued(queue))) => queue.consume(batch).await,
            Some(Some(Lane::Direct(direct))) => direct.consume(batch).await,
            _ => {
                let message = format!("the exporter was not built for {}", batch.data.signal());
                Err(batch.refused(Failure::permanent(Reason::Rejected, message)))
            }
        }
    }
}

impl Direct {
    fn new(delivery: Delivery, tasks: TaskTracker) -> Box<Direct> {
        Box::new(Direct { delivery, tasks, open: Mutex::new(true) })
    }

    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        match self.enter() {
            Some(_under_way) => {
                let outcome = self.delivery.deliver(batch).await;
                outcome.inspect_err(|refused| self.delivery.given_back(refused))
            }
            None => Err(batch.refused(closed())),
        }
    }

    fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Registers a call. The token is taken under the lock, so a shutdown waits for every call that it did
    /// not refuse.
    fn enter(&self) -> Option<TaskTrackerToken> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.then(|| self.tasks.token())
    }
}

fn closed() -> Failure {
    Failure::retryable(Reason::Shutdown, "the exporter is shutting down")
}

#[cfg(test)]
mod tests;
