//! Plugins that keep failing or do not start, and senders and hosts that end in the middle of a call.

use std::time::Duration;

use serde_json::json;
use spanloom_tests::{
    command,
    guests::{Guests, Setup, component, metric},
    ledger::Account,
    otlp::{Signal, payload},
    swap::Operator,
};
use tokio::time::sleep;
use tonic::Code;

const ONE_INSTANCE: &str = "limits: {instances: 1}";

/// Scenario: a processor fails five times in a row, and also on the host's made-up data.
/// Guarantees: the breaker stops all calls; a second later one call may try, and closes the breaker.
#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_and_tried_again() {
    let setup =
        Setup { guest: "processor", task: "trap-unless-good", plugin: ONE_INSTANCE, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    for _ in 0..5 {
        assert_eq!(guests.send_named(&["poison"]).await.unwrap_err().code(), Code::Unavailable);
    }
    let status = guests.send_named(&["good"]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("not called for a while"), "{status:?}");
    let metrics = guests.spanloom.metrics().await;
    assert_eq!(metric(&metrics, "spanloom_plugin_breaker_open", &["plugin=\"misbehave\""]), 1.0);
    assert_eq!(metric(&metrics, "spanloom_plugin_calls", &["outcome=\"trap\""]), 10.0, "no more than these");
    sleep(Duration::from_millis(1100)).await;
    guests.send_named(&["good"]).await.expect("it is probed");
    guests.send_named(&["good", "again"]).await.expect("it is closed");
    let remains = guests.finish().await;
    assert_eq!(remains.account, Account { received: 3, delivered: 3, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_breaker_open", &["plugin=\"misbehave\""]), 0.0);
    assert!(remains.output.contains("the plugin works again"), "{}", remains.output);
}

/// Scenario: one sender sends 15 batches on which the processor traps; another sends a good batch.
/// Guarantees: the breaker stays closed, so that the good batch is processed, and the status shows the failures until then.
#[tokio::test]
async fn one_senders_bad_batches_do_not_take_the_plugin_from_others() {
    let setup =
        Setup { guest: "processor", task: "trap-on-poison", plugin: ONE_INSTANCE, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    for number in 0..15 {
        let another = number.to_string();
        let status = guests.send_named(&["poison", &another]).await.unwrap_err();
        assert!(status.message().contains("trap"), "{status:?}");
    }
    let operator = Operator::of(&guests.spanloom, "misbehave");
    assert_eq!(operator.status().await["failing"], json!({"batches": 15, "left_alone": false}));
    guests.send_named(&["good"]).await.expect("the plugin is called");
    assert_eq!(operator.status().await["failing"], json!(null));
    let remains = guests.finish().await;
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"ok\""]), 1.0);
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"trap\""]), 30.0, "each, and once more");
    assert_eq!(remains.metric("spanloom_plugin_breaker_open", &[]), 0.0);
    assert!(remains.output.contains("the batches are at fault"), "{}", remains.output);
}

/// Scenario: a processor logs a panic's text of two lines, as the SDK's panic hook does, and then traps.
/// Guarantees: the sender's error and the log's line about the batch contain the text in one line.
#[tokio::test]
async fn the_last_words_of_a_plugin_reach_its_sender_and_the_log() {
    let setup = Setup { guest: "processor", task: "trap-with-last-words", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let status = guests.send_named(&["a"]).await.unwrap_err();
    let said = r"it said: panicked at src/lib.rs:1:2:\n2026-01-01 ERROR forged: card number missing";
    assert!(status.message().ends_with(said), "{status:?}");
    let remains = guests.finish().await;
    let line = remains.output.lines().find(|line| line.contains("the batch is rejected"));
    assert!(line.is_some_and(|line| line.contains("card number missing")), "{}", remains.output);
    assert!(!remains.output.lines().any(|line| line.starts_with("2026-01-01")), "{}", remains.output);
}

/// Scenario: a processor reports a failure with a message of ten megabytes.
/// Guarantees: the sender's error and the lines of the log stay short.
#[tokio::test]
async fn a_failure_of_ten_megabytes_is_a_short_line() {
    let setup = Setup { guest: "processor", task: "fail-at-length", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let status = guests.send_named(&["a"]).await.unwrap_err();
    assert!(status.message().len() < 2048, "{} bytes", status.message().len());
    let remains = guests.finish().await;
    let longest = remains.output.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < 4096, "a line of {longest} bytes");
    assert!(!remains.output.lines().any(|line| line.starts_with("2026-01-01")), "{}", remains.output);
}

/// Scenario: the breaker is open, and the sender of the call that may try goes away.
/// Guarantees: after another second the plugin is tried again.
#[tokio::test]
async fn a_probe_whose_sender_goes_away_does_not_leave_the_plugin_alone_for_ever() {
    let setup =
        Setup { guest: "processor", task: "fail-then-slow", plugin: ONE_INSTANCE, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    for _ in 0..5 {
        guests.send_named(&["fail"]).await.unwrap_err();
    }
    sleep(Duration::from_millis(1100)).await;
    tokio::time::timeout(Duration::from_millis(200), guests.send_named(&["slow"])).await.unwrap_err();
    sleep(Duration::from_millis(1100)).await;
    guests.send_named(&["good"]).await.expect("it is probed again");
    let remains = guests.finish().await;
    assert_eq!(remains.delivered().last().map(String::as_str), Some("good"));
    assert_eq!(remains.account.settled(), remains.account.received);
}

/// Scenario: a sender goes away in the middle of a call, for plugins of each concurrency.
/// Guarantees: each span is settled once, and the plugin takes the next batch.
#[tokio::test]
async fn a_sender_that_goes_away_in_the_middle_of_a_call_leaves_the_ledger_in_balance() {
    for guest in ["processor", "processor-single", "processor-by-trace"] {
        let setup = Setup { guest, task: "be-slow", plugin: ONE_INSTANCE, ..Setup::default() };
        let Some(guests) = Guests::start(setup).await else { return };
        tokio::time::timeout(Duration::from_millis(150), guests.send(0, 10)).await.unwrap_err();
        guests.send(10, 10).await.expect("the plugin goes on");
        let remains = guests.finish().await;
        let account = &remains.account;
        assert_eq!((account.received, account.settled()), (20, 20), "{guest}: {account:?}");
        let given_up = account.dropped.get("abandoned").copied().unwrap_or_default();
        assert_eq!(account.delivered + given_up, 20, "{guest}: {account:?}");
        assert_eq!(remains.delivered().len() as u64, account.delivered, "{guest}");
    }
}

/// Scenario: the process is told to end in the middle of a call, for plugins of each concurrency.
/// Guarantees: the call is completed, its result is delivered, and the sender is told success.
#[tokio::test]
async fn a_host_that_ends_in_the_middle_of_a_call_finishes_it() {
    for guest in ["processor", "processor-single", "processor-by-trace"] {
        let setup = Setup { guest, task: "be-slow", ..Setup::default() };
        let Some(guests) = Guests::start(setup).await else { return };
        let client = guests.client.clone();
        let sent =
            tokio::spawn(async move { client.send(Signal::Traces, payload::traces(0, 10)).await.is_ok() });
        sleep(Duration::from_millis(200)).await;
        let (output, sink) = guests.end().await;
        assert!(sent.await.expect("the client"), "{guest}: the sender is told\n{output}");
        assert_eq!(sink.items(Signal::Traces), 10, "{guest}\n{output}");
    }
}

/// Scenario: two calls run at a time, and one of them traps.
/// Guarantees: the other call succeeds, or is refused because the breaker is open.
#[tokio::test]
async fn a_trap_does_not_touch_the_call_beside_it() {
    let setup = Setup {
        guest: "processor",
        task: "trap-on-poison",
        plugin: "limits: {instances: 2}",
        ..Setup::default()
    };
    let Some(guests) = Guests::start(setup).await else { return };
    let mut delivered = 0;
    for round in 0..20 {
        let name = format!("good {round}");
        let names = [name.as_str()];
        let (bad, good) = tokio::join!(guests.send_named(&["poison"]), guests.send_named(&names));
        bad.unwrap_err();
        match good {
            Ok(_) => delivered += 1,
            Err(status) => assert!(status.message().contains("not called for a while"), "{status:?}"),
        }
    }
    assert!(delivered > 0);
    let remains = guests.finish().await;
    assert_eq!(remains.delivered().len(), delivered);
    assert_eq!(remains.account.delivered, delivered as u64);
}

/// Scenario: a plugin refuses its config, at a key or at an unknown path, or panics over it.
/// Guarantees: `run` and `validate` exit with 2 and say why.
#[tokio::test]
async fn a_config_that_a_plugin_refuses_or_panics_on_is_refused() {
    for (task, says) in [
        ("refuse-config", "`do` is `refuse-config`: anything else would be right"),
        ("keep-wrong-path", "a path that leads nowhere"),
        ("panic-in-configure", "trap"),
    ] {
        let Some(component) = component("processor") else { return };
        let config = format!(
            "yaml:plugins: {{misbehave: {{path: \"{}\"}}}}\n\
             receivers: {{otlp: {{protocols: {{http: {{endpoint: \"127.0.0.1:0\"}}}}}}}}\n\
             processors: {{misbehave: {{do: {task}}}}}\n\
             exporters: {{debug: }}\n\
             service: {{pipelines: {{traces: {{receivers: [otlp], processors: [misbehave], exporters: [debug]}}}}}}",
            component.display()
        );
        for command in ["run", "validate"] {
            let ended = command::spanloom(&[command, "--config", &config]).await;
            let output = ended.stdout + &ended.stderr;
            assert_eq!(ended.code, 2, "{command} {task}:\n{output}");
            assert!(output.contains(says), "{command} {task}:\n{output}");
        }
    }
}

/// Scenario: a batch is split by trace among three instances, and one part makes its instance trap.
/// Guarantees: only this part is dropped; a retry by the sender would double the other parts.
#[tokio::test]
async fn of_a_batch_split_by_trace_only_the_part_that_fails_is_lost() {
    let plugin = "limits: {instances: 3}";
    let setup = Setup { guest: "processor-by-trace", task: "trap-on-poison", plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let names: Vec<String> =
        (0..29).map(|number| format!("good {number}")).chain(["poison".to_owned()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    guests.send_named(&names).await.unwrap();
    let remains = guests.finish().await;
    let account = &remains.account;
    let lost = account.dropped["plugin_failed"];
    assert!((1..30).contains(&lost), "{account:?}");
    assert_eq!((account.received, account.delivered), (30, 30 - lost), "{account:?}");
    assert_eq!(remains.delivered().len() as u64, account.delivered);
}

/// Scenario: the process is told to end while a plugin never returns.
/// Guarantees: `limits.call_timeout` ends the call, the sender is told to retry, and the process ends well.
#[tokio::test]
async fn a_host_that_ends_while_a_plugin_runs_for_ever_ends_well() {
    let plugin = "limits: {call_timeout: 500ms}";
    for guest in ["processor", "processor-single"] {
        let setup = Setup { guest, task: "loop", plugin, ..Setup::default() };
        let Some(guests) = Guests::start(setup).await else { return };
        let client = guests.client.clone();
        let sent = tokio::spawn(async move { client.send(Signal::Traces, payload::traces(0, 10)).await });
        sleep(Duration::from_millis(200)).await;
        let begun = std::time::Instant::now();
        guests.end().await;
        assert!(begun.elapsed() < Duration::from_secs(8), "{guest}: it took {:?}", begun.elapsed());
        assert_eq!(sent.await.expect("the client").unwrap_err().code(), Code::Unavailable, "{guest}");
    }
}
