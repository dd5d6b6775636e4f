//! Work that keeps a processor busy, away from the threads that serve connections.
//!
//! A thread of the async runtime that inflates 60 MiB serves nobody else meanwhile. So such work runs on threads of its
//! own, never more of it at a time than there are cores: what comes above that waits in order. Long work leaves a core
//! to shorter work, where there is more than one.

use std::{
    panic::resume_unwind,
    sync::{Arc, LazyLock},
    thread::available_parallelism,
};

use tokio::sync::Semaphore;

/// How much of a processor's time a piece of work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Up to some tens of milliseconds.
    Short,
    /// More.
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

/// Runs the work when it is its turn. It runs to its end even if nobody waits for the result any more, and counts as
/// work until then. A panic in it is the caller's.
pub(crate) async fn run<T: Send + 'static>(size: Work, work: impl FnOnce() -> T + Send + 'static) -> T {
    let for_long = match size {
        Work::Short => None,
        // Never closed.
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
        // The runtime ends, and this task with it.
        Err(_) => std::future::pending().await,
    }
}
