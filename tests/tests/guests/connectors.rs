//! Connectors that misbehave. Items that go in at the end of one pipeline, and items that come out at the
//! front of others, are in the accounts of both.

use std::{collections::BTreeMap, time::Duration};

use spanloom_tests::{
    Answer, Sink, Spanloom,
    guests::{component, metric},
    ledger::Account,
    otlp::{Signal, client::GrpcClient, payload},
};
use tonic::{Code, Status};

/// A process in which `traces/in` ends in the connector. `metrics` and `traces/out` begin with it and lead to
/// the sink.
struct Connected {
    spanloom: Spanloom,
    client: GrpcClient,
    sink: Sink,
}

impl Connected {
    /// Starts the process. `plugin` holds more keys of the plugin, `exporters` more exporters of `traces/in`.
    async fn start(task: &str, plugin: &str, exporters: &str) -> Option<Connected> {
        let component = component("connector")?;
        let sink = Sink::start().await;
        let config = format!(
            "plugins:\n  misbehave: {{path: \"{}\"{plugin}}}\n\
             receivers:\n  otlp: {{acknowledge: delivered, protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}}}}}\n\
             connectors:\n  misbehave: {{do: {task}}}\n  forward:\n\
             exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n  nop:\n\
             service:\n  pipelines:\n    \
             traces/in: {{receivers: [otlp], exporters: [misbehave{exporters}]}}\n    \
             metrics: {{receivers: [misbehave], exporters: [forward]}}\n    \
             metrics/out: {{receivers: [forward], exporters: [otlp_grpc]}}\n    \
             traces/out: {{receivers: [misbehave], exporters: [otlp_grpc]}}\n",
            component.display(),
            sink.address,
        );
        let spanloom = Spanloom::start(&config).await;
        let client = GrpcClient::connect(spanloom.grpc).await;
        Some(Connected { spanloom, client, sink })
    }

    async fn send(&self, spans: usize) -> Result<(), Status> {
        self.client.send(Signal::Traces, payload::traces(0, spans)).await.map(drop)
    }

    /// Ends the process, and returns the number of data points and spans that the sink then has.
    async fn end(mut self) -> (usize, usize) {
        self.spanloom.signal(rustix::process::Signal::TERM);
        let status = self.spanloom.exit().await;
        assert!(status.success(), "it ended with {status}:\n{}", self.spanloom.output());
        (self.sink.items(Signal::Metrics), self.sink.items(Signal::Traces))
    }

    /// Returns the account of each pipeline that received anything.
    async fn accounts(&self) -> BTreeMap<String, Account> {
        let ledger = self.spanloom.settled().await.into_iter();
        ledger.map(|((pipeline, _), account)| (pipeline, account)).filter(|(_, it)| it.received > 0).collect()
    }
}

fn delivered(items: u64) -> Account {
    Account { received: items, delivered: items, ..Account::default() }
}

fn accounts<const N: usize>(expected: [(&str, Account); N]) -> BTreeMap<String, Account> {
    expected.map(|(pipeline, account)| (pipeline.to_owned(), account)).into()
}

/// Scenario: a connector makes as many data points as spans come in; a second connector passes the points on.
/// Guarantees: each pipeline receives and delivers its items, and the receiver metrics count both connectors.
#[tokio::test]
async fn what_a_connector_makes_is_received_anew() {
    let Some(connected) = Connected::start("count-at-once", "", "").await else { return };
    connected.send(7).await.unwrap();
    connected.send(5).await.unwrap();
    connected.sink.wait_for_items(Signal::Metrics, 12).await;
    let twelve = || delivered(12);
    let expected = accounts([("traces/in", twelve()), ("metrics", twelve()), ("metrics/out", twelve())]);
    assert_eq!(connected.accounts().await, expected);
    let metrics = connected.spanloom.metrics().await;
    let points = |receiver: &str| {
        let labels = [format!("receiver=\"{receiver}\""), "transport=\"connector\"".to_owned()];
        metric(&metrics, "otelcol_receiver_accepted_metric_points", &labels.each_ref().map(String::as_str))
    };
    assert_eq!((points("misbehave"), points("forward")), (12.0, 12.0));
    assert_eq!(
        metric(&metrics, "spanloom_plugin_forgotten_items", &[]),
        0.0,
        "it may let go of what came in"
    );
    assert_eq!(connected.end().await, (12, 0));
}

/// Scenario: a connector counts spans and emits the count when it is woken.
/// Guarantees: the data points arrive.
#[tokio::test]
async fn what_a_connector_has_counted_comes_out_when_it_is_woken() {
    let Some(connected) = Connected::start("count-and-wake", "", "").await else { return };
    connected.send(3).await.unwrap();
    connected.sink.wait_for_items(Signal::Metrics, 3).await;
    assert_eq!(connected.end().await, (3, 0));
}

/// Scenario: the process ends while a connector holds a count.
/// Guarantees: the pipelines that the connector feeds are still open, and the data points arrive.
#[tokio::test]
async fn what_a_connector_has_counted_comes_out_when_the_host_ends() {
    let Some(connected) = Connected::start("count", "", "").await else { return };
    connected.send(20).await.unwrap();
    assert_eq!(connected.accounts().await, accounts([("traces/in", delivered(20))]));
    assert_eq!(connected.end().await, (20, 0));
}

/// Scenario: a connector keeps the batches that it is given.
/// Guarantees: the spans count as delivered at once, and the connector can still read the batches later.
#[tokio::test]
async fn a_connector_may_keep_what_it_was_given() {
    let Some(connected) = Connected::start("keep-spans", "", "").await else { return };
    connected.send(4).await.unwrap();
    connected.send(4).await.unwrap();
    assert_eq!(connected.accounts().await, accounts([("traces/in", delivered(8))]));
    assert_eq!(connected.end().await, (8, 0));
}

/// Scenario: the instance of a connector is replaced after every second call.
/// Guarantees: each instance takes over the count of the instance before it.
#[tokio::test]
async fn what_a_connector_has_counted_goes_from_instance_to_instance() {
    let plugin = ", limits: {max_calls: 2}";
    let Some(connected) = Connected::start("count", plugin, "").await else { return };
    for _ in 0..9 {
        connected.send(1).await.unwrap();
    }
    let recycled = metric(&connected.spanloom.metrics().await, "spanloom_plugin_recycled", &[]);
    assert!(recycled >= 1.0, "{recycled}");
    assert_eq!(connected.end().await, (9, 0));
}

/// Scenario: a connector passes spans on to a pipeline of traces.
/// Guarantees: that pipeline receives and delivers the spans too.
#[tokio::test]
async fn spans_that_a_connector_passes_on_are_received_anew_too() {
    let Some(connected) = Connected::start("pass-spans-on", "", "").await else { return };
    connected.send(6).await.unwrap();
    connected.sink.wait_for_items(Signal::Traces, 6).await;
    let expected = accounts([("traces/in", delivered(6)), ("traces/out", delivered(6))]);
    assert_eq!(connected.accounts().await, expected);
    assert_eq!(connected.end().await, (0, 6));
}

/// Scenario: a connector emits and then traps on one batch, and does so again on a fresh instance.
/// Guarantees: the sender is told to retry, and nothing that these calls emitted goes on.
#[tokio::test]
async fn a_connector_that_traps_gives_the_batch_back() {
    let Some(connected) = Connected::start("count-then-trap", "", "").await else { return };
    connected.send(2).await.unwrap();
    let poisoned = connected.client.send(Signal::Traces, payload::named_traces(&["poison", "b"])).await;
    let status = poisoned.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let metrics = connected.spanloom.metrics().await;
    assert_eq!(
        metric(&metrics, "spanloom_plugin_calls", &["outcome=\"trap\""]),
        2.0,
        "once more, and no more"
    );
    connected.send(3).await.unwrap();
    connected.sink.wait_for_items(Signal::Metrics, 5).await;
    let expected = [("traces/in", delivered(5)), ("metrics", delivered(5)), ("metrics/out", delivered(5))];
    assert_eq!(connected.accounts().await, accounts(expected));
    // The trap cost the instance that had counted 2; the next one has counted 3.
    assert_eq!(connected.end().await, (8, 0));
}

/// Scenario: a connector reports a failure, with `on_failure: reject` and then with `drop`.
/// Guarantees: the batch goes back to its sender, or is dropped and counted.
#[tokio::test]
async fn a_connector_that_fails_gives_the_batch_back_or_drops_it() {
    let Some(connected) = Connected::start("count-then-fail", "", "").await else { return };
    let status = connected.send(2).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message().contains("not now")),
        (Code::Unavailable, true),
        "{status:?}"
    );
    assert_eq!(connected.accounts().await, accounts([]));
    assert_eq!(connected.end().await, (0, 0));
    let plugin = ", on_failure: drop";
    let Some(connected) = Connected::start("count-then-fail", plugin, "").await else { return };
    let _ = connected.send(2).await;
    let dropped = BTreeMap::from([("plugin_failed".to_owned(), 2)]);
    let expected = Account { received: 2, dropped, ..Account::default() };
    assert_eq!(connected.accounts().await, accounts([("traces/in", expected)]));
    assert_eq!(connected.end().await, (0, 0));
}

/// Scenario: a connector fails beside an exporter that accepts the batch.
/// Guarantees: only the connector's share of the batch is dropped.
#[tokio::test]
async fn a_connector_that_fails_beside_an_exporter_loses_its_own_part() {
    let Some(connected) = Connected::start("count-then-fail", "", ", nop").await else { return };
    let _ = connected.send(2).await;
    let ledger = connected.spanloom.settled().await;
    let of = |destination: &str| ledger[&("traces/in".to_owned(), destination.to_owned())].clone();
    assert_eq!(of("nop"), delivered(2));
    assert_eq!(of("misbehave").dropped, BTreeMap::from([("plugin_failed".to_owned(), 2)]));
    connected.end().await;
}

/// Scenario: a connector emits a signal that it does not declare.
/// Guarantees: the items go nowhere, and the log says so.
#[tokio::test]
async fn what_a_connector_does_not_say_that_it_emits_goes_nowhere() {
    let Some(connected) = Connected::start("emit-logs", "", "").await else { return };
    connected.send(1).await.unwrap();
    connected.spanloom.wait_for_output("it passed on logs, which it does not say that it emits").await;
    assert_eq!(connected.accounts().await, accounts([("traces/in", delivered(1))]));
    assert_eq!(connected.end().await, (0, 0));
}

/// Scenario: a connector tries to make a batch from bytes that are not OTLP.
/// Guarantees: no batch is made, and the call goes on.
#[tokio::test]
async fn bytes_that_are_no_otlp_make_no_batch() {
    let Some(connected) = Connected::start("make-garbage", "", "").await else { return };
    connected.send(2).await.unwrap();
    assert_eq!(connected.end().await, (2, 0));
}

/// Scenario: the destination refuses what a connector emitted.
/// Guarantees: the items are dropped and counted, because the sender was already told success.
#[tokio::test]
async fn what_a_connector_made_and_nobody_takes_is_dropped_and_counted() {
    let Some(connected) = Connected::start("count-at-once", "", "").await else { return };
    connected.sink.answer_usually(Answer::Refuse);
    connected.send(3).await.unwrap();
    connected.sink.wait_for_requests(1).await;
    let accounts = connected.accounts().await;
    assert_eq!(accounts["traces/in"], delivered(3));
    assert_eq!(accounts["metrics/out"].dropped, BTreeMap::from([("rejected".to_owned(), 3)]));
    tokio::time::timeout(Duration::from_secs(20), connected.end()).await.expect("it ends");
}
