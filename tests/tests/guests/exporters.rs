//! Exporters that fail in every way: the spans that may succeed later are retried, and no others.

use spanloom_tests::{
    guests::{Guests, Setup},
    ledger::Account,
};

const RETRY_SOON: &str = "retry_on_failure: {initial_interval: 20ms, max_interval: 100ms, max_elapsed_time: 1s}, sending_queue: {num_consumers: 1}";

/// Sends this many batches of ten spans.
///
/// Returns the ledger's account, the numbers of the exported spans (sorted), the output and the metrics.
async fn export(task: &str, plugin: &str, batches: usize) -> Option<(Account, Vec<usize>, String, String)> {
    let plugin = format!("limits: {{log_lines_per_second: 10000, call_timeout: 200ms}}{plugin}");
    let setup = Setup { guest: "exporter", task, plugin: &plugin, exporter: RETRY_SOON, ..Setup::default() };
    let guests = Guests::start(setup).await?;
    for number in 0..batches {
        guests.send(number * 10, 10).await.expect("it waits in the queue");
    }
    let remains = guests.finish().await;
    let lines = remains.output.lines().filter_map(|line| line.split("exported GET /cart/").nth(1));
    let number = |line: &str| line.split(' ').next()?.trim().parse().ok();
    let mut exported: Vec<usize> = lines.map(|line| number(line).expect("a number")).collect();
    exported.sort_unstable();
    Some((remains.account, exported, remains.output, remains.metrics))
}

fn dropped(reason: &str) -> Account {
    Account { received: 10, dropped: [(reason.to_owned(), 10)].into(), ..Account::default() }
}

/// Checks that a batch is retried for as long as `retry_on_failure` says, then dropped.
async fn check_is_retried(task: &str, says: &str) {
    let Some((account, exported, output, _)) = export(task, "", 1).await else { return };
    assert_eq!(account, dropped("retries_exhausted"), "{task}\n{output}");
    assert_eq!(exported, [0usize; 0], "{task}");
    assert!(output.contains(says), "{task}: no `{says}` in\n{output}");
}

/// Scenario: an exporter traps on every call.
/// Guarantees: the batch is retried, then dropped as `retries_exhausted`.
#[tokio::test]
async fn what_an_exporter_traps_on_is_tried_again() {
    check_is_retried("export-trap", "the plugin trapped").await;
}

/// Scenario: an exporter never returns.
/// Guarantees: each call is stopped, and the batch is retried, then dropped as `retries_exhausted`.
#[tokio::test]
async fn what_an_exporter_runs_for_ever_on_is_tried_again() {
    check_is_retried("export-loop", "longer than 200ms").await;
}

/// Scenario: an exporter reports a retryable failure at every call.
/// Guarantees: the batch is retried, then dropped as `retries_exhausted`.
#[tokio::test]
async fn what_is_always_retryable_is_given_up_in_the_end() {
    check_is_retried("always-retryable", "come again").await;
}

/// Scenario: an exporter reports the failure of a span that is not in the batch.
/// Guarantees: the answer counts as wrong, and the batch is retried.
#[tokio::test]
async fn a_part_that_is_none_of_the_batch_is_a_wrong_answer() {
    check_is_retried("part-out-of-range", "span 10 failed, of 10").await;
}

/// Scenario: an exporter reports the failure of one span twice.
/// Guarantees: the answer counts as wrong, and the batch is retried.
#[tokio::test]
async fn a_span_that_failed_twice_is_a_wrong_answer() {
    check_is_retried("part-twice", "span 0 failed twice").await;
}

/// Scenario: an exporter emits the batch that it may only read.
/// Guarantees: the call traps, and the batch is retried.
#[tokio::test]
async fn what_an_exporter_emits_is_a_trap() {
    check_is_retried("emit-its-batch", "is to be looked at").await;
}

/// Scenario: an exporter traps on every call, with `on_failure: drop`.
/// Guarantees: the batch is dropped and counted.
#[tokio::test]
async fn what_an_exporter_traps_on_is_dropped_where_the_config_says_so() {
    let Some((account, _, output, _)) = export("export-trap", ", on_failure: drop", 1).await else { return };
    assert_eq!(account.dropped.values().sum::<u64>(), 10, "{account:?}\n{output}");
    assert!(output.contains("the batch is dropped"), "{output}");
}

/// Scenario: an exporter reports a permanent failure.
/// Guarantees: the batch is dropped as `rejected`.
#[tokio::test]
async fn what_an_exporter_refuses_for_good_is_dropped_at_once() {
    let Some((account, _, output, _)) = export("always-permanent", "", 1).await else { return };
    assert_eq!(account, dropped("rejected"), "{output}");
}

/// Scenario: an exporter reports a partial failure that names no span.
/// Guarantees: every span counts as delivered.
#[tokio::test]
async fn parts_with_nothing_in_them_are_a_success() {
    let Some((account, exported, output, _)) = export("part-of-nothing", "", 1).await else { return };
    assert_eq!(account, Account { received: 10, delivered: 10, ..Account::default() }, "{output}");
    assert_eq!(exported, Vec::from_iter(0..10));
}

/// Scenario: of ten spans, the even ones succeed, 3 and 9 fail for good, and 1, 5 and 7 may succeed later.
/// Guarantees: only 1, 5 and 7 are sent again, and only 3 and 9 are dropped.
#[tokio::test]
async fn only_the_spans_that_may_succeed_later_come_again() {
    let Some((account, exported, output, _)) = export("odd-ones-later", "", 1).await else { return };
    assert_eq!(exported, [0, 1, 2, 4, 5, 6, 7, 8], "{output}");
    assert_eq!((account.received, account.delivered), (10, 8), "{account:?}");
    assert_eq!(account.dropped, [("rejected".to_owned(), 2)].into());
}

/// Scenario: an exporter drops each batch's handle in a later call, as a garbage collector does.
/// Guarantees: no call traps, and every span is delivered.
#[tokio::test]
async fn a_batch_may_be_let_go_of_a_call_later() {
    let Some((account, exported, output, metrics)) = export("keep-its-batch", "", 5).await else { return };
    assert_eq!(account, Account { received: 50, delivered: 50, ..Account::default() }, "{output}");
    assert_eq!(exported, Vec::from_iter(0..50));
    let traps = spanloom_tests::guests::metric(&metrics, "spanloom_plugin_calls", &["outcome=\"trap\""]);
    assert_eq!(traps, 0.0, "{output}");
}

/// Scenario: an exporter reads the batch of an earlier call.
/// Guarantees: the earlier batch cannot be read; the call traps, and the batch succeeds on a fresh instance.
#[tokio::test]
async fn a_batch_is_gone_when_its_call_is_over() {
    let Some((account, exported, output, _)) = export("use-its-last-batch", "", 3).await else { return };
    assert_eq!(account, Account { received: 30, delivered: 30, ..Account::default() }, "{output}");
    assert_eq!(
        exported,
        [0usize; 0].into_iter().collect::<Vec<_>>(),
        "the batch of the call before was there: {output}"
    );
}

/// Scenario: the exporter's `timeout` passes in the middle of a call.
/// Guarantees: the call ends normally, the guest keeps its state, and the batch is sent once more.
#[tokio::test]
async fn a_timeout_does_not_cost_an_exporter_its_guest() {
    let exporter = "timeout: 300ms, retry_on_failure: {initial_interval: 20ms, max_interval: 100ms}, sending_queue: {num_consumers: 1}";
    let plugin = "limits: {call_timeout: 30s}";
    let setup = Setup { guest: "exporter", task: "slow-at-first", plugin, exporter, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    guests.send(0, 10).await.expect("it waits in the queue");
    let remains = guests.finish().await;
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    let calls: Vec<&str> = remains.output.lines().filter(|line| line.contains("call number ")).collect();
    assert_eq!(calls.len(), 2, "{}", remains.output);
    assert!(calls[0].contains("call number 1") && calls[1].contains("call number 2"), "{calls:?}");
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"ok\""]), 2.0, "{}", remains.output);
}
