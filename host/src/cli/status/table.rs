//! Writes the status as text.

use std::time::SystemTime;

use super::{
    flow,
    times::{ago, since, span},
};
use crate::{
    cli::aligned,
    control::status::{FailingStatus, PluginState, PluginStatus, ReloadOutcome, Status},
    log_line::clean::{VALUE_LIMIT_BYTES, one_line},
    swap::attempt::{Attempt, Outcome},
};

const HEADS: [&str; 10] =
    ["PLUGIN", "VERSION", "HASH", "GEN", "SINCE", "STATE", "CALLS", "NS/ITEM", "ERRORS", "LAST"];
const HASH_DIGITS: usize = 12;

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";

/// Returns a line for each receiver, destination and plugin, and below them the sentences that do not fit
/// into a table. The text ends with a line break.
pub(super) fn table(status: &Status, now: SystemTime, colour: bool) -> String {
    let paint = |code, text: String| if colour { paint(code, &text) } else { text };
    let mut lines = vec![paint(BOLD, summary(status, now))];
    let tables = [
        flow::receivers(&status.receivers),
        flow::untaken(&status.untaken),
        flow::destinations(&status.destinations, now),
    ];
    for rows in tables {
        let mut rows = rows.into_iter();
        let heads = rows.next().map(|heads| paint(BOLD, heads));
        lines.extend(heads.into_iter().flat_map(|heads| [String::new(), heads]));
        lines.extend(rows);
    }
    lines.push(String::new());
    if status.plugins.is_empty() {
        lines.push("no plugin runs".to_owned());
    } else {
        let heads = HEADS.map(str::to_owned);
        let rows = status.plugins.iter().map(|plugin| {
            let last = match &plugin.last {
                None => "-".to_owned(),
                Some(attempt) => paint(outcome_colour(attempt.outcome), outcome(attempt, now)),
            };
            row(plugin, last, now)
        });
        let mut rows = aligned(std::iter::once(heads).chain(rows).collect()).into_iter();
        lines.extend(rows.next().map(|heads| paint(BOLD, heads)));
        lines.extend(rows);
    }
    let of_destinations = status.destinations.iter().flat_map(|one| flow::notes(one, now));
    let of_plugins = status.plugins.iter().flat_map(|plugin| notes(plugin, now));
    let of_receivers = status.untaken.iter().filter_map(flow::why_untaken);
    let notes: Vec<String> = of_receivers.chain(of_destinations).chain(of_plugins).collect();
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines.join("\n") + "\n"
}

fn summary(status: &Status, now: SystemTime) -> String {
    let up = span(since(status.started, now));
    let config = &status.config;
    let loaded = ago(config.loaded, now);
    let rejected = config.last.as_ref().filter(|last| last.outcome == ReloadOutcome::Rejected);
    let rejected = rejected.map(|last| {
        let why = last.why.as_deref().map(|why| format!(": {}", first_line(why))).unwrap_or_default();
        format!("; another was rejected {}{why}", ago(last.at, now))
    });
    let rejected = rejected.unwrap_or_default();
    format!("Spanloom {}, up {up}, config read {loaded}{rejected}", status.version)
}

/// Returns the cells of a plugin. `last` may be coloured, since it is the last column.
fn row(plugin: &PluginStatus, last: String, now: SystemTime) -> [String; HEADS.len()] {
    let state = state(plugin.state);
    let errors = plugin.errors.accidents.saturating_add(plugin.errors.refusals);
    [
        plugin.name.clone(),
        first_line(&plugin.version),
        plugin.sha256.chars().take(HASH_DIGITS).collect(),
        plugin.generation.to_string(),
        ago(plugin.since, now),
        if plugin.paused { format!("{state}, paused") } else { state.to_owned() },
        plugin.calls.to_string(),
        plugin.ns_per_item.map_or("-".to_owned(), |ns| format!("{ns:.1}")),
        errors.to_string(),
        last,
    ]
}

/// Returns sentences that do not fit into the table.
fn notes(plugin: &PluginStatus, now: SystemTime) -> Vec<String> {
    let name = &plugin.name;
    let last = plugin.last.as_ref().and_then(|attempt| {
        let why = attempt.why.as_deref().map(first_line)?;
        Some(format!("{name}: {}: {why}", outcome(attempt, now)))
    });
    let shadow = plugin.shadow.as_ref().map(|shadow| {
        let first = shadow.first_difference.as_deref().map(first_line);
        let first = first.map(|first| format!("; the first difference: {first}")).unwrap_or_default();
        format!(
            "{name}: shadow: {} batches: {} the same, {} different, {} failed; {} skipped{first}",
            shadow.batches, shadow.same, shadow.different, shadow.failed, shadow.skipped
        )
    });
    let failing = plugin.failing.map(|FailingStatus { batches, left_alone }| match left_alone {
        true => format!(
            "{name}: failing: the last {batches} batches, and made-up data: it is not called for a while"
        ),
        false => format!(
            "{name}: failing: the last {batches} batches, but not made-up data: it is called for each, the log says why it fails"
        ),
    });
    last.into_iter().chain(failing).chain(shadow).collect()
}

/// Writes the outcome and its time: `rejected 5m ago`.
fn outcome(attempt: &Attempt, now: SystemTime) -> String {
    format!("{} {}", attempt.outcome.as_str().replace('_', " "), ago(attempt.at, now))
}

fn outcome_colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rejected | Outcome::RolledBack => RED,
        Outcome::Swapped | Outcome::Unchanged | Outcome::Canary | Outcome::Shadowing => GREEN,
    }
}

fn state(state: PluginState) -> &'static str {
    match state {
        PluginState::Serving => "serving",
        PluginState::Probation => "probation",
        PluginState::Canary => "canary",
        PluginState::Shadow => "shadow",
    }
}

/// Returns the first line without control characters, so that texts of plugins and destinations do not affect
/// the terminal.
fn first_line(text: &str) -> String {
    one_line(text.lines().next().unwrap_or_default(), VALUE_LIMIT_BYTES)
}

fn paint(code: &str, text: &str) -> String {
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::tests::status;

    /// Returns a time half a second ahead, so that the printed times hold while the test runs.
    fn now() -> SystemTime {
        SystemTime::now() + Duration::from_millis(500)
    }

    /// Scenario: a status has receivers, destinations, and plugins with errors.
    /// Guarantees: each is a line of a table, and longer texts are below.
    #[test]
    fn what_runs_is_a_line_a_plugin_and_what_needs_a_sentence_is_below() {
        let expected = "\
Spanloom 0.1.0, up 2h 5m, config read 2h 5m ago; another was rejected 5m ago: unknown key `exporterz`

RECEIVER  TRANSPORT  SIGNAL  ACCEPTED  REFUSED
otlp      grpc       traces  1000      0
otlp      http       logs    20        3

REQUESTS TO  TRANSPORT  REJECTED  DROPPED
awsxray      udp        3         5

PIPELINE  DESTINATION  DELIVERED  SAMPLED OUT  DROPPED  IN FLIGHT  QUEUE   LAST ERROR
logs      debug        20         0            0        0          -       -
traces    otlp_grpc    700        200          40       60         3/1000  1m ago

PLUGIN  VERSION  HASH          GEN  SINCE      STATE            CALLS  NS/ITEM  ERRORS  LAST
batch   1.2.0    abababababab  1    2h 5m ago  serving, paused  0      -        0       -
redact  1.2.0    abababababab  3    1m ago     probation        1234   61.1     3       rejected 1m ago

awsxray over udp: rejected 2 id, 1 no header; dropped 5 queue_full
traces to otlp_grpc: dropped 30 queue_full, 10 rejected
traces to otlp_grpc: failing for 5m, last 1m ago: connection refused
batch: shadow: 5 batches: 3 the same, 1 different, 1 failed; 2 skipped; the first difference: span 3: `url` is gone
redact: rejected 1m ago: it has no export `processing`
redact: failing: the last 12 batches, but not made-up data: it is called for each, the log says why it fails
";
        let shown = table(&status(), now(), false);
        assert_eq!(shown, expected, "\n{shown}");
    }

    /// Scenario: the same status is shown in colour.
    /// Guarantees: the text without colours is the same.
    #[test]
    fn a_coloured_table_says_the_same() {
        let shown = table(&status(), now(), true);
        assert!(shown.contains("\x1b[31mrejected 1m ago\x1b[0m\n"), "{shown:?}");
        let plain: String =
            shown.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect();
        assert_eq!(plain, table(&status(), now(), false));
    }

    /// Scenario: no plugin, receiver or destination is there.
    /// Guarantees: the status says that no plugin runs.
    #[test]
    fn without_a_plugin_it_says_so() {
        let mut status = status();
        status.plugins.clear();
        status.receivers.clear();
        status.untaken.clear();
        status.destinations.clear();
        status.config.last = None;
        let shown = table(&status, now(), false);
        assert_eq!(shown, "Spanloom 0.1.0, up 2h 5m, config read 2h 5m ago\n\nno plugin runs\n");
    }
}
