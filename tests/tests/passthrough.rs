//! Data that no component edits leaves as the bytes that came in.

use bytes::Bytes;
use spanloom_tests::{
    Sink, Spanloom, config,
    otlp::{Signal, client, payload},
    sink::Transport,
};

/// Sends requests of every signal, one after the other, and checks that each arrives as it was sent.
async fn check(from: Transport, exporter: &str) {
    let sink = Sink::start().await;
    let exporter = exporter.replace("SINK", &sink.address.to_string());
    let spanloom = Spanloom::start(&config::relay(&exporter)).await;
    let mut sent = Vec::new();
    for (signal, items) in
        Signal::ALL.into_iter().flat_map(|signal| [1, 7, 1_000].map(|items| (signal, items)))
    {
        let body = payload::request(signal, items);
        send(&spanloom, from, signal, body.clone()).await;
        sent.push((signal, body));
        sink.wait_for_requests(sent.len()).await;
    }
    spanloom.finish().await;
    let arrived: Vec<_> = sink.accepted().into_iter().map(|request| (request.signal, request.body)).collect();
    assert!(arrived == sent, "through {exporter}");
}

async fn send(spanloom: &Spanloom, transport: Transport, signal: Signal, body: Bytes) {
    match transport {
        Transport::Grpc => drop(client::grpc(spanloom.grpc, signal, body).await.expect("accepted")),
        Transport::Http => {
            let answer = client::http(spanloom.http, signal, body).await;
            assert!(answer.status().is_success(), "{answer:?}");
        }
    }
}

/// Scenario: requests come in over gRPC and leave over gRPC.
/// Guarantees: their bytes are unchanged.
#[tokio::test]
async fn bytes_pass_untouched_from_grpc_to_grpc() {
    check(
        Transport::Grpc,
        "otlp_grpc: {endpoint: \"http://SINK\", tls: {insecure: true}, compression: none}",
    )
    .await;
}

/// Scenario: requests come in over HTTP and leave over HTTP.
/// Guarantees: their bytes are unchanged.
#[tokio::test]
async fn bytes_pass_untouched_from_http_to_http() {
    check(Transport::Http, "otlp_http: {endpoint: \"http://SINK\", compression: none}").await;
}

/// Scenario: requests come in over gRPC and leave over HTTP.
/// Guarantees: their bytes are unchanged.
#[tokio::test]
async fn bytes_pass_untouched_from_grpc_to_http() {
    check(Transport::Grpc, "otlp_http: {endpoint: \"http://SINK\", compression: none}").await;
}

/// Scenario: requests come in over HTTP and leave over gRPC.
/// Guarantees: their bytes are unchanged.
#[tokio::test]
async fn bytes_pass_untouched_from_http_to_grpc() {
    check(
        Transport::Http,
        "otlp_grpc: {endpoint: \"http://SINK\", tls: {insecure: true}, compression: none}",
    )
    .await;
}

/// Scenario: the exporters compress, with gzip (the Collector's default) and with zstd.
/// Guarantees: the decompressed bytes are unchanged.
#[tokio::test]
async fn bytes_pass_untouched_when_they_are_compressed_on_the_way() {
    check(
        Transport::Grpc,
        "otlp_grpc: {endpoint: \"http://SINK\", tls: {insecure: true}, compression: gzip}",
    )
    .await;
    check(Transport::Http, "otlp_http: {endpoint: \"http://SINK\", compression: zstd}").await;
}

/// Scenario: the exporters have their older names, `otlp` and `otlphttp`, which most configs still use.
/// Guarantees: the bytes are unchanged.
#[tokio::test]
async fn bytes_pass_untouched_under_the_exporters_older_names() {
    check(Transport::Grpc, "otlp: {endpoint: \"SINK\", tls: {insecure: true}}").await;
    check(Transport::Http, "otlphttp: {endpoint: \"http://SINK\"}").await;
}

/// Scenario: one pipeline has two exporters.
/// Guarantees: both destinations receive the same bytes.
#[tokio::test]
async fn every_destination_of_a_fan_out_gets_the_same_bytes() {
    let (one, other) = (Sink::start().await, Sink::start().await);
    let spanloom = Spanloom::start(&config::relay(&format!(
        "otlp_grpc/one: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\notlp_http/other: {{endpoint: \"http://{}\"}}\n",
        one.address, other.address
    )))
    .await;
    let body = payload::request(Signal::Traces, 50);
    client::grpc(spanloom.grpc, Signal::Traces, body.clone()).await.unwrap();
    one.wait_for_requests(1).await;
    other.wait_for_requests(1).await;
    let ledger = spanloom.finish().await;
    assert!([one, other].iter().all(|sink| sink.accepted()[0].body == body));
    for destination in ["otlp_grpc/one", "otlp_http/other"] {
        assert_eq!(ledger[&("traces".to_owned(), destination.to_owned())].delivered, 50, "{destination}");
    }
}

/// Scenario: a newer SDK sends fields that this version does not know.
/// Guarantees: the bytes are unchanged.
#[tokio::test]
async fn fields_that_spanloom_does_not_know_survive() {
    let sink = Sink::start().await;
    let spanloom = Spanloom::start(&config::relay(&format!(
        "otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}",
        sink.address
    )))
    .await;
    let body = payload::traces_with_unknown_fields();
    client::grpc(spanloom.grpc, Signal::Traces, body.clone()).await.unwrap();
    sink.wait_for_requests(1).await;
    spanloom.finish().await;
    assert_eq!(sink.accepted()[0].body, body);
}

/// Scenario: the sending queue merges three requests.
/// Guarantees: the bytes that leave are the concatenation of the three requests.
#[tokio::test]
async fn a_batch_of_several_requests_is_their_concatenation() {
    let sink = Sink::start().await;
    let spanloom = Spanloom::start(&config::relay(&format!(
        "otlp_grpc:\n  endpoint: http://{}\n  tls: {{insecure: true}}\n  sending_queue: {{batch: {{min_size: 30, flush_timeout: 20s}}}}\n",
        sink.address
    )))
    .await;
    let requests = [payload::traces(0, 10), payload::traces(10, 10), payload::traces(20, 10)];
    for request in &requests {
        client::grpc(spanloom.grpc, Signal::Traces, request.clone()).await.unwrap();
    }
    sink.wait_for_items(Signal::Traces, 30).await;
    spanloom.finish().await;
    assert_eq!(sink.accepted().len(), 1, "one batch");
    assert_eq!(sink.accepted()[0].body, requests.concat());
}

/// Scenario: one exporter for each value of `compression`, over either protocol, sends to one receiver.
/// Guarantees: the receiver accepts each request, and the bytes are those that were sent.
#[tokio::test]
async fn what_an_exporter_compresses_a_receiver_takes() {
    let sink = Sink::start().await;
    let exporter = format!("otlp_http: {{endpoint: \"http://{}\", compression: none}}", sink.address);
    let last = Spanloom::start(&config::relay(&exporter)).await;
    let of_grpc = ["none", "gzip", "zstd", "snappy"].map(|compression| ("grpc", last.grpc, compression));
    let of_http = ["none", "gzip", "zstd", "zlib", "deflate", "snappy", "x-snappy-framed", "lz4"]
        .map(|compression| ("http", last.http, compression));
    let exporters: String = (of_grpc.iter().chain(&of_http))
        .map(|(protocol, to, compression)| {
            format!(
                "otlp_{protocol}/{compression}: {{endpoint: \"http://{to}\", tls: {{insecure: true}}, compression: {compression}}}\n"
            )
        })
        .collect();
    let first = Spanloom::start(&config::relay(&exporters)).await;
    let body = payload::request(Signal::Traces, 1_000);
    send(&first, Transport::Grpc, Signal::Traces, body.clone()).await;
    sink.wait_for_requests(of_grpc.len() + of_http.len()).await;
    first.finish().await;
    last.finish().await;
    assert!(sink.accepted().iter().all(|request| request.body == body));
}
