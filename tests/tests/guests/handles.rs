//! Handles of batches that a plugin invents, uses after they are gone, uses twice or drops.

use spanloom_tests::{
    guests::{Guests, Remains, Setup},
    ledger::Account,
};

/// Sends ten spans, which go on unprocessed if the call fails.
async fn after(task: &str) -> Option<Remains> {
    let setup = Setup { guest: "processor", task, plugin: "on_failure: pass", ..Setup::default() };
    let guests = Guests::start(setup).await?;
    guests
        .send(0, 10)
        .await
        .unwrap_or_else(|status| panic!("{task}: {status:?}\n{}", guests.spanloom.output()));
    Some(guests.finish().await)
}

/// Checks that the call traps, and again in the replay.
///
/// Nothing that the call emitted leaves the host, so that every span goes on once.
async fn check_traps(task: &str) {
    let Some(remains) = after(task).await else { return };
    let expected = Account { received: 10, delivered: 10, ..Account::default() };
    assert_eq!(remains.account, expected, "{task}\n{}", remains.output);
    let mut names = remains.delivered();
    names.dedup();
    assert_eq!(names.len(), 10, "{task}: each once");
    let traps = remains.metric("spanloom_plugin_calls", &["outcome=\"trap\""]);
    assert_eq!(traps, 2.0, "{task}\n{}", remains.output);
}

/// Scenario: a plugin drops a handle twice.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_handle_that_is_dropped_twice_is_a_trap() {
    check_traps("drop-twice").await;
}

/// Scenario: a plugin uses a handle that it never got.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_handle_that_is_made_up_is_a_trap() {
    check_traps("invent-handle").await;
}

/// Scenario: a plugin returns one batch twice.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_batch_that_is_returned_twice_is_a_trap() {
    check_traps("return-twice").await;
}

/// Scenario: a plugin emits one batch twice.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_batch_that_is_emitted_twice_is_a_trap() {
    check_traps("emit-twice").await;
}

/// Scenario: a plugin emits a batch and also returns it.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_batch_that_is_emitted_and_returned_is_a_trap() {
    check_traps("emit-and-return").await;
}

/// Scenario: a plugin discards a batch and then emits it.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_batch_that_is_emitted_after_it_was_discarded_is_a_trap() {
    check_traps("emit-after-discard").await;
}

/// Scenario: a plugin emits a batch and then edits it.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_batch_that_is_edited_after_it_was_emitted_is_a_trap() {
    check_traps("use-after-emit").await;
}

/// Scenario: a plugin returns a batch of spans as a batch of metrics.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn spans_that_are_returned_as_metrics_are_a_trap() {
    check_traps("return-other-signal").await;
}

/// Scenario: a plugin merges a batch with itself.
/// Guarantees: the call traps, and every span goes on once.
#[tokio::test]
async fn a_batch_that_is_merged_with_itself_is_a_trap() {
    check_traps("merge-with-itself").await;
}

/// Scenario: a plugin emits a batch and then traps.
/// Guarantees: the emitted batch does not leave the host, and every span goes on once.
#[tokio::test]
async fn what_was_emitted_before_a_trap_was_not_emitted() {
    check_traps("emit-then-trap").await;
}

/// Scenario: a plugin emits some spans, discards others, and then reports a failure.
/// Guarantees: neither takes effect, and every span goes on once.
#[tokio::test]
async fn what_was_emitted_and_taken_out_before_a_failure_was_not() {
    let Some(remains) = after("emit-then-fail").await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    assert_eq!(remains.delivered().len(), 10);
}

/// Scenario: a plugin discards a batch.
/// Guarantees: its spans are dropped as `filtered`, and nothing counts as forgotten.
#[tokio::test]
async fn spans_that_are_discarded_are_dropped_as_filtered() {
    let Some(remains) = after("discard").await else { return };
    let dropped = [("filtered".to_owned(), 10)].into();
    assert_eq!(remains.account, Account { received: 10, dropped, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_forgotten_items", &[]), 0.0);
}

/// Scenario: a plugin drops the handle of a batch without passing the batch on.
/// Guarantees: its spans are dropped as `filtered`, and also count as forgotten.
#[tokio::test]
async fn spans_that_are_forgotten_are_dropped_as_filtered_and_counted_as_a_mistake() {
    let Some(remains) = after("forget").await else { return };
    let dropped = [("filtered".to_owned(), 10)].into();
    assert_eq!(remains.account, Account { received: 10, dropped, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_forgotten_items", &["plugin=\"misbehave\""]), 10.0);
}

/// Scenario: a plugin leaks the handle of a batch; later the process ends.
/// Guarantees: the spans are in flight until the end, then dropped, and the log says so.
#[tokio::test]
async fn spans_that_are_leaked_are_dropped_and_counted_at_the_end() {
    let setup = Setup { guest: "processor-single", task: "leak", ..Setup::default() };
    let Some(mut guests) = Guests::start(setup).await else { return };
    guests.send(0, 10).await.unwrap();
    guests.check_healthy().await;
    let account = guests.spanloom.ledger().await.into_iter().find(|(key, _)| key.0 == "traces/bad");
    assert_eq!(account.expect("an account").1.in_flight, 10);
    let (output, _) = guests.end().await;
    assert!(output.contains("it kept batches when it was flushed; what it held is dropped"), "{output}");
}
