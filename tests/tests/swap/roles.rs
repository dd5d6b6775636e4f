//! State and held batches outlive a version, in every role, and also if a file replaces a built-in plugin.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::DefaultBodyLimit, routing::post};
use serde_json::Value;
use spanloom_tests::{
    Sink, Spanloom,
    guests::built,
    ledger::Ledger,
    otlp::{
        self, Signal,
        client::{GrpcClient, http_client},
        payload,
    },
    spanloom::free_address,
    swap::{Load, NOT_FOR_SLOWNESS, Operator, Sent, Way, numbers, padded},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A plugin whose next versions do the same as the first: they are the same component with more bytes.
struct Plugin {
    name: &'static str,
    spanloom: Spanloom,
    client: GrpcClient,
    component: Vec<u8>,
    folder: TempDir,
    versions: u32,
}

impl Plugin {
    /// Starts a process. `rest` is a config without the receiver `otlp` and the section `plugins`.
    ///
    /// Returns `None` if the component was not built.
    async fn start(name: &'static str, component: &str, rest: &str) -> Option<Plugin> {
        Self::start_with(name, component, "", rest).await
    }

    /// Starts a process like [`Plugin::start`], with more keys of the plugin: `, grants: {…}`.
    async fn start_with(name: &'static str, component: &str, grants: &str, rest: &str) -> Option<Plugin> {
        let component = fs::read(built(component)?).expect("the component");
        let folder = TempDir::new().expect("a folder");
        let config = format!(
            "plugins:\n  {name}: {{path: ./plugin.wasm, {NOT_FOR_SLOWNESS}{grants}}}\n\
             receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\n{rest}"
        );
        fs::write(folder.path().join("plugin.wasm"), &component).expect("a file");
        fs::write(folder.path().join("spanloom.yaml"), config).expect("a file");
        let spanloom = Spanloom::start_file(&folder.path().join("spanloom.yaml")).await;
        let client = GrpcClient::connect(spanloom.grpc).await;
        Some(Plugin { name, spanloom, client, component, folder, versions: 0 })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("plugin.wasm")
    }

    async fn next_version(&mut self) {
        self.versions += 1;
        let bytes = padded(&self.component, 100, self.versions);
        Operator::of(&self.spanloom, self.name).replace(&self.file(), &bytes, "swapped").await;
    }

    async fn send(&self, signal: Signal, body: bytes::Bytes) {
        self.client.send(signal, body).await.expect("taken");
    }

    async fn finish(self) -> Ledger {
        self.spanloom.finish().await
    }
}

async fn get(url: &str) -> String {
    let answer = http_client().get(url).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    answer.text().await.expect("text")
}

fn into_sink(name: &str, config: &str, sink: &Sink) -> String {
    format!(
        "processors:\n  {name}: {config}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], processors: [{name}], exporters: [otlp_grpc]}}\n",
        sink.address
    )
}

/// Scenario: a plugin counts spans and always holds one batch while its versions are replaced.
/// Guarantees: each version knows the full count, and every span arrives.
#[tokio::test]
async fn state_and_held_batches_go_from_one_version_to_the_next() {
    let (sink, endpoint) = (Sink::start().await, free_address());
    let rest = into_sink("heir", &format!("{{endpoint: \"{endpoint}\"}}"), &sink);
    let Some(mut heir) = Plugin::start("heir", "guest-heir.wasm", &rest).await else { return };
    for round in 0..5 {
        for number in 0..10 {
            heir.send(Signal::Traces, payload::traces(round * 10 + number, 1)).await;
        }
        heir.next_version().await;
        let count = get(&format!("http://{endpoint}/count")).await;
        assert_eq!(count, ((round + 1) * 10).to_string());
    }
    heir.send(Signal::Traces, payload::named_traces(&["last"])).await;
    sink.wait_for_items(Signal::Traces, 51).await;
    heir.finish().await;
    assert_eq!(sink.items(Signal::Traces), 51);
}

/// Scenario: a plugin counts spans while its versions are replaced under load.
/// Guarantees: no span is counted twice or missed, although a call may be undone and repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_goes_on_from_version_to_version_under_load() {
    let (sink, endpoint) = (Sink::start().await, free_address());
    let rest = into_sink("heir", &format!("{{endpoint: \"{endpoint}\"}}"), &sink);
    let Some(mut heir) = Plugin::start("heir", "guest-heir.wasm", &rest).await else { return };
    let load = Load::start(&[Way::Grpc(heir.spanloom.grpc); 4], 3).await;
    for _ in 0..8 {
        heir.next_version().await;
    }
    let sent = load.stop().await;
    assert!(sent.iter().all(|sent| sent.errors.is_empty()), "{sent:?}");
    let spans: usize = sent.iter().map(|sent| sent.spans).sum();
    assert_eq!(get(&format!("http://{endpoint}/count")).await, spans.to_string());
    heir.send(Signal::Traces, payload::named_traces(&["last"])).await;
    heir.finish().await;
    assert_eq!(sink.items(Signal::Traces), spans + 1);
}

/// Scenario: a file replaces the built-in `batch`, and its versions are replaced while a batch waits.
/// Guarantees: the waiting spans go from version to version and leave as one batch when it is full.
#[tokio::test]
async fn what_a_file_in_the_place_of_batch_holds_goes_to_the_next_version() {
    let sink = Sink::start().await;
    let rest = into_sink("batch", "{timeout: 1h, send_batch_size: 1000}", &sink);
    let Some(mut batch) = Plugin::start("batch", "builtin-batch.wasm", &rest).await else { return };
    for (first, requests) in [(0, 3), (300, 2), (500, 4)] {
        for number in 0..requests {
            batch.send(Signal::Traces, payload::traces(first + number * 100, 100)).await;
        }
        batch.next_version().await;
    }
    assert_eq!(sink.requests().len(), 0, "nothing leaves before it is due");
    batch.send(Signal::Traces, payload::traces(900, 100)).await;
    sink.wait_for_requests(1).await;
    batch.finish().await;
    assert_eq!((sink.requests().len(), sink.items(Signal::Traces)), (1, 1000));
}

/// Scenario: a file replaces the built-in `prometheus`, and its versions are replaced.
/// Guarantees: each version has the same series, although nothing is sent again.
#[tokio::test]
async fn the_series_of_a_file_in_the_place_of_prometheus_go_to_the_next_version() {
    let endpoint = free_address();
    let rest = format!(
        "exporters:\n  prometheus: {{endpoint: \"{endpoint}\"}}\n\
         service:\n  pipelines:\n    metrics: {{receivers: [otlp], exporters: [prometheus]}}\n"
    );
    let Some(mut prometheus) = Plugin::start("prometheus", "builtin-prometheus.wasm", &rest).await else {
        return;
    };
    prometheus.send(Signal::Metrics, payload::request(Signal::Metrics, 5)).await;
    prometheus.spanloom.settled().await;
    let url = format!("http://{endpoint}/metrics");
    let before = get(&url).await;
    assert_eq!(before.lines().filter(|line| line.starts_with("system_cpu")).count(), 5, "{before}");
    for _ in 0..3 {
        prometheus.next_version().await;
        assert_eq!(get(&url).await, before);
    }
    prometheus.finish().await;
}

/// Returns the names of all spans that were sent, and checks that every answer was a success.
fn names_of(sent: &[Sent]) -> Vec<String> {
    let errors: Vec<&String> = sent.iter().flat_map(|sent| &sent.errors).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let numbers = (0..).zip(sent).flat_map(|(connection, sent)| numbers(connection, sent.spans));
    numbers.map(payload::name).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Scenario: the versions of a sampler, which keeps failed traces, are replaced under load.
/// Guarantees: exactly the failed spans (every seventh, each in a trace of its own) arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sampler_decides_alike_while_its_versions_follow_one_another_under_load() {
    let sink = Sink::start().await;
    let rest = into_sink("sampler", "{share: 0.0}", &sink);
    let Some(mut sampler) = Plugin::start("sampler", "rust-keep-errors.wasm", &rest).await else { return };
    let load = Load::start(&[Way::Grpc(sampler.spanloom.grpc); 3], 20).await;
    for _ in 0..5 {
        sampler.next_version().await;
    }
    let sent = load.stop().await;
    names_of(&sent);
    let ledger = sampler.finish().await;
    let numbers = (0..).zip(&sent).flat_map(|(connection, sent)| numbers(connection, sent.spans));
    let kept: Vec<String> =
        numbers.filter(|number| payload::has_failed(*number)).map(payload::name).collect();
    let requests = sink.accepted();
    let arrived = requests.iter().flat_map(|request| otlp::spans(&request.body)).map(|span| span.name);
    assert!(sorted(arrived.collect()) == sorted(kept), "what arrived is not what had failed: {ledger:?}");
    assert!(ledger.values().all(|account| account.sampled_out > 0 && account.settled() == account.received));
}

/// Scenario: the versions of an exporter are replaced under load.
/// Guarantees: each span is posted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_sends_each_span_once_while_its_versions_follow_one_another_under_load() {
    let (hook, names) = hook().await;
    let rest = format!(
        "exporters:\n  webhook: {{url: \"http://{hook}/\", sending_queue: {{block_on_overflow: true}}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], exporters: [webhook]}}\n"
    );
    let grants = format!(", grants: {{http: [\"http://{hook}\"]}}");
    let started = Plugin::start_with("webhook", "rust-webhook.wasm", &grants, &rest).await;
    let Some(mut webhook) = started else { return };
    let load = Load::start(&[Way::Grpc(webhook.spanloom.grpc); 3], 5).await;
    for _ in 0..5 {
        webhook.next_version().await;
    }
    let sent = load.stop().await;
    let ledger = webhook.finish().await;
    let posted = names.lock().expect("no test panicked").clone();
    assert!(sorted(posted) == sorted(names_of(&sent)), "what was posted is not what was sent: {ledger:?}");
}

/// Starts a server that takes JSON lines and keeps the names in them.
async fn hook() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let names = Arc::new(Mutex::new(Vec::new()));
    let taken = names.clone();
    let take = move |body: String| async move {
        let lines = body.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut names: Vec<String> =
            lines.map(|line| line["name"].as_str().expect("a name").to_owned()).collect();
        taken.lock().expect("no test panicked").append(&mut names);
    };
    let routes = Router::new().route("/", post(take)).layer(DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
    (address, names)
}
