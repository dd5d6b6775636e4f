//! The built-in `batch` processor: every item that comes in goes out, in larger requests.

use std::{collections::BTreeSet, time::Duration};

use rustix::process;
use spanloom_tests::{
    Sink, Spanloom, clients,
    command::spanloom,
    guests::{component, metric},
    ledger::Account,
    otlp::{
        self, Signal,
        client::{self, GrpcClient},
        payload,
    },
};
use tokio::time::{Instant, sleep};

/// Returns a config that leads all signals through `batch`, whose section is given, to the sink.
fn config(receiver: &str, batch: &str, sink: &Sink) -> String {
    let pipelines = ["traces", "metrics", "logs"].map(|signal| {
        format!("    {signal}: {{receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}}\n")
    });
    format!(
        "receivers:\n  otlp:\n    protocols:\n      \
         grpc: {{endpoint: \"${{env:GRPC}}\", include_metadata: true}}\n      \
         http: {{endpoint: \"${{env:HTTP}}\", include_metadata: true}}\n    {receiver}\n\
         processors:\n  batch: {batch}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n{}",
        sink.address,
        pipelines.concat()
    )
}

async fn start(batch: &str) -> (Spanloom, Sink) {
    let sink = Sink::start().await;
    (Spanloom::start(&config("", batch, &sink)).await, sink)
}

/// Returns the number of items in each request of a signal, in order.
fn sizes(sink: &Sink, signal: Signal) -> Vec<usize> {
    let requests = sink.accepted().into_iter().filter(|request| request.signal == signal);
    requests.map(|request| otlp::items(signal, &request.body)).collect()
}

fn span_ids(sink: &Sink) -> Vec<Vec<u8>> {
    let requests = sink.accepted().into_iter().filter(|request| request.signal == Signal::Traces);
    requests.flat_map(|request| otlp::spans(&request.body)).map(|span| span.span_id).collect()
}

/// Ends the process and checks that this many items of each pipeline went in and out, and that none was
/// dropped.
async fn finish(spanloom: Spanloom, items: u64) {
    for (account, found) in spanloom.finish().await {
        let expected = Account { received: items, delivered: items, ..Account::default() };
        assert_eq!(found, expected, "{account:?}");
    }
}

/// Scenario: the timeout is far away, each signal sends more items than fit, and the process ends.
/// Guarantees: a batch leaves when it is full, and the rest at the end. Each span arrives once.
#[tokio::test]
async fn batches_leave_by_size_and_the_rest_at_the_end() {
    let (mut spanloom, sink) = start("{timeout: 1h, send_batch_size: 100, send_batch_max_size: 120}").await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    for signal in Signal::ALL {
        for first in [0, 70] {
            let body = if signal == Signal::Traces {
                payload::traces(first, 70)
            } else {
                payload::request(signal, 70)
            };
            client.send(signal, body).await.unwrap();
        }
        // A metric stays whole: with the second metric, of 70 data points, the batch would be too large.
        let first_batch = if signal == Signal::Metrics { 70 } else { 120 };
        sink.wait_for_items(signal, first_batch).await;
    }
    sleep(Duration::from_millis(300)).await;
    assert_eq!(sizes(&sink, Signal::Traces), [120]);
    for ((pipeline, _), account) in spanloom.ledger().await {
        let waiting = if pipeline == "metrics" { 70 } else { 20 };
        assert_eq!((account.received, account.in_flight), (140, waiting), "{pipeline}");
    }
    spanloom.signal(process::Signal::TERM);
    assert!(spanloom.exit().await.success(), "{}", spanloom.output());
    assert_eq!(Signal::ALL.map(|signal| sink.items(signal)), [140; 3], "{}", spanloom.output());
    for signal in Signal::ALL {
        assert!(sizes(&sink, signal).into_iter().all(|size| size <= 120), "{signal:?}");
    }
    let ids = span_ids(&sink);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 140, "each span once");
}

/// Scenario: three small requests of each signal arrive within the timeout.
/// Guarantees: they leave as one batch after the timeout, and the Collector's metrics of `batch` count that.
#[tokio::test]
async fn a_batch_leaves_when_its_time_is_over() {
    let (spanloom, sink) = start("{timeout: 700ms}").await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    for signal in Signal::ALL {
        let begun = Instant::now();
        for _ in 0..3 {
            client.send(signal, payload::request(signal, 5)).await.unwrap();
        }
        sink.wait_for_items(signal, 15).await;
        assert!(begun.elapsed() >= Duration::from_millis(700), "{signal:?} after {:?}", begun.elapsed());
    }
    assert_eq!(Signal::ALL.map(|signal| sizes(&sink, signal)), [vec![15], vec![15], vec![15]]);
    let metrics = spanloom.metrics().await;
    let of_batch = |name: &str| metric(&metrics, &format!("otelcol_processor_batch_{name}"), &["\"batch\""]);
    assert_eq!(of_batch("timeout_trigger_send"), 3.0, "{metrics}");
    assert_eq!(of_batch("batch_size_trigger_send"), 0.0);
    assert_eq!((of_batch("batch_send_size_count"), of_batch("batch_send_size_sum")), (3.0, 45.0));
    let below = metric(&metrics, "otelcol_processor_batch_batch_send_size_bucket", &["le=\"10\""]);
    let above = metric(&metrics, "otelcol_processor_batch_batch_send_size_bucket", &["le=\"25\""]);
    assert_eq!((below, above), (0.0, 3.0), "buckets as the Collector has them");
    finish(spanloom, 15).await;
}

/// Scenario: `batch` has no keys, as in most configs, and 10,000 items of each signal are sent.
/// Guarantees: each item arrives once, and the spans arrive in few requests.
#[tokio::test]
async fn a_batch_without_a_config_of_its_own_works() {
    let (spanloom, sink) = start("").await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    // This is more than one batch of the default size.
    for first in (0..10_000).step_by(100) {
        client.send(Signal::Traces, payload::traces(first, 100)).await.unwrap();
    }
    for signal in [Signal::Metrics, Signal::Logs] {
        client.send(signal, payload::request(signal, 10_000)).await.unwrap();
    }
    sink.wait_for_items(Signal::Traces, 10_000).await;
    finish(spanloom, 10_000).await;
    assert_eq!(Signal::ALL.map(|signal| sink.items(signal)), [10_000; 3]);
    assert_eq!(span_ids(&sink).iter().collect::<BTreeSet<_>>().len(), 10_000, "each span once");
    assert!(sizes(&sink, Signal::Traces).len() < 50, "{:?}", sizes(&sink, Signal::Traces));
}

/// Scenario: 20 senders at a time send 10,000 requests of one span each.
/// Guarantees: no limit of a plugin stops the senders, and every span arrives once, in few requests.
#[tokio::test]
async fn thousands_of_small_requests_become_few() {
    let (spanloom, sink) = start("{timeout: 2s}").await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    let senders = (0..20).map(|sender| {
        let client = client.clone();
        tokio::spawn(async move {
            for number in 0..500 {
                let body = payload::traces(sender * 500 + number, 1);
                client.send(Signal::Traces, body).await.expect("taken");
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    sink.wait_for_items(Signal::Traces, 10_000).await;
    assert_eq!(span_ids(&sink).iter().collect::<BTreeSet<_>>().len(), 10_000);
    assert!(sizes(&sink, Signal::Traces).len() < 200, "{:?}", sizes(&sink, Signal::Traces));
    let ledger = spanloom.finish().await;
    assert!(ledger.values().all(|account| account.dropped.is_empty()), "{ledger:?}");
}

/// Scenario: the receiver acknowledges on delivery, and two senders' spans become one batch.
/// Guarantees: both senders are answered when the batch is delivered, and not before.
#[tokio::test]
async fn senders_that_wait_for_delivery_wait_for_the_batch() {
    let sink = Sink::start().await;
    let spanloom =
        Spanloom::start(&config("acknowledge: delivered", "{timeout: 500ms, send_batch_size: 1000}", &sink))
            .await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    let begun = Instant::now();
    let (one, other) = tokio::join!(
        client.send(Signal::Traces, payload::traces(0, 3)),
        client.send(Signal::Traces, payload::traces(3, 4)),
    );
    one.unwrap();
    other.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(490), "after {:?}", begun.elapsed());
    assert_eq!(sizes(&sink, Signal::Traces), [7]);
    spanloom.finish().await;
}

/// Scenario: `metadata_keys` names the tenant; two tenants and a sender without one send.
/// Guarantees: each tenant's spans have requests of their own, whatever other headers say.
#[tokio::test]
async fn senders_with_other_metadata_do_not_share_a_batch() {
    let (spanloom, sink) = start("{timeout: 600ms, metadata_keys: [X-Tenant]}").await;
    let post = async |tenant: &str, first: usize| {
        let request = client::http_client().post(format!("http://{}/v1/traces", spanloom.http));
        let request = request.header("content-type", "application/x-protobuf").header("x-tenant", tenant);
        let request = request.header("x-request-id", first.to_string()).body(payload::traces(first, 2));
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    };
    for round in 0..3 {
        post("a", round * 10).await;
        post("b", 100 + round * 10).await;
    }
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(200, 2)).await.unwrap();
    sink.wait_for_items(Signal::Traces, 14).await;
    let mut sizes = sizes(&sink, Signal::Traces);
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 6, 6]);
    for request in sink.accepted() {
        let names: Vec<String> = otlp::spans(&request.body).into_iter().map(|span| span.name).collect();
        let hundreds = otlp::spans(&request.body).into_iter().map(|span| number(&span.span_id) / 100);
        assert_eq!(hundreds.collect::<BTreeSet<_>>().len(), 1, "{names:?}");
    }
    spanloom.finish().await;
}

fn number(span_id: &[u8]) -> u64 {
    u64::from_be_bytes(span_id.try_into().expect("eight bytes"))
}

/// Scenario: a second tenant sends while the first one's batch waits; `metadata_cardinality_limit` is 1.
/// Guarantees: a 503 names the key; the request is accepted when the first batch has left.
#[tokio::test]
async fn more_metadata_than_the_limit_is_refused() {
    let (spanloom, sink) =
        start("{timeout: 1s, metadata_keys: [x-tenant], metadata_cardinality_limit: 1}").await;
    let post = async |tenant: &str| {
        let request = client::http_client().post(format!("http://{}/v1/traces", spanloom.http));
        let request = request.header("content-type", "application/x-protobuf").header("x-tenant", tenant);
        request.body(payload::traces(0, 1)).send().await.unwrap()
    };
    assert!(post("a").await.status().is_success());
    let refused = post("b").await;
    assert_eq!(refused.status(), 503);
    let said = refused.bytes().await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("`metadata_cardinality_limit`"), "{said:?}");
    sink.wait_for_items(Signal::Traces, 1).await;
    assert!(post("b").await.status().is_success(), "once the other has left");
    spanloom.finish().await;
}

/// Scenario: the Python SDK sends all signals through `batch`.
/// Guarantees: every item arrives.
#[tokio::test]
async fn what_the_python_sdk_sends_arrives_in_batches() {
    let Some(python) = clients::python() else { return };
    let (spanloom, sink) = start("{timeout: 100ms}").await;
    python.send(&["grpc", &format!("http://{}", spanloom.grpc)]).await;
    for (signal, items) in std::iter::zip(Signal::ALL, [3, 2, 1]) {
        sink.wait_for_items(signal, items).await;
    }
    spanloom.finish().await;
    assert_eq!(Signal::ALL.map(|signal| sink.items(signal)), [3, 2, 1]);
}

/// Scenario: the config's `plugins` section has a plugin that is called `batch`.
/// Guarantees: this plugin runs, and not the built-in one.
#[tokio::test]
async fn a_plugin_of_the_config_takes_the_place_of_the_built_in_one() {
    let Some(component) = component("processor") else { return };
    let sink = Sink::start().await;
    let plugins = format!("plugins: {{batch: {{path: \"{}\"}}}}\n", component.display());
    // The plugin takes traces only.
    let config = config("", "{do: call-ungranted}", &sink);
    let of_traces =
        config.lines().filter(|line| !line.starts_with("    metrics") && !line.starts_with("    logs"));
    let config = of_traces.fold(plugins, |config, line| config + line + "\n");
    let spanloom = Spanloom::start(&config).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 2)).await.unwrap();
    spanloom.finish().await;
    let spans = otlp::spans(&sink.accepted()[0].body);
    assert!(
        spans.iter().all(|span| otlp::text_attribute(span, "guest.http").contains("Denied")),
        "{spans:?}"
    );
}

async fn refusal(batch: &str) -> String {
    let sink = Sink::start().await;
    let config =
        config("", batch, &sink).replace("${env:GRPC}", "127.0.0.1:0").replace("${env:HTTP}", "127.0.0.1:0");
    let ended = spanloom(&["validate", "--config", &format!("yaml:{config}")]).await;
    assert_ne!(ended.code, 0, "{}", ended.stdout);
    ended.stderr
}

/// Scenario: the section of `batch` has a misspelt key, wrong values, and values that contradict each other.
/// Guarantees: `validate` fails and names each mistake.
#[tokio::test]
async fn what_is_wrong_in_the_config_is_pointed_at() {
    let misspelt = refusal("{send_batchsize: 1024}").await;
    assert!(misspelt.contains("send_batchsize") && misspelt.contains("`send_batch_size`"), "{misspelt}");
    let wrong = refusal("{send_batch_size: many}").await;
    assert!(wrong.contains("processors › batch › send_batch_size"), "{wrong}");
    let duration = refusal("{timeout: fast}").await;
    assert!(duration.contains("`fast` is not a duration: write it as `200ms`"), "{duration}");
    let sizes = refusal("{send_batch_max_size: 1024}").await;
    assert!(sizes.contains("1024 is below `send_batch_size`, 8192"), "{sizes}");
    let twice = refusal("{metadata_keys: [a, A]}").await;
    assert!(twice.contains("`A` is there twice"), "{twice}");
}
