//! Plugins that produce too much of everything: the host's memory and time stay bounded.

use spanloom_tests::{
    guests::{Guests, Remains, Setup, metric},
    ledger::Account,
};

/// The limit for the growth of the process's memory.
const LIMIT_BYTES: u64 = 300 << 20;

/// Sends ten spans to a plugin whose calls may take a second, and checks that the spans go on once, whatever
/// it does.
async fn check(task: &str) -> Option<Remains> {
    check_within(task, "").await
}

/// Does the same as [`check`], with more `limits`.
async fn check_within(task: &str, limits: &str) -> Option<Remains> {
    let plugin = &format!("on_failure: pass, limits: {{call_timeout: 1s, instances: 1{limits}}}");
    let guests = Guests::start(Setup { guest: "processor", task, plugin, ..Setup::default() }).await?;
    let before = guests.spanloom.peak_rss_bytes().unwrap_or_default();
    guests.send(0, 10).await.unwrap_or_else(|status| panic!("{task}: {status:?}"));
    let peak = guests.spanloom.peak_rss_bytes().unwrap_or_default();
    let grown = peak - before;
    assert!(grown < LIMIT_BYTES, "{task}: it has grown by {} MiB", grown >> 20);
    let remains = guests.finish().await;
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() }, "{task}");
    assert_eq!(remains.delivered().len(), 10, "{task}");
    Some(remains)
}

/// Scenario: a plugin logs ten gigabytes.
/// Guarantees: the log stays short, and the lines that are left out are counted.
#[tokio::test]
async fn ten_gigabytes_of_log_are_left_out_and_counted() {
    let Some(remains) = check("flood-log").await else { return };
    // This allows a hundred lines of 8 KiB a second, for two calls.
    assert!(remains.output.len() < 4 << 20, "it printed {} bytes", remains.output.len());
    assert!(remains.metric("spanloom_plugin_log_lines_left_out", &["plugin=\"misbehave\""]) > 100.0);
}

/// Scenario: a plugin logs one huge line of control characters.
/// Guarantees: the log has one short line, with the control characters escaped.
#[tokio::test]
async fn a_huge_line_is_one_short_line() {
    let Some(remains) = check("write-huge-line").await else { return };
    let lines: Vec<&str> = remains.output.lines().filter(|line| line.contains("huge")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    // Each control character is written as several.
    assert!(lines[0].len() < 64 << 10, "{} bytes", lines[0].len());
    assert!(!lines[0].contains('\u{1b}'), "no colours of the plugin's choice");
}

/// Scenario: a plugin makes more series than its limit.
/// Guarantees: the exposition stays short, and the series that are left out are counted.
#[tokio::test]
async fn series_above_the_limit_are_left_out_and_counted() {
    let Some(remains) = check("flood-metrics").await else { return };
    let series = remains.metrics.lines().filter(|line| line.starts_with("guest_flood_total")).count();
    assert!(series <= 1000, "{series} series");
    assert!(remains.metrics.len() < 4 << 20, "the exposition has {} bytes", remains.metrics.len());
    assert!(remains.metric("spanloom_plugin_series_left_out", &[]) > 1000.0);
}

/// Scenario: a plugin gives its metrics invalid names and names of the host's metrics.
/// Guarantees: these metrics are left out, and the exposition stays valid.
#[tokio::test]
async fn metrics_with_bad_names_are_left_out() {
    let Some(remains) = check("name-metrics-badly").await else { return };
    let mut types = std::collections::BTreeSet::new();
    for line in remains.metrics.lines() {
        assert!(!line.starts_with("spanloom_fake") && !line.starts_with("otelcol_fake"), "{line}");
        assert!(!line.contains("fake\"") && !line.starts_with("0a"), "{line}");
        if let Some(of) = line.strip_prefix("# TYPE ") {
            let name = of.split(' ').next().expect("a name").to_owned();
            assert!(types.insert(name), "two types: {line}");
        } else if !line.starts_with('#') && !line.is_empty() {
            let value = line.rsplit(' ').next().expect("a value");
            assert!(value.parse::<f64>().is_ok(), "no sample: {line}");
        }
    }
    assert_eq!(metric(&remains.metrics, "guest_escape_total", &[]), 1.0, "this one is a name");
    assert!(remains.output.contains("is not a valid metric name"), "{}", remains.output);
}

/// Scenario: a plugin makes instruments without end.
/// Guarantees: the call is stopped, memory stays bounded, and the spans go on once.
#[tokio::test]
async fn a_plugin_that_hoards_instruments_is_stopped() {
    check("hoard-instruments").await;
}

/// Scenario: a plugin makes batches without end and keeps their handles.
/// Guarantees: the call is stopped, memory stays bounded, and the spans go on once.
#[tokio::test]
async fn a_plugin_that_hoards_batches_is_stopped() {
    check("hoard-handles").await;
}

/// Scenario: a plugin makes the host keep ever more bytes.
/// Guarantees: the call is stopped, memory stays bounded, and the spans go on once.
#[tokio::test]
async fn a_plugin_that_has_the_host_hoard_bytes_is_stopped() {
    check("hoard-bytes").await;
}

/// Scenario: a plugin sets one large attribute again and again.
/// Guarantees: memory stays bounded, and the spans go on once.
#[tokio::test]
async fn a_plugin_that_edits_for_ever_is_stopped() {
    check("edit-for-ever").await;
}

/// Scenario: a plugin takes memory without end; its limit is 64 MiB, and the replay has a fresh instance.
/// Guarantees: memory stays bounded, and the spans go on once.
#[tokio::test]
async fn a_memory_bomb_costs_no_more_than_its_limit() {
    check("bomb-memory").await;
}

/// Scenario: a plugin splits its batch and merges the parts, without end.
/// Guarantees: the host's memory does not grow by it; both calls are stopped at their time limit.
#[tokio::test]
async fn a_plugin_that_takes_its_batch_apart_for_ever_does_not_grow_the_host() {
    for task in ["halve-for-ever", "partition-for-ever"] {
        let Some(remains) = check(task).await else { return };
        assert_eq!(
            remains.metric("spanloom_plugin_calls", &["outcome=\"overrun\""]),
            2.0,
            "{}",
            remains.output
        );
    }
}

/// Scenario: a plugin makes the host hold ever more, with `limits.held_mib` at 32.
/// Guarantees: both calls are stopped at that limit, and the log names the key.
#[tokio::test]
async fn a_plugin_that_has_the_host_hold_ever_more_is_stopped() {
    let Some(remains) = check_within("grow-for-ever", ", held_mib: 32").await else { return };
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"memory\""]), 2.0, "{}", remains.output);
    assert!(remains.output.contains("may 32 MiB (`limits.held_mib`)"), "{}", remains.output);
}
