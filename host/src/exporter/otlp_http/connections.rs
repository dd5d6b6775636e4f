//! How many connections `otlp_http` makes, and through which proxy.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use http::{Uri, Version};
use reqwest::{Proxy, Url};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::Signal;

use crate::exporter::otlp::proxy::Proxies;

/// The limit for each signal. In the Collector, too, each signal has a client of its own.
pub(super) struct Limits([Limit; 3]);

/// The limit of connections to one host. In HTTP/1.1, a request under way needs a connection of its own. As in
/// Go's client, the limit does not hold for HTTP/2, where all requests share one.
pub(super) struct Limit {
    /// `None` if there is no limit.
    free: Option<Arc<Semaphore>>,
    /// The destination has answered over HTTP/2.
    is_shared: AtomicBool,
}

impl Limits {
    /// `max` is the value of `max_conns_per_host`; 0 means no limit.
    pub(super) fn new(max: usize) -> Limits {
        Limits(std::array::from_fn(|_| Limit::new(max)))
    }

    pub(super) fn of(&self, signal: Signal) -> &Limit {
        let Limits([traces, metrics, logs]) = self;
        match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        }
    }
}

impl Limit {
    fn new(max: usize) -> Limit {
        let max = Some(max).filter(|max| *max > 0);
        let free = max.map(|max| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))));
        Limit { free, is_shared: AtomicBool::new(false) }
    }

    /// Waits until another request may be under way. It is, for as long as the returned value lives.
    pub(super) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let free = self.free.as_ref().filter(|_| !self.is_shared.load(Relaxed))?;
        free.clone().acquire_owned().await.ok()
    }

    /// Takes note of the version of an answer.
    pub(super) fn note(&self, version: Version) {
        if self.free.is_some() && version == Version::HTTP_2 {
            self.is_shared.store(true, Relaxed);
        }
    }
}

/// Returns the proxies that the environment names, if it names any.
pub(super) fn proxy_of_environment() -> Option<Proxy> {
    let proxies = Proxies::of_environment();
    if proxies.is_empty() {
        return None;
    }
    Some(Proxy::custom(move |url: &Url| {
        let destination = Uri::try_from(url.as_str()).ok()?;
        proxies.address(&destination).map(str::to_owned)
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Scenario: one connection is allowed, and the destination answers over HTTP/1.1, then over HTTP/2.
    /// Guarantees: a second request waits for the first, until requests share a connection.
    #[tokio::test(start_paused = true)]
    async fn requests_wait_for_a_connection_of_their_own() {
        const SOON: Duration = Duration::from_secs(1);
        let limit = Limit::new(1);
        let first = limit.wait().await;
        assert!(first.is_some());
        limit.note(Version::HTTP_11);
        assert!(timeout(SOON, limit.wait()).await.is_err());
        drop(first);
        let _second = timeout(SOON, limit.wait()).await.unwrap();
        limit.note(Version::HTTP_2);
        assert!(timeout(SOON, limit.wait()).await.unwrap().is_none());
        assert!(Limit::new(0).wait().await.is_none());
    }
}
