//! Logs at the end what happened to everything that was received.

use crate::receipt::{Reason, ledger::Balance};

/// Writes one line if nothing was lost, and otherwise one line for each pipeline and destination.
pub fn log(balances: &[Balance]) {
    if balances.iter().all(|balance| lost(balance) == 0) {
        let ways: Vec<String> = balances.iter().map(in_words).collect();
        tracing::info!("nothing was lost: {}", ways.join("; "));
        return;
    }
    for balance in balances {
        let (pipeline, destination) = (balance.pipeline.as_str(), balance.destination.as_str());
        let (lost, words) = (lost(balance), in_words(balance));
        match lost {
            0 => tracing::info!(pipeline, destination, lost, "{words}"),
            lost => tracing::warn!(pipeline, destination, lost, "{words}"),
        }
    }
}

/// Returns the number of items that should have arrived and have not.
fn lost(balance: &Balance) -> u64 {
    let dropped = balance.dropped.iter().filter(|(reason, _)| *reason != Reason::Filtered);
    dropped.map(|(_, items)| items).sum::<u64>() + balance.in_flight
}

/// Returns the account in words:
/// `traces to otlp: received 9, delivered 4, sampled out 2, dropped 3 (2 rejected, 1 filtered)`
fn in_words(balance: &Balance) -> String {
    let mut words = format!("{} to {}: received {}", balance.pipeline, balance.destination, balance.received);
    let states = [
        ("delivered", balance.delivered),
        ("sampled out", balance.sampled_out),
        ("dropped", balance.dropped_total()),
        ("in flight", balance.in_flight),
    ];
    for (state, items) in states.into_iter().filter(|(_, items)| *items > 0) {
        words += &format!(", {state} {items}");
        if state == "dropped" {
            let by_reason = balance.dropped.iter().map(|(why, items)| format!("{items} {}", why.as_str()));
            words += &format!(" ({})", by_reason.collect::<Vec<_>>().join(", "));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: accounts have items in every state, or none.
    /// Guarantees: the words name each state, and items that a plugin removed do not count as lost.
    #[test]
    fn a_way_is_told_in_words_and_what_a_plugin_took_out_is_not_lost() {
        let mut balance = Balance {
            pipeline: "traces".to_owned(),
            destination: "otlp".to_owned(),
            received: 12,
            delivered: 5,
            sampled_out: 2,
            dropped: vec![(Reason::Rejected, 1), (Reason::Filtered, 3)],
            in_flight: 1,
        };
        let words = "traces to otlp: received 12, delivered 5, sampled out 2, dropped 4 (1 rejected, 3 filtered), in flight 1";
        assert_eq!((in_words(&balance).as_str(), lost(&balance)), (words, 2));
        balance.dropped.remove(0);
        (balance.received, balance.in_flight) = (10, 0);
        assert_eq!(lost(&balance), 0);
        let (pipeline, destination) = ("logs".to_owned(), "debug".to_owned());
        let nothing = Balance { pipeline, destination, ..Balance::default() };
        assert_eq!((in_words(&nothing).as_str(), lost(&nothing)), ("logs to debug: received 0", 0));
    }
}
