//! The bound of what an assembly holds.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

/// Bytes of which part is used. Those who need more wait for a while.
pub(super) struct Budget {
    limit_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
}

impl Budget {
    pub(super) fn new(limit_bytes: usize) -> Budget {
        Budget {
            limit_bytes: AtomicUsize::new(limit_bytes),
            used_bytes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    pub(super) fn limit_bytes(&self) -> usize {
        self.limit_bytes.load(SeqCst)
    }

    pub(super) fn set_limit(&self, limit_bytes: usize) {
        self.limit_bytes.store(limit_bytes, SeqCst);
        self.freed.notify_waiters();
    }

    /// Returns whether someone waits for bytes, so that those who hold some should give them back.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.load(SeqCst) > 0
    }

    /// Takes bytes, and waits for them if need be. Those who could give some back are told by `give_back`.
    /// Returns `None` if there were not enough in time.
    pub(super) async fn take(
        budget: &Arc<Budget>,
        bytes: usize,
        patience: Duration,
        give_back: impl Fn(),
    ) -> Option<Taken> {
        let taken = || budget.try_take(bytes).then(|| Taken { budget: budget.clone(), bytes });
        if let Some(taken) = taken() {
            return Some(taken);
        }
        let _waiting = Waiting::new(budget);
        let taking = async {
            loop {
                let freed = budget.freed.notified();
                give_back();
                if let Some(taken) = taken() {
                    return taken;
                }
                freed.await;
            }
        };
        timeout(patience, taking).await.ok()
    }

    fn try_take(&self, bytes: usize) -> bool {
        let limit_bytes = self.limit_bytes();
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= limit_bytes);
        self.used_bytes.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Replaces bytes that were used by those that are used now. If there are more, the rest is used of those that
    /// were taken for this.
    pub(super) fn change(&self, from_bytes: usize, to_bytes: usize, taken: Option<&mut Taken>) {
        if to_bytes < from_bytes {
            self.used_bytes.fetch_sub(from_bytes - to_bytes, SeqCst);
            self.freed.notify_waiters();
            return;
        }
        let mut more_bytes = to_bytes - from_bytes;
        if let Some(taken) = taken {
            let of_taken = more_bytes.min(taken.bytes);
            taken.bytes -= of_taken;
            more_bytes -= of_taken;
        }
        self.used_bytes.fetch_add(more_bytes, SeqCst);
    }

    /// Waits for something that comes true when bytes are given back. Returns whether it did in time.
    pub(super) async fn wait_until(&self, patience: Duration, is_so: impl Fn() -> bool) -> bool {
        let waiting = async {
            loop {
                let freed = self.freed.notified();
                if is_so() {
                    return;
                }
                freed.await;
            }
        };
        timeout(patience, waiting).await.is_ok()
    }
}

/// Bytes of the budget, which are given back at the end.
pub(super) struct Taken {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.budget.change(self.bytes, 0, None);
    }
}

/// One who waits, until it is dropped.
struct Waiting<'a>(&'a Budget);

impl Waiting<'_> {
    fn new(budget: &Budget) -> Waiting<'_> {
        budget.waiting.fetch_add(1, SeqCst);
        Waiting(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: one needs more than is left, and waits; bytes come back; another needs more than there are.
    /// Guarantees: the first gets them, the second does not; while one waits, the budget is short.
    #[tokio::test(start_paused = true)]
    async fn those_who_need_more_wait_for_what_comes_back() {
        let budget = Arc::new(Budget::new(10));
        let used_bytes = || budget.used_bytes.load(SeqCst);
        let minute = Duration::from_secs(60);
        let first = Budget::take(&budget, 8, minute, || panic!("there is enough")).await.unwrap();
        let (second, ()) = tokio::join!(Budget::take(&budget, 4, minute, || {}), async {
            assert!(budget.is_short());
            drop(first);
        });
        assert_eq!((second.is_some(), budget.is_short(), used_bytes()), (true, false, 4));
        assert!(Budget::take(&budget, 11, minute, || {}).await.is_none());
        assert!(!budget.is_short());
        drop(second);
        assert_eq!(used_bytes(), 0);
    }
}
