//! The task that tends a component's guests between their calls.

use std::{sync::Arc, time::Instant};

use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Outcome, Pool};

/// Receives the outcomes of calls that no sender waits for.
#[async_trait::async_trait]
pub(in crate::plugin) trait Settle: Send + Sync + 'static {
    async fn settle(&self, outcomes: Vec<Outcome>);
}

/// The task that tends the guests of one component, and the component's HTTP listener.
pub(in crate::plugin) struct Tending {
    pool: Arc<Pool>,
    settle: Arc<dyn Settle>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Tending {
    pub(in crate::plugin) async fn start(
        pool: &Arc<Pool>,
        settle: Arc<dyn Settle>,
    ) -> anyhow::Result<Tending> {
        pool.listen().await?;
        // This is set once, because one task tends a pool.
        let _ = pool.settle.set(Arc::downgrade(&settle));
        let stop = CancellationToken::new();
        let task = tokio::spawn(tend(pool.clone(), settle.clone(), stop.clone()));
        Ok(Tending { pool: pool.clone(), settle, stop, task: Mutex::new(Some(task)) })
    }

    /// Stops the task, flushes the guests and settles what they held. Called when no batch will follow.
    pub(in crate::plugin) async fn shutdown(&self) {
        self.pool.stop_listening().await;
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take() {
            // The task ends at its next wait. If the task has panicked, there is nothing to wait for.
            let _ = task.await;
        }
        self.pool.end_candidate(&*self.settle).await;
        let outcomes = self.pool.flush().await;
        self.settle.settle(outcomes).await;
    }
}

pub(super) async fn tend(pool: Arc<Pool>, settle: Arc<dyn Settle>, stop: CancellationToken) {
    let mut next: Option<Instant> = None;
    loop {
        let due = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = pool.wakes.notified() => {}
            () = due => {}
        }
        let (outcomes, at) = pool.tend().await;
        next = at;
        settle.settle(outcomes).await;
    }
}
