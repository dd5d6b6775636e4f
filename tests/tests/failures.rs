//! Destinations that fail, queues that fill, and the end of the process: every lost item is counted.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::process::Signal as ProcessSignal;
use spanloom_tests::{
    Answer, Sink, Spanloom, config,
    ledger::{Account, Ledger},
    otlp::{self, Signal, client, client::GrpcClient, payload},
    spanloom::free_address,
};
use tokio::{task::JoinSet, time::sleep};
use tonic::Code;

const RETRY_SOON: &str = "retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}";

fn account(ledger: &Ledger) -> &Account {
    &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())]
}

/// Returns an `otlp_grpc` exporter to the sink, with more keys.
fn to(sink: impl std::fmt::Display, keys: &[&str]) -> String {
    let keys: String = keys.iter().map(|key| format!("  {key}\n")).collect();
    format!("otlp_grpc:\n  endpoint: http://{sink}\n  tls: {{insecure: true}}\n{keys}")
}

/// Scenario: the destination starts after 200 spans have been accepted.
/// Guarantees: every span is delivered, once.
#[tokio::test]
async fn nothing_is_lost_while_a_destination_is_down() {
    let address = free_address();
    let spanloom = Spanloom::start(&config::relay(&to(address, &[RETRY_SOON]))).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    for number in 0..20 {
        client.send(Signal::Traces, payload::traces(number * 10, 10)).await.unwrap();
    }
    sleep(Duration::from_millis(300)).await;
    let sink = Sink::start_at(address).await;
    sink.wait_for_items(Signal::Traces, 200).await;
    let ledger = spanloom.finish().await;
    let expected = Account { received: 200, delivered: 200, ..Account::default() };
    assert_eq!(account(&ledger), &expected);
    assert_eq!(names(&sink).len(), 200, "each span once");
}

/// Scenario: the destination is unavailable and asks for a retry after one second.
/// Guarantees: the exporter waits that second, then delivers.
#[tokio::test]
async fn a_retry_waits_as_long_as_the_destination_asks() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::Unavailable { retry_after: Some(Duration::from_secs(1)) }]);
    let spanloom = Spanloom::start(&config::relay(&to(sink.address, &[RETRY_SOON]))).await;
    let started = Instant::now();
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 1)).await.unwrap();
    sink.wait_for_requests(2).await;
    assert!(started.elapsed() >= Duration::from_secs(1), "after {:?}", started.elapsed());
    let ledger = spanloom.finish().await;
    assert_eq!(account(&ledger).delivered, 1);
}

/// Scenario: the destination refuses one request for good and accepts the next.
/// Guarantees: the refused request is not sent again, and its spans are dropped and counted.
#[tokio::test]
async fn what_a_destination_refuses_for_good_is_dropped_and_counted() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::Refuse]);
    let spanloom = Spanloom::start(&config::relay(&to(sink.address, &[RETRY_SOON]))).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 3)).await.unwrap();
    sink.wait_for_requests(1).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(3, 4)).await.unwrap();
    sink.wait_for_items(Signal::Traces, 4).await;
    let ledger = spanloom.finish().await;
    let account = account(&ledger);
    assert_eq!((account.received, account.delivered, account.dropped["rejected"]), (7, 4, 3));
    assert_eq!(sink.requests().len(), 2, "what is refused for good is not sent again");
}

/// Scenario: the destination is unavailable for longer than `max_elapsed_time`.
/// Guarantees: the exporter retries, then drops the spans and counts them.
#[tokio::test]
async fn what_is_retried_in_vain_is_dropped_and_counted() {
    let sink = Sink::start().await;
    sink.answer_usually(Answer::Unavailable { retry_after: None });
    let retry = "retry_on_failure: {initial_interval: 50ms, max_elapsed_time: 400ms}";
    let spanloom = Spanloom::start(&config::relay(&to(sink.address, &[retry]))).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 5)).await.unwrap();
    let ledger = spanloom.finish().await;
    assert_eq!(account(&ledger).dropped["retries_exhausted"], 5);
    assert!(sink.requests().len() > 1, "it was tried again");
}

/// Scenario: the destination answers with a partial success that rejects two of ten spans.
/// Guarantees: eight count as delivered and two as dropped, and the request is not sent again.
#[tokio::test]
async fn what_a_destination_rejects_of_a_batch_is_counted() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::Partial { rejected: 2 }]);
    let spanloom = Spanloom::start(&config::relay(&to(sink.address, &[RETRY_SOON]))).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 10)).await.unwrap();
    sink.wait_for_requests(1).await;
    let ledger = spanloom.finish().await;
    let account = account(&ledger);
    assert_eq!((account.delivered, account.dropped["partially_rejected"]), (8, 2));
    assert_eq!(sink.requests().len(), 1, "a partial success is not sent again");
}

/// Scenario: one request is being sent and another waits, so that the queue is full.
/// Guarantees: the next request is refused over both protocols as retryable, and does not count as received.
#[tokio::test]
async fn a_full_queue_gives_requests_back_to_their_sender() {
    let sink = Sink::start().await;
    sink.answer_usually(Answer::After(Duration::from_secs(2)));
    let queue = "sending_queue: {queue_size: 1, num_consumers: 1}";
    let spanloom = Spanloom::start(&config::relay(&to(sink.address, &[queue]))).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    let mut accepted = 0;
    let refusal = loop {
        match client.send(Signal::Traces, payload::traces(accepted, 1)).await {
            Ok(_) => accepted += 1,
            Err(refusal) => break refusal,
        }
        assert!(accepted < 10, "the queue has no end");
    };
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
    let over_http = client::http(spanloom.http, Signal::Traces, payload::traces(99, 1)).await;
    assert_eq!(over_http.status().as_u16(), 503);
    let ledger = spanloom.finish().await;
    let expected = Account { received: accepted as u64, delivered: accepted as u64, ..Account::default() };
    assert_eq!(account(&ledger), &expected, "what was given back was never received");
}

/// Scenario: the receiver acknowledges on delivery; the destination answers late, and then refuses.
/// Guarantees: the sender is answered after the delivery, and gets an error for the refused span.
#[tokio::test]
async fn delivered_is_acknowledged_only_when_the_destination_has_it() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::After(Duration::from_millis(700))]);
    let config = config::with_receiver("acknowledge: delivered", &to(sink.address, &[]));
    let spanloom = Spanloom::start(&config).await;
    let started = Instant::now();
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 1)).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(700), "answered after {:?}", started.elapsed());
    assert_eq!(sink.items(Signal::Traces), 1);

    sink.answer_next([Answer::Refuse]);
    let refused = client::grpc(spanloom.grpc, Signal::Traces, payload::traces(1, 1)).await;
    assert!(refused.is_err(), "the destination would not have it");
    spanloom.finish().await;
}

/// Scenario: the process gets SIGTERM while four senders send as fast as they are answered.
/// Guarantees: every span whose sender was told that it is accepted is delivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_delivers_everything_that_was_accepted() {
    let sink = Sink::start().await;
    sink.answer_usually(Answer::After(Duration::from_millis(20)));
    let mut spanloom = Spanloom::start(&config::relay(&to(sink.address, &[RETRY_SOON]))).await;
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        senders.spawn(send_until_refused(GrpcClient::connect(spanloom.grpc).await, sender * 1_000_000));
    }
    sleep(Duration::from_millis(700)).await;
    spanloom.signal(ProcessSignal::TERM);
    let status = spanloom.exit().await;
    assert!(status.success(), "{status}:\n{}", spanloom.output());
    let accepted: Vec<String> = senders.join_all().await.into_iter().flatten().collect();
    assert!(accepted.len() > 100, "there was load: {}", accepted.len());
    let delivered = names(&sink);
    let lost: Vec<&String> = accepted.iter().filter(|name| !delivered.contains(*name)).collect();
    assert!(lost.is_empty(), "{} of {} accepted spans are lost: {lost:.5?}", lost.len(), accepted.len());
}

/// Sends until a request is refused, and returns the names of the accepted spans.
async fn send_until_refused(client: GrpcClient, first: usize) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in (first..).step_by(10) {
        let body: Bytes = payload::traces(number, 10);
        if client.send(Signal::Traces, body.clone()).await.is_err() {
            break;
        }
        accepted.extend(otlp::spans(&body).into_iter().map(|span| span.name));
    }
    accepted
}

/// Scenario: a destination that hangs holds up the drain, and a second SIGTERM follows.
/// Guarantees: the process waits after the first signal and ends at once after the second.
#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let sink = Sink::start().await;
    sink.answer_usually(Answer::After(Duration::from_secs(60)));
    let mut spanloom = Spanloom::start(&config::relay(&to(sink.address, &["timeout: 60s"]))).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 1)).await.unwrap();
    spanloom.signal(ProcessSignal::TERM);
    sleep(Duration::from_millis(500)).await;
    assert!(spanloom.is_running(), "it waits for the destination");
    let second = Instant::now();
    spanloom.signal(ProcessSignal::TERM);
    spanloom.exit().await;
    assert!(second.elapsed() < Duration::from_secs(20), "it took {:?}", second.elapsed());
}

/// Returns the names of the spans that the sink accepted, and checks that none came twice.
fn names(sink: &Sink) -> BTreeSet<String> {
    let accepted = sink.accepted();
    let names: Vec<String> =
        accepted.iter().flat_map(|request| otlp::spans(&request.body)).map(|span| span.name).collect();
    let distinct: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(distinct.len(), names.len(), "no span came twice");
    distinct
}
