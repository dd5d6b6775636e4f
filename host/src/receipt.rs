//! Receipts: they record who waits for the outcome of a request, and tell it to each of them.
//!
//! A sender hands in one request and holds a [`Verdict`]. Every batch that carries part of the request holds
//! a clone of the request's [`Receipt`]. When the last clone is dropped, the sender gets its verdict:
//! delivered everywhere, or the worst failure of any part. The number of items is counted separately, in the
//! [`ledger`].
//!
//! A receipt is a list of releases. The first is the sender's. A stage that waits for the outcome adds its
//! own ([`Receipt::add`]), and no other code needs to know of it.

mod code;
pub mod ledger;
mod loss;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use smallvec::SmallVec;
use tokio::sync::oneshot;

pub use code::Code;
pub use loss::Loss;

/// A share in one request: one of the holders of each of its releases. Cloning takes another share, and
/// dropping releases the share.
#[derive(Clone, Debug, Default)]
pub struct Receipt(SmallVec<[Arc<Release>; 1]>);

/// Tells one waiter the outcome when its last holder drops it.
struct Release {
    worst: Mutex<Option<Failure>>,
    tell: Mutex<Option<Tell>>,
}

type Tell = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// The outcome of a request. Resolves when every share of the receipt is released.
#[derive(Debug)]
pub struct Verdict(oneshot::Receiver<Result<(), Failure>>);

/// The reason why items were not delivered, what their sender is told, and whether another attempt may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub reason: Reason,
    /// See [`Failure::code_for_sender`].
    pub code: Code,
    pub message: String,
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Another attempt with the same bytes will fail too.
    Never,
    /// Another attempt may help, after this delay if the destination named one.
    After(Option<Duration>),
}

/// The reason why items were dropped or refused. The ledger shows the reason as the label `reason`.
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
    /// A single item is larger than the destination accepts.
    TooLarge,
    /// The item's time is before the times that the destination accepts.
    TooOld,
    /// The item's time is after the times that the destination accepts.
    TooNew,
    /// `shutdown_timeout` passed before the destination accepted the items.
    Shutdown,
    /// The sender hung up while its request waited for room, or the task that held the batch ended without
    /// settling it.
    Abandoned,
    /// A plugin removed the items.
    Filtered,
    /// A plugin failed, and its `on_failure` says `drop`, or no sender was left to reject the items to.
    PluginFailed,
    /// The process uses all the memory that it may (`service.memory_limit_mib`).
    MemoryShort,
}

impl Reason {
    pub const ALL: [Reason; 12] = [
        Reason::QueueFull,
        Reason::RetriesExhausted,
        Reason::Rejected,
        Reason::PartiallyRejected,
        Reason::TooLarge,
        Reason::TooOld,
        Reason::TooNew,
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
            Reason::TooOld => "too_old",
            Reason::TooNew => "too_new",
            Reason::Shutdown => "shutdown",
            Reason::Abandoned => "abandoned",
            Reason::Filtered => "filtered",
            Reason::PluginFailed => "plugin_failed",
            Reason::MemoryShort => "memory_short",
        }
    }
}

impl Failure {
    /// Returns a failure for which no destination gave a code. It is told as [`Code::Internal`].
    pub fn permanent(reason: Reason, message: impl Into<String>) -> Failure {
        Failure { reason, code: Code::Internal, message: message.into(), retry: Retry::Never }
    }

    /// Returns a failure for which no destination gave a code. It is told as [`Code::Unavailable`].
    pub fn retryable(reason: Reason, message: impl Into<String>) -> Failure {
        Failure { reason, code: Code::Unavailable, message: message.into(), retry: Retry::After(None) }
    }

    #[must_use]
    pub fn with_code(self, code: Code) -> Failure {
        Failure { code, ..self }
    }

    pub fn is_retryable(&self) -> bool {
        matches!(self.retry, Retry::After(_))
    }

    /// Returns the code, unless it says the opposite of `retry`: a sender must neither repeat for ever what can
    /// never succeed, nor give up what may succeed later.
    pub fn code_for_sender(&self) -> Code {
        match self.code {
            Code::ResourceExhausted => Code::ResourceExhausted,
            code if code.is_retryable() == self.is_retryable() => code,
            _ if self.is_retryable() => Code::Unavailable,
            _ => Code::Internal,
        }
    }

    /// Returns whether a sender that can be told of one failure is told of this one and not of the other.
    ///
    /// A retryable failure outweighs a permanent one, so that nothing is lost that could be delivered. Of two
    /// retryable failures the one with the longer delay counts, so that no destination is asked too soon. A
    /// failure of all items outweighs a partial success. Otherwise the failure that was met first counts.
    pub fn outweighs(&self, other: &Failure) -> bool {
        self.weight() > other.weight()
    }

    fn weight(&self) -> (u8, Duration) {
        match self.retry {
            Retry::After(delay) => (2, delay.unwrap_or_default()),
            Retry::Never => (u8::from(self.reason != Reason::PartiallyRejected), Duration::ZERO),
        }
    }
}

impl Receipt {
    /// Returns the receipt for a sender that is answered as soon as its request is accepted. Nobody waits for
    /// a verdict.
    pub fn unawaited() -> Receipt {
        Receipt::default()
    }

    /// Returns a receipt and the verdict that it leads to.
    pub fn awaited() -> (Receipt, Verdict) {
        let (verdict, wait) = oneshot::channel();
        // Sending fails if the sender has hung up. Then nobody waits for the answer.
        let receipt = Receipt::releasing(move |outcome| drop(verdict.send(outcome)));
        (receipt, Verdict(wait))
    }

    /// Returns a receipt that tells the outcome when its last clone is dropped. `tell` is called once, wherever
    /// that happens, and must not block.
    pub fn releasing(tell: impl FnOnce(Result<(), Failure>) + Send + 'static) -> Receipt {
        let release = Release { worst: Mutex::default(), tell: Mutex::new(Some(Box::new(tell))) };
        Receipt(SmallVec::from_buf([Arc::new(release)]))
    }

    /// Adds the releases of another receipt, which then also get the outcome of this share.
    pub fn add(&mut self, other: Receipt) {
        self.0.extend(other.0);
    }

    /// Returns whether anyone waits for the verdict.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.0.is_empty()
    }

    /// Identifies the waiters. All shares in a request have the same identity, and so have all unawaited
    /// receipts.
    pub(crate) fn identity(&self) -> SmallVec<[usize; 1]> {
        self.0.iter().map(|release| Arc::as_ptr(release) as usize).collect()
    }

    /// Records that this share was not delivered. The sender is told of the failure that
    /// [outweighs](Failure::outweighs) the others.
    pub fn fail(&self, failure: &Failure) {
        for release in &self.0 {
            let mut worst = release.worst.lock().unwrap_or_else(PoisonError::into_inner);
            if worst.as_ref().is_none_or(|known| failure.outweighs(known)) {
                *worst = Some(failure.clone());
            }
        }
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        let worst = self.worst.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = self.tell.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            tell(worst.map_or(Ok(()), Err));
        }
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release").field("worst", &self.worst).finish_non_exhaustive()
    }
}

impl Verdict {
    /// Waits for the outcome: `Ok` when every destination has every item, and otherwise the worst failure of
    /// any part.
    pub async fn wait(self) -> Result<(), Failure> {
        self.0
            .await
            .unwrap_or_else(|_| Err(Failure::retryable(Reason::Abandoned, "the request was abandoned")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a request has two shares, which are released one after the other.
    /// Guarantees: the sender is answered once, after the second.
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

    /// Scenario: a stage adds a release of its own to one of two shares; the other share is delivered later.
    /// Guarantees: the stage is told when its share is settled, and the sender when both are.
    #[tokio::test]
    async fn each_release_is_told_when_its_own_shares_are_settled() {
        let (mut receipt, sender) = Receipt::awaited();
        let later = receipt.clone();
        let (own, stage) = Receipt::awaited();
        receipt.add(own);
        assert_ne!(receipt.identity(), later.identity());
        receipt.fail(&Failure::permanent(Reason::Rejected, "bad"));
        drop(receipt);
        assert_eq!(stage.wait().await.map_err(|failure| failure.reason), Err(Reason::Rejected));
        let mut sender = Box::pin(sender.wait());
        assert!(futures::poll!(&mut sender).is_pending());
        drop(later);
        assert_eq!(sender.await.map_err(|failure| failure.reason), Err(Reason::Rejected));
    }

    /// Scenario: one destination fails for good, and another could accept the request later.
    /// Guarantees: the sender is told that another attempt may help.
    #[tokio::test]
    async fn a_retryable_failure_outweighs_a_permanent_one() {
        let (receipt, verdict) = Receipt::awaited();
        receipt.fail(&Failure::permanent(Reason::Rejected, "bad"));
        receipt.fail(&Failure::retryable(Reason::QueueFull, "full"));
        drop(receipt);
        assert_eq!(verdict.wait().await.map_err(|failure| failure.reason), Err(Reason::QueueFull));
    }

    /// Scenario: destinations fail in different ways, in either order.
    /// Guarantees: retryable failures win, then longer delays, then failures of all items, then the first.
    #[test]
    fn one_failure_of_several_is_told() {
        let again = |delay| Failure {
            retry: Retry::After(delay),
            ..Failure::permanent(Reason::RetriesExhausted, "busy")
        };
        let second = Duration::from_secs(1);
        let rising = [
            Failure::permanent(Reason::PartiallyRejected, "some"),
            Failure::permanent(Reason::Rejected, "bad").with_code(Code::InvalidArgument),
            again(None),
            again(Some(second)),
            again(Some(2 * second)),
        ];
        for (at, lighter) in rising.iter().enumerate() {
            assert!(!lighter.outweighs(lighter));
            for heavier in &rising[at + 1..] {
                assert!(heavier.outweighs(lighter) && !lighter.outweighs(heavier), "{heavier:?}");
            }
        }
    }

    /// Scenario: a failure has each code, and is retryable or not.
    /// Guarantees: its code is told unless the code says the opposite.
    #[test]
    fn a_code_that_says_the_opposite_is_not_told() {
        let retried = [1, 4, 10, 11, 14, 15];
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), code);
            let number = code.number();
            let permanent = Failure::permanent(Reason::Rejected, "no").with_code(code);
            let expected = if retried.contains(&number) { Code::Internal } else { code };
            assert_eq!(permanent.code_for_sender(), expected, "{code:?}");
            let retryable = Failure::retryable(Reason::RetriesExhausted, "busy").with_code(code);
            let keeps = retried.contains(&number) || number == 8;
            let expected = if keeps { code } else { Code::Unavailable };
            assert_eq!(retryable.code_for_sender(), expected, "{code:?}");
        }
        assert_eq!([0, 17, -1].map(Code::from_number), [Code::Unknown; 3]);
    }
}
