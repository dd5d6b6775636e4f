//! The ledger in the text exposition.

use std::fmt::Write as _;

use crate::receipt::ledger::Balance;

const HEAD: &str = "\
# HELP spanloom_ledger_items Spans, data points and log records by what became of them: \
received = delivered + sampled_out + dropped + in_flight.
# TYPE spanloom_ledger_items gauge
";

/// Writes the lines of each account. A reason is written only if items were dropped for it.
pub(super) fn write(text: &mut String, balances: &[Balance]) {
    if balances.is_empty() {
        return;
    }
    text.push_str(HEAD);
    for balance in balances {
        let (pipeline, destination) = (escaped(&balance.pipeline), escaped(&balance.destination));
        let account = format!(r#"pipeline="{pipeline}",destination="{destination}""#);
        let mut line = |state: &str, items: u64| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "spanloom_ledger_items{{{account},{state}}} {items}");
        };
        line(r#"state="received""#, balance.received);
        line(r#"state="delivered""#, balance.delivered);
        line(r#"state="sampled_out""#, balance.sampled_out);
        line(r#"state="in_flight""#, balance.in_flight);
        for (reason, items) in &balance.dropped {
            line(&format!(r#"state="dropped",reason="{}""#, reason.as_str()), *items);
        }
    }
    text.push('\n');
}

/// Escapes a label's value for the exposition format.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::Reason;

    /// Scenario: an account has items in several states, and its pipeline's name holds quotes.
    /// Guarantees: each state and each reason has its line, with the name escaped.
    #[test]
    fn each_account_has_its_lines() {
        let balance = Balance {
            pipeline: "traces/\"a\"".to_owned(),
            destination: "otlp".to_owned(),
            received: 9,
            delivered: 4,
            sampled_out: 0,
            dropped: vec![(Reason::QueueFull, 2), (Reason::Rejected, 1)],
            in_flight: 2,
        };
        let mut text = String::new();
        write(&mut text, &[balance]);
        let of_account = r#"spanloom_ledger_items{pipeline="traces/\"a\"",destination="otlp",state="#;
        let expected: String = [
            r#""received"} 9"#,
            r#""delivered"} 4"#,
            r#""sampled_out"} 0"#,
            r#""in_flight"} 2"#,
            r#""dropped",reason="queue_full"} 2"#,
            r#""dropped",reason="rejected"} 1"#,
        ]
        .map(|line| format!("{of_account}{line}\n"))
        .concat();
        assert_eq!(text, format!("{HEAD}{expected}\n"));
    }
}
