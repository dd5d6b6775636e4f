//! The status as text.

use std::time::{Duration, SystemTime};

use crate::{
    cli::aligned,
    swap::status::{Attempt, Outcome, PluginState, PluginStatus, ReloadOutcome, Status},
};

const HEADS: [&str; 10] =
    ["PLUGIN", "VERSION", "HASH", "GEN", "SINCE", "STATE", "CALLS", "NS/ITEM", "ERRORS", "LAST"];
const HASH_DIGITS: usize = 12;

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";

/// What runs, a line a plugin; below it, what needs a sentence. Ends with a line's end.
pub(super) fn table(status: &Status, now: SystemTime, colour: bool) -> String {
    let paint = |code, text: String| if colour { paint(code, &text) } else { text };
    let mut lines = vec![paint(BOLD, summary(status, now))];
    if status.plugins.is_empty() {
        lines.push("no plugin runs".to_owned());
    } else {
        lines.push(String::new());
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
    let notes: Vec<String> = status.plugins.iter().flat_map(|plugin| notes(plugin, now)).collect();
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

/// `last` may be coloured, since nothing follows it.
fn row(plugin: &PluginStatus, last: String, now: SystemTime) -> [String; HEADS.len()] {
    let state = state(plugin.state);
    let errors = plugin.errors.accidents.saturating_add(plugin.errors.refusals);
    [
        plugin.name.clone(),
        plugin.version.clone(),
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

/// What does not fit into the table.
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
    last.into_iter().chain(shadow).collect()
}

/// `rejected 5m ago`
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

fn ago(time: SystemTime, now: SystemTime) -> String {
    format!("{} ago", span(since(time, now)))
}

/// Another machine's clock may be ahead.
fn since(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}

/// `45s`, `12m`, `3h 5m`, `4d 2h`
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {}m", minutes % 60),
        (days, hours, _) => format!("{days}d {}h", hours % 24),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn paint(code: &str, text: &str) -> String {
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::status;

    /// The start of a second, so that what is printed holds while the test runs.
    fn now() -> SystemTime {
        SystemTime::now() + Duration::from_millis(500)
    }

    #[test]
    fn what_runs_is_a_line_a_plugin_and_what_needs_a_sentence_is_below() {
        let expected = "\
Spanloom 0.1.0, up 2h 5m, config read 2h 5m ago; another was rejected 5m ago: unknown key `exporterz`

PLUGIN  VERSION  HASH          GEN  SINCE      STATE            CALLS  NS/ITEM  ERRORS  LAST
batch   1.2.0    abababababab  1    2h 5m ago  serving, paused  0      -        0       -
redact  1.2.0    abababababab  3    1m ago     probation        1234   61.1     3       rejected 1m ago

batch: shadow: 5 batches: 3 the same, 1 different, 1 failed; 2 skipped; the first difference: span 3: `url` is gone
redact: rejected 1m ago: it has no export `processing`
";
        let shown = table(&status(), now(), false);
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn a_coloured_table_says_the_same() {
        let shown = table(&status(), now(), true);
        assert!(shown.contains("\x1b[31mrejected 1m ago\x1b[0m\n"), "{shown:?}");
        let plain: String =
            shown.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect();
        assert_eq!(plain, table(&status(), now(), false));
    }

    #[test]
    fn without_a_plugin_it_says_so() {
        let mut status = status();
        status.plugins.clear();
        status.config.last = None;
        let shown = table(&status, now(), false);
        assert_eq!(shown, "Spanloom 0.1.0, up 2h 5m, config read 2h 5m ago\nno plugin runs\n");
    }

    #[test]
    fn a_span_of_time_has_two_units_at_the_most() {
        let cases =
            [(0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (3_660, "1h 1m"), (180_000, "2d 2h")];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
