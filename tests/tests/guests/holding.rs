//! Batches that a plugin holds from call to call: none is lost or doubled, whatever happens to the plugin.

use std::time::Duration;

use spanloom_tests::{
    Answer,
    guests::{Guests, Remains, Setup, metric},
    otlp::{self, Signal},
};
use tokio::time::sleep;
use tonic::Code;

/// Sends one batch for each name. The names tell the guest what to do with what it holds
/// (tests/guests/src/holding.rs).
async fn tell(guests: &Guests, names: &[&str]) {
    for name in names {
        guests.send_named(&[name]).await.unwrap_or_else(|status| panic!("{name}: {status:?}"));
    }
}

async fn holding(plugin: &str) -> Option<Guests> {
    Guests::start(Setup { guest: "processor-single", task: "hold", plugin, ..Setup::default() }).await
}

fn check(remains: &Remains, delivered: &[&str], dropped: &[(&str, u64)]) {
    assert_eq!(remains.delivered(), delivered, "{}", remains.output);
    let dropped: std::collections::BTreeMap<String, u64> =
        dropped.iter().map(|(reason, spans)| ((*reason).to_owned(), *spans)).collect();
    let spans = delivered.len() as u64;
    let received = spans + dropped.values().sum::<u64>();
    let account = &remains.account;
    assert_eq!((account.received, account.delivered), (received, spans), "{account:?}\n{}", remains.output);
    assert_eq!(account.dropped, dropped, "{}", remains.output);
}

/// Scenario: a plugin holds two batches and then passes everything on.
/// Guarantees: every span is delivered once.
#[tokio::test]
async fn what_was_held_goes_on_when_the_plugin_says_so() {
    let Some(guests) = holding("").await else { return };
    tell(&guests, &["a", "b", "go"]).await;
    check(&guests.finish().await, &["a", "b", "go"], &[]);
}

/// Scenario: a plugin emits the batches that it holds and traps, on its instance and on a fresh one.
/// Guarantees: nothing is emitted, the sender is told to retry, and the next instance holds the batches.
#[tokio::test]
async fn what_was_held_when_a_plugin_trapped_is_held_by_the_next_instance() {
    let Some(guests) = holding("").await else { return };
    tell(&guests, &["a", "b"]).await;
    // It traps on the first instance, and on the fresh one, which was given `a` and `b` before.
    assert_eq!(guests.send_named(&["trap"]).await.unwrap_err().code(), Code::Unavailable);
    tell(&guests, &["go"]).await;
    check(&guests.finish().await, &["a", "b", "go"], &[]);
}

/// Scenario: a plugin that holds batches traps on a new one, with `on_failure: pass`.
/// Guarantees: only the new batch goes on unprocessed; the held batches stay held.
#[tokio::test]
async fn what_was_held_when_a_plugin_trapped_stays_held_where_its_batch_passes_by() {
    let Some(guests) = holding("on_failure: pass").await else { return };
    tell(&guests, &["a", "b", "trap"]).await;
    guests.sink.wait_for_items(Signal::Traces, 1).await;
    assert_eq!(guests.delivered(), ["trap"]);
    tell(&guests, &["go"]).await;
    check(&guests.finish().await, &["a", "b", "go", "trap"], &[]);
}

/// Scenario: a plugin that holds batches reports a failure.
/// Guarantees: the sender is told to retry, and the held batches stay held.
#[tokio::test]
async fn what_was_held_when_a_plugin_failed_by_its_own_word_stays_held() {
    let Some(guests) = holding("").await else { return };
    tell(&guests, &["a", "b"]).await;
    assert_eq!(guests.send_named(&["fail"]).await.unwrap_err().code(), Code::Unavailable);
    tell(&guests, &["c", "go"]).await;
    check(&guests.finish().await, &["a", "b", "c", "go"], &[]);
}

/// Scenario: a plugin emits the batches that it holds and then reports a failure.
/// Guarantees: the emitted batches do not leave; they are processed again and delivered once.
#[tokio::test]
async fn what_was_held_and_emitted_before_a_failure_is_not_lost() {
    let Some(guests) = holding("").await else { return };
    tell(&guests, &["a", "b"]).await;
    assert_eq!(guests.send_named(&["emit-and-fail"]).await.unwrap_err().code(), Code::Unavailable);
    tell(&guests, &["c", "go"]).await;
    check(&guests.finish().await, &["a", "b", "c", "go"], &[]);
}

/// Scenario: a plugin takes spans out of a held batch, and traps in a later call, with `on_failure: pass`.
/// Guarantees: the spans stay out and count as filtered.
#[tokio::test]
async fn spans_that_were_taken_out_of_a_held_batch_do_not_come_back() {
    let Some(guests) = holding("on_failure: pass").await else { return };
    guests.send_named(&["a", "b", "c", "d"]).await.unwrap();
    tell(&guests, &["keep-half", "trap", "go"]).await;
    // The fresh instance gets `a` and `c`, and `keep-half` again: of four spans it would leave two.
    check(&guests.finish().await, &["a", "go", "keep-half", "trap"], &[("filtered", 3)]);
}

/// Scenario: a plugin takes spans out of a held batch and reports a failure in the same call.
/// Guarantees: the spans are in the batch again.
#[tokio::test]
async fn spans_that_were_taken_out_of_a_held_batch_in_a_call_that_failed_come_back() {
    let Some(guests) = holding("").await else { return };
    guests.send_named(&["a", "b", "c", "d"]).await.unwrap();
    assert_eq!(guests.send_named(&["keep-half", "fail"]).await.unwrap_err().code(), Code::Unavailable);
    tell(&guests, &["go"]).await;
    check(&guests.finish().await, &["a", "b", "c", "d", "go"], &[]);
}

/// Scenario: a plugin passes on a held batch, together with another sender's batch, to a queue that is full.
/// Guarantees: the held batch, whose sender was told success, is delivered or counted as dropped.
#[tokio::test]
async fn what_was_held_is_not_given_back_to_another_sender() {
    let setup = Setup {
        guest: "processor-single",
        task: "hold",
        exporter: "sending_queue: {queue_size: 1, num_consumers: 1, sizer: requests}, retry_on_failure: {initial_interval: 60s}",
        ..Setup::default()
    };
    let Some(guests) = Guests::start(setup).await else { return };
    guests.sink.answer_next([Answer::After(Duration::from_millis(800))]);
    // One batch is being sent for a while and one waits: the queue has no more room.
    tell(&guests, &["go", "held"]).await;
    sleep(Duration::from_millis(100)).await;
    // If this sender were told to keep both, `held` would be lost.
    let _ = guests.send_named(&["go"]).await;
    let _ = guests.send_named(&["go"]).await;
    let remains = guests.finish().await;
    let account = &remains.account;
    let has_it = remains.delivered().contains(&"held".to_owned());
    assert!(has_it || account.dropped.contains_key("queue_full"), "{account:?}\n{}", remains.output);
    assert_eq!(account.settled(), account.received, "{account:?}");
    assert_eq!(remains.delivered().len() as u64, account.delivered);
}

/// Scenario: the process ends while a plugin holds batches.
/// Guarantees: the batches are delivered.
#[tokio::test]
async fn what_is_held_goes_on_when_the_host_ends() {
    let Some(guests) = holding("").await else { return };
    tell(&guests, &["a", "b"]).await;
    let (_, sink) = guests.end().await;
    assert_eq!(sink.items(Signal::Traces), 2);
}

/// Scenario: a plugin never passes its batches on, and the process ends.
/// Guarantees: the batches are in flight until the end, then dropped, and the log says so.
#[tokio::test]
async fn what_is_kept_for_ever_is_dropped_and_counted_when_the_host_ends() {
    let setup = Setup { guest: "processor-single", task: "keep-for-ever", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    tell(&guests, &["a", "b"]).await;
    let account = guests.spanloom.ledger().await.into_iter().find(|(key, _)| key.0 == "traces/bad");
    assert_eq!(account.expect("an account").1.in_flight, 2, "it can be seen");
    let (output, sink) = guests.end().await;
    assert!(output.contains("it kept batches when it was flushed; what it held is dropped"), "{output}");
    assert_eq!(sink.requests().len(), 0);
}

/// Scenario: a plugin that holds batches asks to be woken.
/// Guarantees: the plugin is woken and passes the batches on.
#[tokio::test]
async fn a_plugin_that_asks_to_be_woken_is_and_passes_on_what_it_holds() {
    let Some(guests) = holding("").await else { return };
    tell(&guests, &["a", "wake"]).await;
    guests.sink.wait_for_items(Signal::Traces, 2).await;
    check(&guests.finish().await, &["a", "wake"], &[]);
}

/// Scenario: a plugin asks to be woken at once, every time.
/// Guarantees: the host wakes it at most some 1,000 times a second, and batches are still processed.
#[tokio::test]
async fn a_plugin_that_wants_to_be_woken_at_once_for_ever_does_not_take_the_machine() {
    let setup = Setup { guest: "processor-single", task: "wake-for-ever", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    tell(&guests, &["a"]).await;
    let calls = |metrics: &str| metric(metrics, "spanloom_plugin_calls", &["outcome=\"ok\""]);
    let before = calls(&guests.spanloom.metrics().await);
    sleep(Duration::from_secs(1)).await;
    let woken = calls(&guests.spanloom.metrics().await) - before;
    assert!((10.0..=1100.0).contains(&woken), "it was woken {woken} times in a second");
    tell(&guests, &["b"]).await;
    check(&guests.finish().await, &["a", "b"], &[]);
}

/// Scenario: three instances, each with its own traces, hold parts of batches; the process ends.
/// Guarantees: every span is delivered once.
#[tokio::test]
async fn what_instances_by_trace_hold_goes_on_once() {
    let plugin = "limits: {instances: 3}";
    let setup = Setup { guest: "processor-by-trace", task: "hold", plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    for number in 0..5 {
        guests.send(number * 20, 20).await.unwrap();
    }
    let (_, sink) = guests.end().await;
    let remains = sink.accepted();
    let mut names: Vec<String> =
        (remains.iter()).flat_map(|request| otlp::spans(&request.body)).map(|span| span.name).collect();
    assert_eq!(names.len(), 100);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 100, "each once");
}

/// Scenario: a plugin holds batches up to `limits.held_mib`.
/// Guarantees: the next sender is told to retry, and the error names the key.
#[tokio::test]
async fn a_plugin_that_holds_as_much_as_it_may_is_given_no_more() {
    let plugin = "limits: {held_mib: 1, call_timeout: 20s}";
    let setup = Setup { guest: "processor-single", task: "keep-for-ever", plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let mut taken = 0;
    let status = loop {
        match guests.send(taken, 1000).await {
            Ok(_) => taken += 1000,
            Err(status) => break status,
        }
        assert!(taken < 20_000, "it took {taken} spans");
    };
    assert!(taken >= 1000, "{status:?}");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("limits.held_mib"), "{status:?}");
    let account = guests.spanloom.ledger().await.into_iter().find(|(key, _)| key.0 == "traces/bad");
    assert_eq!(account.expect("an account").1.in_flight, taken as u64);
    guests.end().await;
}
