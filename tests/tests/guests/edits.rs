//! Edits of batches by plugins: wrong edits are refused, and unusual edits are accounted for.

use spanloom_tests::{
    guests::{Guests, Remains, Setup},
    ledger::Account,
    otlp::Signal,
};

/// Sends ten spans through a processor that does not fail.
async fn through(task: &str) -> Option<Remains> {
    let guests = Guests::start(Setup { guest: "processor", task, ..Setup::default() }).await?;
    guests
        .send(0, 10)
        .await
        .unwrap_or_else(|status| panic!("{task}: {status:?}\n{}", guests.spanloom.output()));
    Some(guests.finish().await)
}

/// Scenario: a processor makes edits with wrong lengths, indices and columns.
/// Guarantees: each edit is an error and changes nothing.
#[tokio::test]
async fn an_edit_with_wrong_lengths_indices_or_columns_is_an_error_and_changes_nothing() {
    let Some(remains) = through("edit-wrongly").await else { return };
    assert_eq!(remains.told("guest.taken"), [(String::new(), 10)].into(), "these were taken");
    assert_eq!(remains.told("guest.refused"), [("41 of 41".to_owned(), 10)].into());
    assert_eq!(remains.told("guest.changed"), [("false".to_owned(), 10)].into());
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
}

/// Scenario: a processor tries to replace its spans by damaged bytes.
/// Guarantees: the processor does not fail, and every span goes on.
#[tokio::test]
async fn spans_are_not_replaced_by_garbage() {
    let Some(remains) = through("replace-by-garbage").await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    assert_eq!(remains.delivered().len(), 10);
}

/// Scenario: a processor replaces ten spans by twenty.
/// Guarantees: the ledger counts twenty as received and as delivered.
#[tokio::test]
async fn spans_that_a_plugin_adds_are_in_the_ledger() {
    let Some(remains) = through("replace-by-more").await else { return };
    assert_eq!(remains.delivered().len(), 20);
    assert_eq!(remains.account, Account { received: 20, delivered: 20, ..Account::default() });
}

/// Scenario: a processor passes ten spans on and adds a batch of ten that it made.
/// Guarantees: the ledger counts twenty as received and as delivered.
#[tokio::test]
async fn batches_that_a_plugin_makes_are_in_the_ledger() {
    let Some(remains) = through("make-more").await else { return };
    assert_eq!(remains.delivered().len(), 20);
    assert_eq!(remains.account, Account { received: 20, delivered: 20, ..Account::default() });
}

/// Scenario: a processor makes a batch when it is woken, before any batch has come.
/// Guarantees: the batch is delivered and is in the account of its pipeline.
#[tokio::test]
async fn what_a_plugin_makes_before_its_first_batch_is_in_the_ledger() {
    let setup = Setup { guest: "processor-single", task: "make-when-woken", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    guests.sink.wait_for_items(Signal::Traces, 1).await;
    let remains = guests.finish().await;
    assert_eq!(remains.delivered(), ["made"]);
    assert_eq!(remains.account, Account { received: 1, delivered: 1, ..Account::default() });
}

/// Scenario: a processor makes batches, drops one, and merges the spans that came into another.
/// Guarantees: the spans that came are delivered, and nothing counts as forgotten.
#[tokio::test]
async fn batches_that_a_plugin_makes_and_lets_go_of_are_no_mistake() {
    let Some(remains) = through("make-for-nothing").await else { return };
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_forgotten_items", &[]), 0.0);
}

/// Scenario: a processor splits a batch and moves the spans to the part that was empty.
/// Guarantees: ten spans arrive, and the ledger balances.
#[tokio::test]
async fn spans_that_move_to_a_part_that_had_none_are_in_the_ledger() {
    let Some(remains) = through("replace-empty-part").await else { return };
    assert_eq!(remains.delivered().len(), 10);
    // The host cannot tell that they are the same spans: ten count as added, and ten as filtered.
    let dropped = [("filtered".to_owned(), 10)].into();
    assert_eq!(remains.account, Account { received: 20, delivered: 10, dropped, ..Account::default() });
}

/// Scenario: a processor splits and merges a batch in every way, and leaves two of ten spans out.
/// Guarantees: each remaining span arrives once, and the two count as filtered.
#[tokio::test]
async fn spans_that_are_shuffled_through_every_kind_of_batch_go_on_once() {
    let Some(remains) = through("shuffle").await else { return };
    let mut names = remains.delivered();
    assert_eq!(names.len(), 8);
    names.dedup();
    assert_eq!(names.len(), 8, "each once");
    let dropped = [("filtered".to_owned(), 2)].into();
    assert_eq!(remains.account, Account { received: 10, delivered: 8, dropped, ..Account::default() });
}

/// Scenario: a processor splits and merges a batch and then traps, with `on_failure: pass`.
/// Guarantees: each of the ten spans goes on once.
#[tokio::test]
async fn what_was_shuffled_before_a_trap_comes_back_as_it_was() {
    let setup = Setup {
        guest: "processor",
        task: "shuffle-then-trap",
        plugin: "on_failure: pass",
        ..Setup::default()
    };
    let Some(guests) = Guests::start(setup).await else { return };
    guests.send(0, 10).await.unwrap();
    let remains = guests.finish().await;
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
    let mut names = remains.delivered();
    names.dedup();
    assert_eq!(names.len(), 10, "each once");
}

/// Scenario: a processor returns empty batches beside a full one.
/// Guarantees: only the full batch is sent.
#[tokio::test]
async fn batches_with_nothing_in_them_go_nowhere() {
    let Some(remains) = through("return-many-empty").await else { return };
    assert_eq!(remains.sink.requests().len(), 1);
    assert_eq!(remains.account, Account { received: 10, delivered: 10, ..Account::default() });
}
