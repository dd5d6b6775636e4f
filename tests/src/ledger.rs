//! The ledger as users read it: `spanloom_ledger_items` on the metrics endpoint.

use std::collections::BTreeMap;

/// The items of one pipeline on their way to one destination, by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub received: u64,
    pub delivered: u64,
    pub sampled_out: u64,
    pub in_flight: u64,
    /// Dropped items by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// The accounts by pipeline and destination.
pub type Ledger = BTreeMap<(String, String), Account>;

impl Account {
    pub fn settled(&self) -> u64 {
        self.delivered + self.sampled_out + self.dropped.values().sum::<u64>()
    }

    /// Returns true if every received item is accounted for.
    pub fn holds(&self) -> bool {
        self.received == self.settled() + self.in_flight
    }
}

/// Reads the accounts from a Prometheus text exposition.
pub fn parse(exposition: &str) -> Ledger {
    let mut ledger = Ledger::new();
    for line in exposition.lines() {
        let Some((labels, value)) =
            line.strip_prefix("spanloom_ledger_items{").and_then(|rest| rest.split_once("} "))
        else {
            continue;
        };
        let label = |name: &str| {
            let start = labels.find(&format!("{name}=\""))? + name.len() + 2;
            labels[start..].split('"').next().map(str::to_owned)
        };
        let key = (label("pipeline").expect("pipeline"), label("destination").expect("destination"));
        let account = ledger.entry(key).or_default();
        let items = value.trim().parse::<f64>().expect("a number") as u64;
        match label("state").expect("state").as_str() {
            "received" => account.received = items,
            "delivered" => account.delivered = items,
            "sampled_out" => account.sampled_out = items,
            "in_flight" => account.in_flight = items,
            "dropped" => {
                account.dropped.insert(label("reason").expect("a reason"), items);
            }
            other => panic!("the ledger has a state `{other}`"),
        }
    }
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an exposition has the series of one account, among others.
    /// Guarantees: its items are read by state, and an item that is in no state breaks the balance.
    #[test]
    fn accounts_are_read_by_pipeline_destination_and_state() {
        let ledger = parse(
            "# TYPE spanloom_ledger_items gauge\n\
             spanloom_ledger_items{pipeline=\"traces\",destination=\"otlp\",state=\"received\"} 5\n\
             spanloom_ledger_items{pipeline=\"traces\",destination=\"otlp\",state=\"delivered\"} 3\n\
             spanloom_ledger_items{pipeline=\"traces\",destination=\"otlp\",state=\"dropped\",reason=\"rejected\"} 1\n\
             other 7\n",
        );
        let account = &ledger[&("traces".to_owned(), "otlp".to_owned())];
        assert_eq!((account.received, account.delivered, account.dropped["rejected"]), (5, 3, 1));
        assert!(!account.holds(), "one item is nowhere");
    }
}
