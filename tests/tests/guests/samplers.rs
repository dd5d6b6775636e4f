//! Samplers whose decisions are invalid or missing.

use spanloom_tests::{
    guests::{Guests, Remains, Setup},
    ledger::Account,
};
use tonic::Code;

async fn sample(task: &str, plugin: &str, batches: usize) -> Option<Remains> {
    let guests = Guests::start(Setup { guest: "sampler", task, plugin, ..Setup::default() }).await?;
    for number in 0..batches {
        guests.send(number * 10, 10).await.unwrap_or_else(|status| panic!("{task}: {status:?}"));
    }
    Some(guests.finish().await)
}

/// Checks that a batch without valid decisions passes or is rejected, as the config says, and that nothing is
/// sampled out.
async fn check_fails(task: &str, outcome: &str, says: &str) {
    let limits = "limits: {call_timeout: 200ms}";
    let Some(remains) = sample(task, &format!("on_failure: pass, {limits}"), 1).await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() }, "{task}");
    let outcome = format!("outcome=\"{outcome}\"");
    let calls = remains.metric("spanloom_plugin_calls", &["plugin=\"misbehave\"", &outcome]);
    assert_eq!(calls, 2.0, "{task}: once, and again\n{}", remains.output);
    assert!(remains.output.contains(says), "{task}: no `{says}` in\n{}", remains.output);
    assert_eq!(remains.metric("spanloom_sampler_spans", &[]), 0.0, "{task}");

    let Some(guests) =
        Guests::start(Setup { guest: "sampler", task, plugin: limits, ..Setup::default() }).await
    else {
        return;
    };
    assert_eq!(guests.send(0, 10).await.unwrap_err().code(), Code::Unavailable, "{task}");
    assert_eq!(guests.finish().await.account, Account::default(), "{task}");
}

/// Scenario: a sampler traps.
/// Guarantees: nothing is sampled out; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn a_sampler_that_traps_decides_nothing() {
    check_fails("sample-trap", "trap", "the plugin trapped").await;
}

/// Scenario: a sampler never returns.
/// Guarantees: the call is stopped; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn a_sampler_that_runs_for_ever_is_stopped() {
    check_fails("sample-loop", "overrun", "longer than 200ms").await;
}

/// Scenario: a sampler returns no decisions for ten traces.
/// Guarantees: the answer counts as wrong; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn no_decisions_are_a_wrong_answer() {
    check_fails("decide-nothing", "wrong_answer", "0 decisions for 10 traces").await;
}

/// Scenario: a sampler returns nine decisions for ten traces.
/// Guarantees: the answer counts as wrong; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn a_decision_too_few_is_a_wrong_answer() {
    check_fails("decide-too-few", "wrong_answer", "9 decisions for 10 traces").await;
}

/// Scenario: a sampler returns eleven decisions for ten traces.
/// Guarantees: the answer counts as wrong; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn a_decision_too_many_is_a_wrong_answer() {
    check_fails("decide-too-many", "wrong_answer", "11 decisions for 10 traces").await;
}

/// Scenario: a sampler keeps traces at a rate of zero, of NaN, above one, or below zero.
/// Guarantees: the answer counts as wrong; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn a_rate_that_is_no_share_is_a_wrong_answer() {
    for (task, rate) in [
        ("keep-none-in-one", "0"),
        ("keep-not-a-number", "NaN"),
        ("keep-seven-in-one", "7"),
        ("keep-less-than-none", "-0.5"),
    ] {
        let says = format!("{rate} is no share");
        check_fails(task, "wrong_answer", &says).await;
    }
}

/// Scenario: a sampler leaves every trace undecided.
/// Guarantees: every span goes on, and the spans count as undecided.
#[tokio::test]
async fn what_is_undecided_goes_on() {
    let Some(remains) = sample("undecided", "", 1).await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    assert_eq!(remains.metric("spanloom_sampler_spans", &["decision=\"undecided\""]), 10.0);
}

/// Scenario: a sampler drops the handles of its traces some calls later, as a garbage collector does.
/// Guarantees: every call succeeds, and every span goes on.
#[tokio::test]
async fn traces_may_be_let_go_of_calls_later() {
    let Some(remains) = sample("keep-its-traces", "limits: {instances: 1}", 20).await else { return };
    assert_eq!(remains.account, Account { received: 200, delivered: 200, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"ok\""]), 20.0, "{}", remains.output);
}

/// Scenario: a sampler edits the spans that it may only read.
/// Guarantees: every span goes on, once.
#[tokio::test]
async fn edits_of_what_is_only_looked_at_go_nowhere() {
    let Some(remains) = sample("edit-a-look", "", 1).await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
}

/// Scenario: a sampler emits the spans that it may only read.
/// Guarantees: the call traps; the batch passes or is rejected, as the config says.
#[tokio::test]
async fn what_is_only_looked_at_cannot_be_emitted() {
    check_fails("emit-a-look", "trap", "is to be looked at").await;
}
