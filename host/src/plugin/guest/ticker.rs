//! The clock by which running guests are interrupted. It stands still once no guest has run for a while.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::Thread,
    time::Duration,
};

use wasmtime::{Engine, EngineWeak, Result};

/// The interval at which a running guest checks whether it must yield or end.
pub(super) const TICK: Duration = Duration::from_millis(5);
/// After so many ticks without a guest, the clock stands still. Waking it costs a call more than the call itself, so
/// calls that come now and then find it awake.
const IDLE_TICKS: u32 = 20;

/// Advances an engine's epoch from a separate thread, while guests of the engine run.
pub(in crate::plugin) struct Ticker {
    state: Arc<State>,
    thread: Thread,
}

#[derive(Default)]
struct State {
    /// The number of guests that run now.
    running: AtomicUsize,
    /// Whether a guest has run since the last tick.
    has_run: AtomicBool,
    /// Whether the thread sleeps until it is woken.
    is_parked: AtomicBool,
    ticks: AtomicU64,
    is_over: AtomicBool,
}

/// While this exists, a guest counts as running.
struct Running<'a>(&'a State);

impl Ticker {
    pub(in crate::plugin) fn start(engine: &Engine) -> Result<Ticker> {
        let state = Arc::<State>::default();
        let (shared, engine) = (state.clone(), engine.weak());
        let thread = std::thread::Builder::new().name("plugin-epochs".into());
        let thread = thread.spawn(move || shared.tick(&engine))?.thread().clone();
        Ok(Ticker { state, thread })
    }

    /// Runs a call. The epoch advances while the call is polled, and not while it waits.
    pub(in crate::plugin) async fn run<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        poll_fn(|context| {
            let _running = self.running();
            call.as_mut().poll(context)
        })
        .await
    }

    fn running(&self) -> Running<'_> {
        self.state.running.fetch_add(1, SeqCst);
        self.state.has_run.store(true, Relaxed);
        // Either this thread sees that the ticker is about to sleep, or the ticker sees that a guest runs.
        if self.state.is_parked.load(SeqCst) {
            self.thread.unpark();
        }
        Running(&self.state)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.is_over.store(true, SeqCst);
        self.thread.unpark();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl State {
    fn tick(&self, engine: &EngineWeak) {
        let mut idle = IDLE_TICKS;
        while !self.is_over.load(SeqCst) {
            let runs = self.has_run.swap(false, Relaxed) || self.running.load(SeqCst) > 0;
            idle = if runs { 0 } else { idle + 1 };
            if idle > IDLE_TICKS {
                self.park();
                idle = 0;
            }
            std::thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            self.ticks.fetch_add(1, SeqCst);
        }
    }

    fn park(&self) {
        self.is_parked.store(true, SeqCst);
        if self.running.load(SeqCst) == 0 && !self.is_over.load(SeqCst) {
            std::thread::park();
        }
        self.is_parked.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::yield_now();
        }
    }

    /// The epoch advances while a guest runs, and never while none does.
    #[test]
    fn it_ticks_while_a_guest_runs_and_not_otherwise() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).unwrap();
        let State { ticks, is_parked, .. } = &*ticker.state;
        let ticks = || ticks.load(SeqCst);
        for _ in 0..3 {
            wait_until("it does not stand still", || is_parked.load(SeqCst));
            let before = ticks();
            std::thread::sleep(TICK * 20);
            assert_eq!(ticks(), before, "it ticks though nothing runs");
            let running = ticker.running();
            wait_until("it does not tick", || ticks() > before + 2);
            drop(running);
        }
    }

    /// A guest that waits for an answer does not run.
    #[tokio::test]
    async fn it_stands_still_while_a_call_waits() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).unwrap();
        let mut polls = 0;
        let mut call = Box::pin(ticker.run(poll_fn(|_| {
            polls += 1;
            assert_eq!(ticker.state.running.load(SeqCst), 1);
            if polls < 2 { Poll::Pending } else { Poll::Ready(()) }
        })));
        assert!(futures::poll!(call.as_mut()).is_pending());
        assert_eq!(ticker.state.running.load(SeqCst), 0);
        wait_until("it does not stand still", || ticker.state.is_parked.load(SeqCst));
        call.await;
    }

    #[test]
    fn its_thread_ends_with_it() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).unwrap();
        let state = Arc::downgrade(&ticker.state);
        drop(ticker);
        wait_until("it goes on", || state.strong_count() == 0);
    }
}
