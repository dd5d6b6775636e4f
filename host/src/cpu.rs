//! Runs work that keeps a core busy, away from the threads that serve connections.
//!
//! A thread of the async runtime that inflates 60 MiB serves no one else meanwhile. So such work runs on
//! blocking threads, and never more of it at a time than there are cores. Further work waits in order. Long
//! work leaves one core to shorter work, if there is more than one.

use std::{
    panic::resume_unwind,
    sync::{Arc, LazyLock},
    thread::available_parallelism,
};

use tokio::sync::Semaphore;

/// The CPU time that a piece of work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Up to some tens of milliseconds.
    Short,
    /// More than that.
    Long,
}

struct Cores {
    all: Arc<Semaphore>,
    for_long: Arc<Semaphore>,
}

static CORES: LazyLock<Cores> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Cores {
        all: Arc::new(Semaphore::new(cores)),
        for_long: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
    }
});

/// Runs the work in its turn. The work runs to its end even if the caller gives up, and counts as work until
/// then. A panic in the work becomes the caller's panic.
pub(crate) async fn run<T: Send + 'static>(size: Work, work: impl FnOnce() -> T + Send + 'static) -> T {
    let for_long = match size {
        Work::Short => None,
        // The semaphore is never closed.
        Work::Long => CORES.for_long.clone().acquire_owned().await.ok(),
    };
    let core = CORES.all.clone().acquire_owned().await.ok();
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop((core, for_long));
        done
    });
    match done.await {
        Ok(done) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is shutting down, and this task ends with it.
        Err(_) => std::future::pending().await,
    }
}

/// Keeps all work waiting until the permit is dropped.
#[cfg(test)]
pub(crate) async fn keep_waiting() -> tokio::sync::OwnedSemaphorePermit {
    let cores = available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap());
    CORES.all.clone().acquire_many_owned(cores).await.unwrap()
}
