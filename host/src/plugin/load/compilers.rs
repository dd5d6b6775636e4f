//! Compiles on threads of a lower priority than those that data passes through.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rayon::{ThreadPool, ThreadPoolBuilder};
use wasmtime::Result;

/// The niceness of these threads. Such a thread gets a quarter of a core for which another thread has work.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// True once data passes through this process.
static DATA_PASSES: AtomicBool = AtomicBool::new(false);

pub(in crate::plugin) struct Compilers {
    /// The threads before data passes: one for each core.
    all: ThreadPool,
    /// The threads while data passes: one less, which leaves a core to the data.
    beside_data: ThreadPool,
    turn: Mutex<()>,
}

/// Notes that data passes from now on, so that compilation leaves a core to it.
pub(crate) fn data_passes() {
    DATA_PASSES.store(true, Ordering::Relaxed);
}

impl Compilers {
    pub(in crate::plugin) fn new() -> Result<Compilers> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let beside_data = threads(cores.saturating_sub(1).max(1))?;
        Ok(Compilers { all: threads(cores)?, beside_data, turn: Mutex::default() })
    }

    /// Compiles. There is one compilation at a time, on all the threads.
    pub(in crate::plugin) fn compile<T: Send>(&self, compile: impl FnOnce() -> T + Send) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.threads().install(compile)
    }

    pub(in crate::plugin) fn threads(&self) -> &ThreadPool {
        if DATA_PASSES.load(Ordering::Relaxed) { &self.beside_data } else { &self.all }
    }
}

fn threads(threads: usize) -> Result<ThreadPool> {
    let stand_back = |_| {
        // On other systems, `nice` would apply to the whole process.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICE);
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).start_handler(stand_back);
    Ok(pool.thread_name(|number| format!("plugin-compiler-{number}")).build()?)
}
