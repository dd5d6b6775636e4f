//! Real OpenTelemetry SDKs send. What they send is printed, and passed on over both OTLP protocols.

use std::{collections::BTreeSet, net::SocketAddr};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message;
use spanloom_tests::{
    Chain, Sink, Spanloom,
    clients::{self, Client},
    config,
    otlp::{self, Signal},
};

const NAMES: [&str; 3] = ["POST /checkout", "charge card", "send receipt"];

/// Checks that the SDK's spans are printed and delivered over both protocols.
async fn shown_and_delivered(client: Client, protocol: &str) {
    let chain = Chain::start().await;
    client.send(&[protocol, &chain.endpoint(protocol)]).await;
    for name in NAMES {
        chain.first.wait_for_output(name).await;
    }
    chain.sink.wait_for_items(Signal::Traces, 2 * NAMES.len()).await;
    let sink = chain.finish().await;
    assert_eq!(sink.items(Signal::Traces), 2 * NAMES.len(), "nothing came more often than that");
    for request in sink.accepted() {
        check(&request.body);
    }
}

/// Checks the spans of `tests/clients`, which are the same for each SDK.
fn check(body: &[u8]) {
    let spans = otlp::spans(body);
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(NAMES));
    let server = spans.iter().find(|span| span.name == "POST /checkout").unwrap();
    assert_eq!((server.kind, server.parent_span_id.len(), server.trace_id.len()), (2, 0, 16));
    assert_eq!(server.links[0].span_id, [0xB7, 0xAD, 0x6B, 0x71, 0x69, 0x20, 0x33, 0x31]);
    assert_eq!(server.events[0].name, "cart.validated");
    assert_eq!(value(&server.attributes, "cart.count"), &Value::IntValue(2));
    assert_eq!(value(&server.attributes, "cart.total"), &Value::DoubleValue(12.5));
    let Value::StringValue(customer) = value(&server.attributes, "customer.name") else { panic!("a string") };
    assert!(customer.starts_with("Zoë Ångström 🧵"), "{customer}");
    let Value::ArrayValue(items) = value(&server.attributes, "cart.items") else { panic!("an array") };
    assert_eq!(items.values.len(), 2);

    let charge = spans.iter().find(|span| span.name == "charge card").unwrap();
    assert_eq!((&charge.parent_span_id, &charge.trace_id), (&server.span_id, &server.trace_id));
    assert_eq!(charge.status.as_ref().unwrap().code, 2);
    let message = value(&charge.events[0].attributes, "exception.message");
    assert_eq!(message, &Value::StringValue("card declined: größer als 100 €".to_owned()));
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> &'a Value {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()).unwrap_or_else(|| panic!("no {key}"))
}

/// Scenario: the Python SDK sends spans over gRPC.
/// Guarantees: the spans are printed and delivered, once to each destination.
#[tokio::test]
async fn spans_of_the_python_sdk_over_grpc_are_shown_and_delivered() {
    let Some(python) = clients::python() else { return };
    shown_and_delivered(python.of("traces"), "grpc").await;
}

/// Scenario: the Python SDK sends spans over HTTP.
/// Guarantees: the spans are printed and delivered, once to each destination.
#[tokio::test]
async fn spans_of_the_python_sdk_over_http_are_shown_and_delivered() {
    let Some(python) = clients::python() else { return };
    shown_and_delivered(python.of("traces"), "http").await;
}

/// Scenario: the Node SDK sends spans over gRPC.
/// Guarantees: the spans are printed and delivered, once to each destination.
#[tokio::test]
async fn spans_of_the_node_sdk_over_grpc_are_shown_and_delivered() {
    let Some(node) = clients::node() else { return };
    shown_and_delivered(node, "grpc").await;
}

/// Scenario: the Node SDK sends spans over HTTP as protobuf.
/// Guarantees: the spans are printed and delivered, once to each destination.
#[tokio::test]
async fn spans_of_the_node_sdk_over_http_are_shown_and_delivered() {
    let Some(node) = clients::node() else { return };
    shown_and_delivered(node, "http/protobuf").await;
}

/// Scenario: the Node SDK sends spans over HTTP as JSON.
/// Guarantees: the spans are printed and delivered, once to each destination.
#[tokio::test]
async fn spans_of_the_node_sdk_as_json_are_shown_and_delivered() {
    let Some(node) = clients::node() else { return };
    shown_and_delivered(node, "http/json").await;
}

/// Reads the environment variables from a line that tells how to start an application, with this receiver's
/// address.
fn variables(line: &str, http: SocketAddr) -> Vec<(String, String)> {
    let set =
        |(name, value): (&str, &str)| (name.to_owned(), value.replace("127.0.0.1:4318", &http.to_string()));
    line.split_whitespace().filter_map(|word| word.split_once('=')).map(set).collect()
}

/// Scenario: an application starts with the environment variables that the welcome and the README give.
/// Guarantees: both give the same variables, and the application's spans are printed.
#[tokio::test]
async fn an_application_started_as_the_welcome_says_is_shown() {
    let Some(python) = clients::python() else { return };
    let spanloom = Spanloom::start_default().await;
    spanloom.wait_for_output("OTEL_EXPORTER_OTLP_ENDPOINT=").await;
    let output = spanloom.output();
    let readme = include_str!("../../README.md");
    let line = |text: &str, of: &str| {
        let found = of.lines().find(|line| line.contains("OTEL_EXPORTER_OTLP_ENDPOINT="));
        found.unwrap_or_else(|| panic!("{text} has no line for applications")).to_owned()
    };
    let welcome = variables(&line("the welcome", &output), spanloom.http);
    assert_eq!(variables(&line("the README", readme), spanloom.http), welcome);
    let exporter = ("OTEL_TRACES_EXPORTER".to_owned(), "otlp".to_owned());
    python.with(welcome.into_iter().chain([exporter])).send(&["environment"]).await;
    for name in NAMES {
        spanloom.wait_for_output(name).await;
    }
    spanloom.finish().await;
}

/// Scenario: the Python SDK sends metrics and logs over both protocols.
/// Guarantees: every item is delivered.
#[tokio::test]
async fn metrics_and_logs_of_the_python_sdk_are_delivered_over_both_protocols() {
    let Some(python) = clients::python() else { return };
    let sink = Sink::start().await;
    let spanloom = Spanloom::start(&config::relay(&format!(
        "otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n",
        sink.address
    )))
    .await;
    python.send(&["grpc", &format!("http://{}", spanloom.grpc), "metrics", "logs"]).await;
    python.send(&["http", &format!("http://{}", spanloom.http), "metrics", "logs"]).await;
    let ledger = spanloom.finish().await;
    let delivered =
        |pipeline: &str| ledger[&(pipeline.to_owned(), "otlp_grpc".to_owned())].delivered as usize;
    assert_eq!(sink.items(Signal::Metrics), delivered("metrics"));
    assert_eq!(sink.items(Signal::Logs), delivered("logs"));
    assert_eq!(sink.items(Signal::Metrics), 4, "a counter and a histogram, twice");
    assert_eq!(sink.items(Signal::Logs), 2);
}

/// Scenario: the Node SDK sends the same spans, with the same ids and times, as protobuf and as JSON.
/// Guarantees: the delivered requests are equal in every field.
#[tokio::test]
async fn json_of_the_node_sdk_arrives_equal_field_by_field_to_its_protobuf() {
    let Some(node) = clients::node() else { return };
    let sink = Sink::start().await;
    let spanloom = Spanloom::start(&config::relay(&format!(
        "otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n",
        sink.address
    )))
    .await;
    let endpoint = format!("http://{}", spanloom.http);
    node.send(&["http/protobuf", &endpoint]).await;
    sink.wait_for_items(Signal::Traces, 3).await;
    node.send(&["http/json", &endpoint]).await;
    sink.wait_for_items(Signal::Traces, 6).await;
    spanloom.finish().await;
    let decoded: Vec<_> = sink
        .accepted()
        .iter()
        .map(|request| ExportTraceServiceRequest::decode(&*request.body).unwrap())
        .collect();
    let [protobuf, json] = &decoded[..] else { panic!("two requests, one each, but {}", decoded.len()) };
    assert_eq!(protobuf, json);
}
