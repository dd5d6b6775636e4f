//! Receipts: who sent a batch, and what is still owed for it.
//!
//! A sender hands in one request and holds a [`Verdict`]; every batch that carries part of that request holds a
//! clone of its [`Receipt`]. When the last clone is released the sender has its verdict: delivered everywhere, or
//! the worst failure that any part met. The item counts are kept apart, in the [`ledger`].

pub mod ledger;
mod loss;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::oneshot;

pub use loss::Loss;

/// A share in one request of one sender. Cloning takes another share; dropping releases it.
#[derive(Clone, Debug, Default)]
pub struct Receipt(Option<Arc<Request>>);

#[derive(Debug)]
struct Request {
    worst: Mutex<Option<Failure>>,
    verdict: Mutex<Option<oneshot::Sender<Result<(), Failure>>>>,
}

/// Resolves when every share of the receipt has been released.
#[derive(Debug)]
pub struct Verdict(oneshot::Receiver<Result<(), Failure>>);

/// Why something was not delivered, and whether sending it again may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub reason: Reason,
    pub message: String,
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same bytes will fail again.
    Never,
    /// Worth another try, after this long if the one that refused said so.
    After(Option<Duration>),
}

/// Why items were dropped or refused; the `reason` label of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// The destination's sending queue had no room.
    QueueFull,
    /// `retry_on_failure.max_elapsed_time` passed without success.
    RetriesExhausted,
    /// The destination said that the data will never be accepted.
    Rejected,
    /// The destination accepted the request but not these items (OTLP partial success).
    PartiallyRejected,
    /// One item alone is larger than the destination takes.
    TooLarge,
    /// `shutdown_timeout` passed before the destination took them.
    Shutdown,
    /// The sender went away while its request was waiting for room.
    Abandoned,
    /// A plugin took them out.
    Filtered,
    /// A plugin failed, and its `on_failure` says `drop`; or nobody was left to reject them to.
    PluginFailed,
    /// The process has all the memory that it may (`service.memory_limit_mib`).
    MemoryShort,
}

impl Reason {
    pub const ALL: [Reason; 10] = [
        Reason::QueueFull,
        Reason::RetriesExhausted,
        Reason::Rejected,
        Reason::PartiallyRejected,
        Reason::TooLarge,
        Reason::Shutdown,
        Reason::Abandoned,
        Reason::Filtered,
        Reason::PluginFailed,
        Reason::MemoryShort,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Reason::QueueFull => "queue_full",
            Reason::RetriesExhausted => "retries_exhausted",
            Reason::Rejected => "rejected",
            Reason::PartiallyRejected => "partially_rejected",
            Reason::TooLarge => "too_large",
            Reason::Shutdown => "shutdown",
            Reason::Abandoned => "abandoned",
            Reason::Filtered => "filtered",
            Reason::PluginFailed => "plugin_failed",
            Reason::MemoryShort => "memory_short",
        }
    }
}

impl Failure {
    pub fn permanent(reason: Reason, message: impl Into<String>) -> Failure {
        Failure { reason, message: message.into(), retry: Retry::Never }
    }

    pub fn retryable(reason: Reason, message: impl Into<String>) -> Failure {
        Failure { reason, message: message.into(), retry: Retry::After(None) }
    }

    pub fn is_retryable(&self) -> bool {
        matches!(self.retry, Retry::After(_))
    }
}

impl Receipt {
    /// For a sender that is answered as soon as its request is accepted: nobody waits for a verdict.
    pub fn unawaited() -> Receipt {
        Receipt(None)
    }

    pub fn awaited() -> (Receipt, Verdict) {
        let (verdict, wait) = oneshot::channel();
        let request = Request { worst: Mutex::new(None), verdict: Mutex::new(Some(verdict)) };
        (Receipt(Some(Arc::new(request))), Verdict(wait))
    }

    /// The same for all shares in one request, and for all that nobody waits for.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |request| Arc::as_ptr(request) as usize)
    }

    /// Notes that this share was not delivered. A retryable failure outweighs a permanent one: the sender may try again.
    pub fn fail(&self, failure: &Failure) {
        let Some(request) = &self.0 else { return };
        let mut worst = request.worst.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if worst.as_ref().is_none_or(|known| !known.is_retryable() && failure.is_retryable()) {
            *worst = Some(failure.clone());
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let worst = self.worst.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let verdict = self.verdict.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(verdict) = verdict {
            // The sender may have hung up; then nobody is owed the answer.
            let _ = verdict.send(worst.map_or(Ok(()), Err));
        }
    }
}

impl Verdict {
    /// `Ok` when every destination has everything, else the worst failure that any part met.
    pub async fn wait(self) -> Result<(), Failure> {
        self.0
            .await
            .unwrap_or_else(|_| Err(Failure::retryable(Reason::Abandoned, "the request was abandoned")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request split in two is answered once, after both parts.
    #[tokio::test]
    async fn the_verdict_waits_for_the_last_share() {
        let (receipt, verdict) = Receipt::awaited();
        let other = receipt.clone();
        drop(receipt);
        let mut wait = Box::pin(verdict.wait());
        assert!(futures::poll!(&mut wait).is_pending());
        drop(other);
        assert_eq!(wait.await, Ok(()));
    }

    /// One destination refuses for good, another for now: the sender is told that a retry may help.
    #[tokio::test]
    async fn a_retryable_failure_outweighs_a_permanent_one() {
        let (receipt, verdict) = Receipt::awaited();
        receipt.fail(&Failure::permanent(Reason::Rejected, "bad"));
        receipt.fail(&Failure::retryable(Reason::QueueFull, "full"));
        drop(receipt);
        assert_eq!(verdict.wait().await.map_err(|failure| failure.reason), Err(Reason::QueueFull));
    }
}
