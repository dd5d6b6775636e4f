//! Handles that are stale, made up, used twice or let go of.

use spanloom_tests::{
    guests::{Guests, Remains, Setup},
    ledger::Account,
};

/// Sends ten spans, which go on as they came if the call fails.
async fn after(task: &str) -> Option<Remains> {
    let setup = Setup { guest: "processor", task, plugin: "on_failure: pass", ..Setup::default() };
    let guests = Guests::start(setup).await?;
    guests
        .send(0, 10)
        .await
        .unwrap_or_else(|status| panic!("{task}: {status:?}\n{}", guests.spanloom.output()));
    Some(guests.finish().await)
}

/// The call traps, twice; nothing of what it passed on before leaves, so that every span goes on once.
async fn check_traps(task: &str) {
    let Some(remains) = after(task).await else { return };
    let expected = Account { received: 10, delivered: 10, ..Account::default() };
    assert_eq!(remains.account, expected, "{task}\n{}", remains.output);
    let mut names = remains.delivered();
    names.dedup();
    assert_eq!(names.len(), 10, "{task}: each once");
    let traps = remains.metric("spanloom_plugin_calls_total", &["outcome=\"trap\""]);
    assert_eq!(traps, 2.0, "{task}\n{}", remains.output);
}

#[tokio::test]
async fn a_handle_that_is_dropped_twice_is_a_trap() {
    check_traps("drop-twice").await;
}

#[tokio::test]
async fn a_handle_that_is_made_up_is_a_trap() {
    check_traps("invent-handle").await;
}

#[tokio::test]
async fn a_batch_that_is_returned_twice_is_a_trap() {
    check_traps("return-twice").await;
}

#[tokio::test]
async fn a_batch_that_is_emitted_twice_is_a_trap() {
    check_traps("emit-twice").await;
}

#[tokio::test]
async fn a_batch_that_is_emitted_and_returned_is_a_trap() {
    check_traps("emit-and-return").await;
}

#[tokio::test]
async fn a_batch_that_is_emitted_after_it_was_discarded_is_a_trap() {
    check_traps("emit-after-discard").await;
}

#[tokio::test]
async fn a_batch_that_is_edited_after_it_was_emitted_is_a_trap() {
    check_traps("use-after-emit").await;
}

#[tokio::test]
async fn spans_that_are_returned_as_metrics_are_a_trap() {
    check_traps("return-other-signal").await;
}

#[tokio::test]
async fn a_batch_that_is_merged_with_itself_is_a_trap() {
    check_traps("merge-with-itself").await;
}

#[tokio::test]
async fn what_was_emitted_before_a_trap_was_not_emitted() {
    check_traps("emit-then-trap").await;
}

#[tokio::test]
async fn what_was_emitted_and_taken_out_before_a_failure_was_not() {
    let Some(remains) = after("emit-then-fail").await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    assert_eq!(remains.delivered().len(), 10);
}

#[tokio::test]
async fn spans_that_are_discarded_are_dropped_as_filtered() {
    let Some(remains) = after("discard").await else { return };
    let dropped = [("filtered".to_owned(), 10)].into();
    assert_eq!(remains.account, Account { received: 10, dropped, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_forgotten_items_total", &[]), 0.0);
}

#[tokio::test]
async fn spans_that_are_forgotten_are_dropped_as_filtered_and_counted_as_a_mistake() {
    let Some(remains) = after("forget").await else { return };
    let dropped = [("filtered".to_owned(), 10)].into();
    assert_eq!(remains.account, Account { received: 10, dropped, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_forgotten_items_total", &["plugin=\"misbehave\""]), 10.0);
}

/// A batch without an owner in the guest is in flight until the guest is replaced or the host ends; then it is processed
/// anew, and dropped if nothing comes of it.
#[tokio::test]
async fn spans_that_are_leaked_are_dropped_and_counted_at_the_end() {
    let setup = Setup { guest: "processor-single", task: "leak", ..Setup::default() };
    let Some(mut guests) = Guests::start(setup).await else { return };
    guests.send(0, 10).await.unwrap();
    guests.check_healthy().await;
    let account = guests.spanloom.ledger().await.into_iter().find(|(key, _)| key.0 == "traces/bad");
    assert_eq!(account.expect("an account").1.in_flight, 10);
    let (output, _) = guests.end().await;
    assert!(output.contains("it kept batches when it was flushed; the batch is dropped"), "{output}");
}
