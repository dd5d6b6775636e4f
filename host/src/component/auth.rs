//! Who may send to a receiver, and what an exporter says of itself.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::available_parallelism,
    time::Duration,
};

use http::HeaderMap;
use tokio::{sync::Semaphore, time::timeout};

use crate::cpu::{self, Work};

/// Checks a request that came in.
pub trait ServerAuth: Send + Sync {
    /// The error is shown to the sender (401 / UNAUTHENTICATED): it must not say what would have been right.
    fn authenticate(&self, headers: &HeaderMap) -> Verdict;
    /// The value for `WWW-Authenticate`.
    fn challenge(&self) -> &str;
}

/// Whether a request's credentials are right.
pub enum Verdict {
    Known(Result<(), Unauthenticated>),
    /// Takes a processor's time to find out.
    Costly(Box<dyn FnOnce() -> Result<(), Unauthenticated> + Send>),
}

/// Signs a request that goes out.
pub trait ClientAuth: Send + Sync {
    fn authorize(&self, headers: &mut HeaderMap);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unauthenticated(pub &'static str);

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// Others' credentials are being checked, and it took too long.
    #[error("too many credentials are being checked")]
    Busy,
}

/// Costly checks that wait or run, of all receivers, and how long one may wait. Who guesses passwords gets no more than
/// half of the cores, and everyone else's known credentials are let in meanwhile.
const CHECKS_LIMIT: usize = 64;
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

static CHECKS: AtomicUsize = AtomicUsize::new(0);
static TURN: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new((cores / 2).max(1)))
});

/// One of the costly checks.
struct Check;

/// Whether the authenticator lets the request in.
pub async fn check(auth: &dyn ServerAuth, headers: &HeaderMap) -> Result<(), Denied> {
    let find_out = match auth.authenticate(headers) {
        Verdict::Known(known) => return Ok(known?),
        Verdict::Costly(find_out) => find_out,
    };
    let check = Check::begin().ok_or(Denied::Busy)?;
    let turn = timeout(CHECK_TIMEOUT, TURN.clone().acquire_owned()).await;
    // Never closed.
    let turn = turn.map_err(|_| Denied::Busy)?.ok();
    let found = cpu::run(Work::Long, move || {
        let found = find_out();
        drop((turn, check));
        found
    });
    Ok(found.await?)
}

impl Check {
    fn begin() -> Option<Check> {
        let one_more = |checks| (checks < CHECKS_LIMIT).then_some(checks + 1);
        CHECKS.fetch_update(Relaxed, Relaxed, one_more).ok().map(|_| Check)
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        CHECKS.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
impl Verdict {
    /// Finds out here and now.
    pub(crate) fn decide(self) -> Result<(), Unauthenticated> {
        match self {
            Verdict::Known(known) => known,
            Verdict::Costly(find_out) => find_out(),
        }
    }
}
