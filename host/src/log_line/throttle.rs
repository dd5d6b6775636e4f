//! Keeps repeated failures from filling the log.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const PERIOD: Duration = Duration::from_secs(10);

/// Admits the first message, and then one message in each period of ten seconds.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    withheld: Withheld,
}

/// The similar messages that were withheld since the last admitted one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    pub messages: u64,
    /// The number of items that the messages were about.
    pub items: u64,
}

impl Throttle {
    /// Returns `Some` if the message may be written now: the number of similar messages that were withheld
    /// since the last one.
    pub fn admit(&self) -> Option<u64> {
        self.admit_about(0).map(|withheld| withheld.messages)
    }

    /// Does the same for a message about this many items.
    pub fn admit_about(&self, items: usize) -> Option<Withheld> {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < PERIOD) {
            state.withheld.messages += 1;
            state.withheld.items += items as u64;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: three messages come in one period, and one in the next.
    /// Guarantees: the first passes, and the fourth passes with the number of those withheld.
    #[tokio::test(start_paused = true)]
    async fn the_first_message_passes_and_the_next_counts_those_withheld() {
        let throttle = Throttle::default();
        assert_eq!(throttle.admit(), Some(0));
        assert_eq!((throttle.admit(), throttle.admit()), (None, None));
        tokio::time::advance(PERIOD).await;
        assert_eq!(throttle.admit(), Some(2));
    }

    /// Scenario: messages about items are withheld.
    /// Guarantees: the next message gets the sum of their items.
    #[tokio::test(start_paused = true)]
    async fn the_items_of_withheld_messages_are_added_up() {
        let throttle = Throttle::default();
        assert_eq!(throttle.admit_about(5), Some(Withheld::default()));
        assert_eq!((throttle.admit_about(3), throttle.admit_about(4)), (None, None));
        tokio::time::advance(PERIOD).await;
        assert_eq!(throttle.admit_about(1), Some(Withheld { messages: 2, items: 7 }));
    }
}
