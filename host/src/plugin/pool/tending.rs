//! What happens beside the path of a batch: guests are woken when they asked to be, replaced when their time has come,
//! and asked what others want to know of them.

use std::{sync::Arc, time::Instant};

use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Outcome, Pool};

/// Takes what came of calls that no sender waits for.
#[async_trait::async_trait]
pub(in crate::plugin) trait Settle: Send + Sync + 'static {
    async fn settle(&self, outcomes: Vec<Outcome>);
}

/// The tasks of one component.
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
        // Set once: a pool is tended by one.
        let _ = pool.settle.set(Arc::downgrade(&settle));
        let stop = CancellationToken::new();
        let task = tokio::spawn(tend(pool.clone(), settle.clone(), stop.clone()));
        Ok(Tending { pool: pool.clone(), settle, stop, task: Mutex::new(Some(task)) })
    }

    /// Called when no batch will follow: settles what the guests still hold.
    pub(in crate::plugin) async fn shutdown(&self) {
        self.pool.stop_listening().await;
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take() {
            // It ends at its next wait. If it ended otherwise there is nothing to wait for.
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
