//! Calls that fail: what the sender is told, what happens to the spans, and what the operator can read.

use spanloom_tests::{
    guests::{Guests, Remains, Setup},
    ledger::Account,
};
use tonic::Code;

/// The expected results when a processor cannot process ten spans, however often it tries.
struct Case<'a> {
    task: &'a str,
    /// The label of the plugin's counter.
    outcome: &'a str,
    /// A part of the line in the log.
    says: &'a str,
    on_failure: &'a str,
    answer: Code,
    account: Account,
}

const REJECTED: fn() -> Account = Account::default;

fn passed() -> Account {
    Account { received: 10, delivered: 10, ..Account::default() }
}

fn dropped() -> Account {
    Account { received: 10, dropped: [("plugin_failed".to_owned(), 10)].into(), ..Account::default() }
}

/// Sends ten spans, and checks the answer, the ledger, the plugin's metrics and the log.
async fn check(case: Case<'_>) -> Option<Remains> {
    let limits = "limits: {call_timeout: 200ms, memory_mib: 16, instances: 1}";
    let plugin = format!("on_failure: {}, {limits}", case.on_failure);
    let setup = Setup { guest: "processor", task: case.task, plugin: &plugin, ..Setup::default() };
    let guests = Guests::start(setup).await?;
    let answer = guests.send(0, 10).await;
    let code = answer.as_ref().map_or_else(|status| status.code(), |_| Code::Ok);
    assert_eq!(code, case.answer, "{}: {answer:?}", case.task);
    let remains = guests.finish().await;
    assert_eq!(remains.account, case.account, "{}", case.task);
    let outcome = format!("outcome=\"{}\"", case.outcome);
    let labels = ["component=\"misbehave\"", "plugin=\"misbehave\"", &outcome];
    assert_eq!(remains.metric("spanloom_plugin_calls", &labels), 2.0, "{}: once, and the replay", case.task);
    assert_eq!(remains.metric("spanloom_plugin_replays", &[]), 1.0, "{}", case.task);
    let line = remains.output.lines().find(|line| line.contains(case.says));
    let line = line.unwrap_or_else(|| panic!("no line has `{}`:\n{}", case.says, remains.output));
    for part in ["WARN", "component=\"misbehave\"", "plugin=\"misbehave\"", "version=\"6.6.6\""] {
        assert!(line.contains(part), "no {part} in: {line}");
    }
    Some(remains)
}

/// Scenario: a processor traps on every call, with `on_failure: reject`.
/// Guarantees: the sender is told to retry, and the log has the guest's backtrace.
#[tokio::test]
async fn spans_that_a_plugin_traps_on_are_rejected_with_the_guests_backtrace_in_the_log() {
    let case = Case {
        task: "trap",
        outcome: "trap",
        says: "`unreachable`",
        on_failure: "reject",
        answer: Code::Unavailable,
        account: REJECTED(),
    };
    let Some(remains) = check(case).await else { return };
    let line = remains.output.lines().find(|line| line.contains("backtrace")).expect("a backtrace");
    assert!(line.contains("spanloom_guests::outside::trap"), "{line}");
}

/// Scenario: a processor traps on every call, with `on_failure: pass`.
/// Guarantees: the batch goes on unprocessed, and the sender is told success.
#[tokio::test]
async fn spans_that_a_plugin_traps_on_pass_it_by_where_the_config_says_so() {
    let (says, account) = ("the batch goes on as it came", passed());
    check(Case { task: "trap", outcome: "trap", says, on_failure: "pass", answer: Code::Ok, account }).await;
}

/// Scenario: a processor traps on every call, with `on_failure: drop`.
/// Guarantees: the batch is dropped and counted, and the sender is told success.
#[tokio::test]
async fn spans_that_a_plugin_traps_on_are_dropped_and_counted_where_the_config_says_so() {
    let (says, account) = ("the batch is dropped", dropped());
    check(Case { task: "trap", outcome: "trap", says, on_failure: "drop", answer: Code::Ok, account }).await;
}

/// Scenario: a processor panics on every call, with `on_failure: reject`.
/// Guarantees: the panic counts as a trap, and the sender is told to retry.
#[tokio::test]
async fn a_panic_is_a_trap() {
    let (says, account) = ("the plugin trapped", REJECTED());
    let answer = Code::Unavailable;
    check(Case { task: "panic", outcome: "trap", says, on_failure: "reject", answer, account }).await;
}

/// Scenario: a processor never returns, with `on_failure: reject`.
/// Guarantees: the call is stopped at `limits.call_timeout`, and the sender is told to retry.
#[tokio::test]
async fn a_plugin_that_runs_for_ever_is_stopped() {
    let (says, account) = ("longer than 200ms (`limits.call_timeout`)", REJECTED());
    let answer = Code::Unavailable;
    check(Case { task: "loop", outcome: "overrun", says, on_failure: "reject", answer, account }).await;
}

/// Scenario: a processor never returns, with `on_failure: pass`.
/// Guarantees: the call is stopped, and the batch goes on unprocessed.
#[tokio::test]
async fn spans_that_a_plugin_runs_for_ever_on_pass_it_by_where_the_config_says_so() {
    let (says, account) = ("the batch goes on as it came", passed());
    check(Case { task: "loop", outcome: "overrun", says, on_failure: "pass", answer: Code::Ok, account })
        .await;
}

/// Scenario: a processor takes ever more memory, with `on_failure: reject`.
/// Guarantees: the call is stopped at `limits.memory_mib`, and the sender is told to retry.
#[tokio::test]
async fn a_plugin_that_grows_without_end_is_stopped_at_its_limit() {
    let (says, account) = ("may have 16777216 (`limits.memory_mib`)", REJECTED());
    let answer = Code::Unavailable;
    check(Case { task: "bomb-memory", outcome: "memory", says, on_failure: "reject", answer, account }).await;
}

/// Scenario: a processor recurses without end, with `on_failure: pass`.
/// Guarantees: the call traps, and the batch goes on unprocessed.
#[tokio::test]
async fn a_plugin_that_recurses_for_ever_traps() {
    let (says, account) = ("call stack exhausted", passed());
    check(Case {
        task: "overflow-stack",
        outcome: "trap",
        says,
        on_failure: "pass",
        answer: Code::Ok,
        account,
    })
    .await;
}

/// Scenario: a processor reports a failure of its own, retryable or permanent.
/// Guarantees: the sender gets the plugin's answer, and the plugin is not called again for the batch.
#[tokio::test]
async fn a_plugin_that_fails_by_its_own_word_is_not_called_again_for_the_batch() {
    for (task, expected, says) in [
        ("fail-retryable", Code::Unavailable, "come again"),
        ("fail-permanent", Code::Internal, "never come again"),
    ] {
        let setup = Setup { guest: "processor", task, ..Setup::default() };
        let Some(guests) = Guests::start(setup).await else { return };
        let status = guests.send(0, 10).await.unwrap_err();
        assert_eq!(status.code(), expected, "{task}: {status:?}");
        assert!(status.message().contains(says), "{task}: {status:?}");
        let remains = guests.finish().await;
        assert_eq!(remains.account, Account::default(), "{task}: it is the sender's again");
        assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"failed\""]), 1.0);
        assert_eq!(remains.metric("spanloom_plugin_replays", &[]), 0.0);
    }
}

/// Scenario: every third call of an instance traps, and succeeds on a fresh instance.
/// Guarantees: every sender is told success, and every span arrives once.
#[tokio::test]
async fn a_call_that_succeeds_when_it_is_repeated_costs_nothing() {
    let setup = Setup { guest: "processor-single", task: "trap-every-third", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    for number in 0..9 {
        guests.send(number * 10, 10).await.unwrap();
    }
    let remains = guests.finish().await;
    assert_eq!(remains.account, Account { received: 90, delivered: 90, ..Account::default() });
    let mut names = remains.delivered();
    names.dedup();
    assert_eq!(names.len(), 90, "each span once");
    // The replay is the first call of the next instance, so every other batch after the third traps.
    assert_eq!(remains.metric("spanloom_plugin_replays", &[]), 4.0);
}

/// Scenario: a processor traps on one batch, and not on the batches before and after.
/// Guarantees: only this batch is rejected; the others are delivered.
#[tokio::test]
async fn a_poisonous_batch_costs_only_itself() {
    let setup = Setup { guest: "processor", task: "trap-on-poison", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    guests.send_named(&["one", "two"]).await.unwrap();
    assert_eq!(guests.send_named(&["poison"]).await.unwrap_err().code(), Code::Unavailable);
    guests.send_named(&["three"]).await.unwrap();
    let remains = guests.finish().await;
    assert_eq!(remains.delivered(), ["one", "three", "two"]);
    assert_eq!(remains.account, Account { received: 3, delivered: 3, ..Account::default() });
}
