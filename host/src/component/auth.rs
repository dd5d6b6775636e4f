//! The contracts of authentication: who may send to a receiver, and which credentials an exporter sends.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::available_parallelism,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::Url;
use tokio::{sync::Semaphore, time::timeout};

use crate::cpu::{self, Work};

/// Checks an incoming request.
pub trait ServerAuth: Send + Sync {
    /// The error is shown to the sender (401 / UNAUTHENTICATED), so it must not reveal what would have been
    /// right.
    fn authenticate(&self, headers: &HeaderMap) -> Verdict;
    /// The value for `WWW-Authenticate`.
    fn challenge(&self) -> &str;
}

/// Whether a request's credentials are right.
pub enum Verdict {
    Known(Result<(), Unauthenticated>),
    /// The check takes much CPU time, and is made by this function.
    Costly(Box<dyn FnOnce() -> Result<(), Unauthenticated> + Send>),
}

/// Adds credentials to an outgoing request.
pub trait ClientAuth: Send + Sync {
    fn authorize(&self, headers: &mut HeaderMap);
}

/// Signs outgoing requests over HTTP. Unlike the headers of [`ClientAuth`], a signature covers the method, the
/// address, the other headers and the body.
#[async_trait::async_trait]
pub trait RequestSigner: Send + Sync {
    /// Adds the signature's headers. Called for each request that is sent, also if it repeats an earlier one,
    /// when nothing of it changes any more.
    async fn sign(&self, request: UnsignedRequest<'_>) -> Result<(), SignError>;
}

/// A request that is about to be sent.
pub struct UnsignedRequest<'a> {
    pub method: &'a Method,
    /// A signer changes no more than the spelling of the address.
    pub url: &'a mut Url,
    /// With `Host` only if it is not the host of the address.
    pub headers: &'a mut HeaderMap,
    /// The body in pieces, as it is sent.
    pub body: &'a [Bytes],
}

/// Why a request could not be signed. The text is for the operator, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// There are no credentials at present.
    #[error("{0}")]
    NoCredentials(String),
    /// This request can never be signed.
    #[error("{0}")]
    Invalid(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unauthenticated(pub &'static str);

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The checks of other credentials took too long.
    #[error("too many credentials are being checked")]
    Busy,
}

/// The limits of costly checks of all receivers: how many wait or run, and how long one may wait. A client
/// that guesses passwords gets at most half of the cores, and meanwhile all known credentials are accepted.
const CHECKS_LIMIT: usize = 64;
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

static CHECKS: AtomicUsize = AtomicUsize::new(0);
static TURN: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new((cores / 2).max(1)))
});

/// A costly check that waits or runs.
struct Check;

/// Returns whether the authenticator accepts the request.
pub async fn check(auth: &dyn ServerAuth, headers: &HeaderMap) -> Result<(), Denied> {
    let find_out = match auth.authenticate(headers) {
        Verdict::Known(known) => return Ok(known?),
        Verdict::Costly(find_out) => find_out,
    };
    let check = Check::begin().ok_or(Denied::Busy)?;
    let turn = timeout(CHECK_TIMEOUT, TURN.clone().acquire_owned()).await;
    // The semaphore is never closed.
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
    /// Makes a costly check at once, on this thread.
    pub(crate) fn decide(self) -> Result<(), Unauthenticated> {
        match self {
            Verdict::Known(known) => known,
            Verdict::Costly(find_out) => find_out(),
        }
    }
}
