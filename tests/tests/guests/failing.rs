//! Plugins that keep failing, that do not start, and senders and hosts that end in the middle of a call.

use std::time::Duration;

use spanloom_tests::{
    command,
    guests::{Guests, Setup, component, metric},
    ledger::Account,
    otlp::{Signal, payload},
};
use tokio::time::sleep;
use tonic::Code;

const ONE_INSTANCE: &str = "limits: {instances: 1}";

/// After five failures in a row it is left alone for a second; then one call may try.
#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_and_tried_again() {
    let setup =
        Setup { guest: "processor", task: "trap-on-poison", plugin: ONE_INSTANCE, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    for _ in 0..5 {
        assert_eq!(guests.send_named(&["poison"]).await.unwrap_err().code(), Code::Unavailable);
    }
    let status = guests.send_named(&["good while it is open"]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("left alone"), "{status:?}");
    let metrics = guests.spanloom.metrics().await;
    assert_eq!(metric(&metrics, "spanloom_plugin_breaker_open", &["plugin=\"misbehave\""]), 1.0);
    assert_eq!(
        metric(&metrics, "spanloom_plugin_calls_total", &["outcome=\"trap\""]),
        10.0,
        "no more than these"
    );
    sleep(Duration::from_millis(1100)).await;
    guests.send_named(&["good"]).await.expect("it is probed");
    guests.send_named(&["good again"]).await.expect("it is closed");
    let remains = guests.finish().await;
    assert_eq!(remains.account, Account { received: 2, delivered: 2, ..Account::default() });
    assert_eq!(remains.metric("spanloom_plugin_breaker_open", &["plugin=\"misbehave\""]), 0.0);
    assert!(remains.output.contains("the plugin works again"), "{}", remains.output);
}

/// A sender that goes away takes its call with it: the plugin is to be tried again all the same.
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

/// What is given up in the middle of a call is settled, once.
#[tokio::test]
async fn a_sender_that_goes_away_in_the_middle_of_a_call_leaves_the_ledger_in_balance() {
    for guest in ["processor", "processor-single", "processor-by-trace"] {
        let setup = Setup { guest, task: "be-slow", plugin: ONE_INSTANCE, ..Setup::default() };
        let Some(guests) = Guests::start(setup).await else { return };
        tokio::time::timeout(Duration::from_millis(150), guests.send(0, 10)).await.unwrap_err();
        guests.send(10, 10).await.expect("the plugin goes on");
        let remains = guests.finish().await;
        let account = remains.account;
        assert_eq!((account.received, account.settled()), (20, 20), "{guest}: {account:?}");
        let given_up = account.dropped.get("abandoned").copied().unwrap_or_default();
        assert_eq!(account.delivered + given_up, 20, "{guest}: {account:?}");
        assert_eq!(remains.delivered().len() as u64, account.delivered, "{guest}");
    }
}

/// The call is finished, and what comes of it delivered.
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

/// Two calls at a time, one of them bad: the other is not touched.
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
            Err(status) => assert!(status.message().contains("left alone"), "{status:?}"),
        }
    }
    assert!(delivered > 0);
    let remains = guests.finish().await;
    assert_eq!(remains.delivered().len(), delivered);
    assert_eq!(remains.account.delivered, delivered as u64);
}

/// Before anything is received, by both commands.
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
