//! Memory is bounded by what the config says, whatever is sent. Each test checks the peak memory of the
//! process.

#[path = "memory/attacks.rs"]
mod attacks;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::StatusCode;
use spanloom_tests::{
    Sink, Spanloom,
    attack::bodies,
    config,
    otlp::{
        self, Signal,
        client::{self, http_client},
        payload,
    },
    sink::Answer,
};

const MIB: u64 = 1 << 20;

fn assert_peak_below(spanloom: &Spanloom, limit_mib: u64) {
    let Some(peak) = spanloom.peak_rss_bytes() else { return };
    println!("peak memory: {} MiB", peak / MIB);
    assert!(peak < limit_mib * MIB, "it took {} MiB", peak / MIB);
}

/// Starts a destination that only counts items.
async fn counting_sink() -> (Sink, Arc<AtomicUsize>) {
    let items = Arc::new(AtomicUsize::new(0));
    let counted = items.clone();
    let sink = Sink::start_with(move |request| {
        counted.fetch_add(otlp::items(request.signal, &request.body), Relaxed);
    });
    (sink.await, items)
}

/// Sends the request this many times, four at a time. Returns how many were accepted.
async fn send(spanloom: &Spanloom, request: &Bytes, times: usize) -> usize {
    let client = http_client();
    let url = format!("http://{}/v1/traces", spanloom.http);
    let send = |_| {
        let post = client.post(&url).header("content-type", "application/x-protobuf").body(request.clone());
        async { post.send().await.is_ok_and(|answer| answer.status() == StatusCode::OK) }
    };
    let answers = stream::iter(0..times).map(send).buffer_unordered(4);
    answers.filter(|accepted| std::future::ready(*accepted)).count().await
}

/// Scenario: 300 MB pass in requests of 997 spans, and a sending queue makes batches of 8,192 spans.
/// Guarantees: the rest of a request that waits for the next batch does not keep other requests in memory.
#[tokio::test]
async fn what_is_left_of_a_request_in_a_sending_queue_keeps_no_other_alive() {
    let (sink, items) = counting_sink().await;
    let exporter = format!(
        "otlp_grpc:\n  endpoint: {}\n  tls: {{insecure: true}}\n  sending_queue: {{batch: {{min_size: 8192, max_size: 8192}}}}\n",
        sink.address
    );
    let spanloom = Spanloom::start(&config::relay(&exporter)).await;
    let request = payload::request(Signal::Traces, 997);
    println!("{} MiB pass", (request.len() * 1000) as u64 / MIB);
    assert_eq!(send(&spanloom, &request, 1000).await, 1000);
    assert_peak_below(&spanloom, 180);
    spanloom.finish().await;
    assert_eq!(items.load(Relaxed), 997_000);
}

/// Scenario: 300 MB pass in requests of 997 spans, and the plugin `batch` makes batches of 8,192 spans.
/// Guarantees: the rest of a request that waits for the next batch does not keep other requests in memory.
#[tokio::test]
async fn what_is_left_of_a_request_in_a_plugin_keeps_no_other_alive() {
    let (sink, items) = counting_sink().await;
    let exporter = format!("otlp_grpc:\n  endpoint: {}\n  tls: {{insecure: true}}\n", sink.address);
    let processor = [
        "--set",
        "processors::batch::send_batch_max_size=8192",
        "--set",
        "service::pipelines::traces::processors=[batch]",
    ];
    let spanloom = Spanloom::start_with(&config::relay(&exporter), &processor).await;
    let request = payload::request(Signal::Traces, 997);
    let before = spanloom.peak_rss_bytes().unwrap_or_default() / MIB;
    assert_eq!(send(&spanloom, &request, 1000).await, 1000);
    // The limit counts from here, because compiling the plugin took memory too.
    assert_peak_below(&spanloom, before + 120);
    spanloom.finish().await;
    assert_eq!(items.load(Relaxed), 997_000);
}

/// Scenario: log records of two bytes come, whose index takes eight times their size.
/// Guarantees: more than a million are refused for good; fewer are split in one pass while others are served.
#[tokio::test]
async fn very_many_tiny_items_are_split_at_once_or_refused() {
    let (sink, items) = counting_sink().await;
    let exporter = format!(
        "otlp_grpc:\n  endpoint: {}\n  tls: {{insecure: true}}\n  sending_queue: {{batch: {{min_size: 8192, max_size: 8192}}}}\n",
        sink.address
    );
    let spanloom = Spanloom::start(&config::relay(&exporter)).await;
    let post = |records: usize| {
        let gzip = bodies::gzipped(&payload::empty_logs(records));
        bodies::post_gzip(spanloom.http, Signal::Logs, "application/x-protobuf", gzip)
    };
    assert_eq!(post(1_000_001).await, Some(StatusCode::PAYLOAD_TOO_LARGE));
    let (many, other) = tokio::join!(
        post(900_000),
        client::http(spanloom.http, Signal::Logs, payload::request(Signal::Logs, 8))
    );
    assert_eq!((many, other.status()), (Some(StatusCode::OK), StatusCode::OK));
    assert_peak_below(&spanloom, 180);
    spanloom.finish().await;
    assert_eq!(items.load(Relaxed), 900_008);
}
