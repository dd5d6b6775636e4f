//! Tests plugins that were built against a released version of the interface and are never built again. Their
//! behaviour must stay the same while the version is served. Together they call every function of the
//! interface.

use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::trace::v1::Span;
use spanloom_tests::{
    Sink, Spanloom,
    guests::metric,
    ledger::Account,
    otlp::{
        self, Signal,
        client::{GrpcClient, http_client},
        payload,
    },
    spanloom::free_address,
};

/// A component of `tests/interface`.
fn kept(version: &str, plugin: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interface").join(version).join(format!("{plugin}.wasm"))
}

/// Starts a process with the config, in which `PLUGIN` and `SINK` stand for the file and the destination.
async fn start(version: &str, plugin: &str, config: &str) -> (Spanloom, GrpcClient, Sink) {
    let sink = Sink::start().await;
    let config = config
        .replace("PLUGIN", kept(version, plugin).to_str().expect("UTF-8"))
        .replace("SINK", &format!("http://{}", sink.address));
    let spanloom = Spanloom::start(&config).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    (spanloom, client, sink)
}

/// Ends the process successfully, so that the plugins pass on what they hold.
async fn end(mut spanloom: Spanloom) -> Spanloom {
    spanloom.signal(rustix::process::Signal::TERM);
    let status = spanloom.exit().await;
    assert!(status.success(), "it ended with {status}:\n{}", spanloom.output());
    spanloom
}

async fn send_named(client: &GrpcClient, names: &[&str]) {
    client.send(Signal::Traces, payload::named_traces(names)).await.expect("taken");
}

fn spans(sink: &Sink) -> Vec<Span> {
    sink.accepted().iter().flat_map(|request| otlp::spans(&request.body)).collect()
}

fn told(sink: &Sink, key: &str) -> Vec<String> {
    let spans = spans(sink);
    let told = spans.iter().map(|span| otlp::text_attribute(span, key));
    told.filter(|text| !text.is_empty()).collect()
}

const PROCESSOR: &str = r#"
plugins:
  kept: {path: "PLUGIN", limits: {max_calls: 2}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:GRPC}"}}}
processors:
  kept: {endpoint: "ENDPOINT"}
exporters:
  otlp_grpc: {endpoint: "SINK", tls: {insecure: true}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [kept], exporters: [otlp_grpc]}
"#;

/// Scenario: four batches go through a processor whose instance is replaced after every second call.
/// Guarantees: its reads and edits have the same results as at the release, and its batches and counts
/// survive its instances and the end.
#[tokio::test]
async fn a_processor_of_0_1_0_reads_edits_and_hands_over_as_it_did() {
    let endpoint = free_address().to_string();
    let (spanloom, client, sink) =
        start("0.1.0", "processor", &PROCESSOR.replace("ENDPOINT", &endpoint)).await;
    for _ in 0..4 {
        send_named(&client, &["a", "left out", "b", "c"]).await;
    }
    let answer = http_client().get(format!("http://{endpoint}/path?query")).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers()["x-kept"].as_bytes()), (200, &b"0.1.0"[..]));
    assert_eq!(answer.text().await.expect("text"), "/path query true 16");
    let metrics = spanloom.metrics().await;
    assert!(metric(&metrics, "spanloom_plugin_recycled", &[]) >= 1.0, "no instance was replaced");
    spanloom.wait_for_output("kept-processor has 2 spans").await;
    // Two spans of the last batch are still held. They are passed on when the process ends.
    let spanloom = end(spanloom).await;
    let says = "traces to otlp_grpc: received 16, delivered 12, dropped 4 (4 filtered)";
    spanloom.wait_for_output(says).await;

    let mut names: Vec<String> = spans(&sink).into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, [["b!"; 4], ["c!"; 4], ["first"; 4]].concat());
    assert_eq!(told(&sink, "read"), [READ; 4]);
    assert_eq!(told(&sink, "edit.text"), ["column"; 4]);
    assert_eq!(told(&sink, "edit.texts"), ["list"; 12]);
    assert_eq!(told(&sink, "url.path"), ["/hidden"; 12]);
    assert_eq!(told(&sink, "method"), ["GET"; 12]);
    for span in spans(&sink) {
        let keys: Vec<&str> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        assert!(keys.contains(&"edit.number") && !keys.contains(&"ratio"), "{keys:?}");
        assert_eq!(keys.contains(&"raw"), span.name != "first", "{keys:?}");
        let status = span.status.unwrap_or_default();
        assert_eq!(status.message, if span.name == "first" { "edited" } else { "" });
    }
}

/// The processor's report on three spans.
const READ: &str = concat!(
    "3 spans, 96 bytes of ids, 3703701 [1234567, 1234567, 1234567] ns, kinds [2, 2, 2], codes [2, 0, 0], ",
    r#"state ["vendor=value", "vendor=value", "vendor=value"], path ["/cart", "/cart", "/cart"] "#,
    r#"[Some("/cart"), Some("/cart"), Some("/cart")], status [200, 200, 200] [0, 0, 0] "#,
    "[Some(0.25), Some(0.25), Some(0.25)], metadata []; ",
    r#"1 resources [0, 0, 0] of 2 attributes, ["cart"] [Some("one")] Some("text one"), 0 numbers, "#,
    "scope tests 1.0; row a SpanKind::Server 1 events 1 links 257 flags StatusCode::Error ",
    r#"["http.request.method=text GET", "url.path=text /cart", "http.response.status_code=int 200", "#,
    r#""sampled=bool true", "ratio=double 0.25", "raw=bytes [0, 255, 10]", "list=json [-1,null]", "#,
    r#""map=json {\"inner\":\"größe 🧵\"}"] Some("bytes [0, 255, 10]"); "#,
    "flat 3 names 24 attributes 3 events 3 links 1 scopes 1 resources, true",
);

const SAMPLER: &str = r#"
plugins:
  kept: {path: "PLUGIN", limits: {instances: 1}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:GRPC}"}}}
processors:
  kept:
exporters:
  otlp_grpc: {endpoint: "SINK", tls: {insecure: true}}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [kept], exporters: [otlp_grpc]}
"#;

/// Scenario: one batch of four traces goes through a sampler.
/// Guarantees: its reads and decisions have the same results as at the release.
#[tokio::test]
async fn a_sampler_of_0_1_0_decides_as_it_did() {
    let (spanloom, client, sink) = start("0.1.0", "sampler", SAMPLER).await;
    send_named(&client, &["failed", "half", "dropped", "undecided"]).await;
    sink.wait_for_items(Signal::Traces, 3).await;
    let metrics = spanloom.metrics().await;
    let decided = |decision: &str| metric(&metrics, "spanloom_sampler_spans", &[decision]);
    let decided = [r#"decision="keep""#, r#"decision="drop""#, r#"decision="undecided""#].map(decided);
    assert_eq!(decided, [2.0, 1.0, 1.0]);
    assert_eq!(metric(&metrics, "spanloom_sampler_represented_spans", &[]), 3.0);
    spanloom.wait_for_output("sampler read").await;
    let output = spanloom.output();
    spanloom.finish().await;
    let mut names: Vec<String> = spans(&sink).into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["failed", "half", "undecided"]);
    let read: Vec<&str> = output.lines().filter_map(|line| line.split("sampler read: ").nth(1)).collect();
    let read: Vec<&str> = read.iter().filter_map(|line| line.split(" component=").next()).collect();
    assert_eq!(read, [SAMPLED]);
}

/// The sampler's report on four traces of one span each.
const SAMPLED: &str = concat!(
    "4 traces, 64 bytes of ids, spans [1, 1, 1, 1], 4938268 ns, started 1700000000000000000, ",
    r#"path /cart/cart/cart/cart [Some("/cart"), Some("/cart"), Some("/cart"), Some("/cart")], "#,
    "status [200, 200, 200, 200] [Some(0.25), Some(0.25), Some(0.25), Some(0.25)], ",
    r#"service [Some("cart"), Some("cart"), Some("cart"), Some("cart")], of [0, 1, 2, 3], 4 spans"#,
);

const EXPORTER: &str = r#"
plugins:
  kept: {path: "PLUGIN", grants: {http: [SINK]}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:GRPC}"}}}
exporters:
  kept: {url: "SINK"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [kept]}
    metrics: {receivers: [otlp], exporters: [kept]}
    logs: {receivers: [otlp], exporters: [kept]}
"#;

/// Scenario: an exporter is given batches of all signals, one of them with a span that it refuses.
/// Guarantees: it sends them over granted HTTP as at the release, and only the refused span is dropped.
#[tokio::test]
async fn an_exporter_of_0_1_0_sends_as_it_did() {
    let (spanloom, client, sink) = start("0.1.0", "exporter", EXPORTER).await;
    send_named(&client, &["yes", "no"]).await;
    for signal in [Signal::Metrics, Signal::Logs] {
        client.send(signal, payload::request(signal, 3)).await.expect("taken");
        sink.wait_for_items(signal, 3).await;
    }
    spanloom.wait_for_output("exporter was woken: true").await;
    let ledger = spanloom.finish().await;
    let account = |pipeline: &str| ledger[&(pipeline.to_owned(), "kept".to_owned())].clone();
    let rejected = [("rejected".to_owned(), 1)].into();
    let expected = Account { received: 2, delivered: 1, dropped: rejected, ..Account::default() };
    assert_eq!(account("traces"), expected);
    let expected = Account { received: 3, delivered: 3, ..Account::default() };
    assert_eq!((account("metrics"), account("logs")), (expected.clone(), expected));
    assert_eq!(sink.items(Signal::Traces), 2);
}

const CONNECTOR: &str = r#"
plugins:
  kept: {path: "PLUGIN", grants: {store: true}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:GRPC}"}}}
connectors:
  kept:
exporters:
  otlp_grpc: {endpoint: "SINK", tls: {insecure: true}}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [kept]}
    metrics/in: {receivers: [otlp], exporters: [kept]}
    logs/in: {receivers: [otlp], exporters: [kept]}
    metrics: {receivers: [kept], exporters: [otlp_grpc]}
    logs: {receivers: [kept], exporters: [otlp_grpc]}
"#;

/// Scenario: a connector is given batches of all signals, is woken, and flushed at the end.
/// Guarantees: its output enters the pipelines behind it, and its store and metrics hold the same values as
/// at the release.
#[tokio::test]
async fn a_connector_of_0_1_0_makes_what_it_did() {
    let (spanloom, client, sink) = start("0.1.0", "connector", CONNECTOR).await;
    for signal in Signal::ALL {
        client.send(signal, payload::request(signal, 5)).await.expect("taken");
    }
    sink.wait_for_items(Signal::Metrics, 10).await;
    sink.wait_for_items(Signal::Logs, 5).await;
    let metrics = spanloom.metrics().await;
    let of_kept =
        |name: &str| metric(&metrics, name, &["of=\"kept\"", "component=\"kept\"", "plugin=\"kept\""]);
    assert_eq!(
        (of_kept("kept_items"), of_kept("kept_len"), of_kept("kept_lens_sum"), of_kept("kept_lens_count")),
        (15.0, 5.0, 15.0, 3.0),
        "{metrics}"
    );
    spanloom.settled().await;
    end(spanloom).await;
    assert_eq!((sink.items(Signal::Metrics), sink.items(Signal::Logs)), (10 + 15, 5));
}
