//! What all requests under way may hold together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes for requests to hold. Each request's own limit does not bound what ten thousand of them hold.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: usize,
    held_bytes: AtomicUsize,
}

/// What one request holds, given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: AtomicUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the requests under way hold all of {limit_bytes} bytes that they may")]
pub struct OverBudget {
    pub limit_bytes: usize,
}

impl Budget {
    pub fn new(limit_bytes: usize) -> Arc<Budget> {
        Arc::new(Budget { limit_bytes, held_bytes: AtomicUsize::new(0) })
    }

    pub fn hold(self: &Arc<Budget>) -> Arc<Held> {
        Arc::new(Held { budget: self.clone(), bytes: AtomicUsize::new(0) })
    }
}

impl Held {
    /// Holds so many bytes more, or none of them.
    pub fn more(&self, bytes: usize) -> Result<(), OverBudget> {
        let Budget { limit_bytes, held_bytes } = &*self.budget;
        let held = held_bytes.fetch_add(bytes, Relaxed).saturating_add(bytes);
        if held > *limit_bytes {
            held_bytes.fetch_sub(bytes, Relaxed);
            return Err(OverBudget { limit_bytes: *limit_bytes });
        }
        self.bytes.fetch_add(bytes, Relaxed);
        Ok(())
    }

    /// For what became of bytes that may be held already.
    pub fn at_least(&self, bytes: usize) -> Result<(), OverBudget> {
        self.more(bytes.saturating_sub(self.bytes.load(Relaxed)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held_bytes.fetch_sub(*self.bytes.get_mut(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_held_is_there_for_the_next() {
        let budget = Budget::new(100);
        let first = budget.hold();
        let second = budget.hold();
        assert_eq!(first.more(60), Ok(()));
        assert_eq!(second.more(41), Err(OverBudget { limit_bytes: 100 }));
        assert_eq!(second.more(40), Ok(()));
        assert!(second.more(1).is_err());
        drop(first);
        assert_eq!(second.more(60), Ok(()));
        assert_eq!(second.at_least(100), Ok(()));
        assert!(second.at_least(101).is_err());
        drop(second);
        assert_eq!(budget.hold().more(100), Ok(()));
    }
}
