//! Threads that compile. They stand back for those that data passes through.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};
use wasmtime::Result;

/// How much less such a thread is worth than others: this much gets it a quarter of a core that another has work for.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

pub(super) struct Compilers {
    pub(super) threads: ThreadPool,
    turn: Mutex<()>,
}

impl Compilers {
    pub(super) fn new() -> Result<Compilers> {
        let stand_back = |_| {
            // Elsewhere it would be the whole process that does.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(NICE);
        };
        let threads = ThreadPoolBuilder::new().thread_name(|number| format!("plugin-compiler-{number}"));
        Ok(Compilers { threads: threads.start_handler(stand_back).build()?, turn: Mutex::default() })
    }

    /// One compilation at a time: each has all the threads.
    pub(super) fn compile<T: Send>(&self, compile: impl FnOnce() -> T + Send) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.threads.install(compile)
    }
}
