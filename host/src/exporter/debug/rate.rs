//! Limits how many batches a second are shown.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Allows the first `initial` batches of each second, and then every `thereafter`-th.
pub(super) struct Rate {
    initial: u64,
    thereafter: u64,
    second: Mutex<Option<Second>>,
}

struct Second {
    began: Instant,
    batches: u64,
}

impl Rate {
    pub(super) fn new(initial: u64, thereafter: u64) -> Rate {
        Rate { initial, thereafter, second: Mutex::new(None) }
    }

    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut second = self.second.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let current = second
            .take()
            .filter(|second| now.duration_since(second.began) < Duration::from_secs(1))
            .unwrap_or(Second { began: now, batches: 0 });
        let batches = current.batches.saturating_add(1);
        *second = Some(Second { batches, ..current });
        match batches.checked_sub(self.initial) {
            None | Some(0) => true,
            Some(further) => self.thereafter > 0 && further.is_multiple_of(self.thereafter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(initial: u64, thereafter: u64, batches: u64) -> Vec<u64> {
        let (rate, now) = (Rate::new(initial, thereafter), Instant::now());
        (1..=batches).filter(|_| rate.allows(now)).collect()
    }

    /// Scenario: several batches arrive within a second, with several values of `sampling_initial` and
    /// `sampling_thereafter`.
    /// Guarantees: those are shown that the Collector would show.
    #[test]
    fn after_the_first_few_every_nth_batch_is_shown() {
        assert_eq!(shown(2, 1, 5), [1, 2, 3, 4, 5]);
        assert_eq!(shown(2, 3, 9), [1, 2, 5, 8]);
        assert_eq!(shown(1, 0, 9), [1]);
    }

    /// Scenario: batches arrive in two seconds.
    /// Guarantees: each second starts a new count.
    #[test]
    fn each_second_begins_anew() {
        let (rate, now) = (Rate::new(1, 0), Instant::now());
        assert!(rate.allows(now) && !rate.allows(now));
        assert!(rate.allows(now + Duration::from_secs(1)));
    }
}
