use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic as otlp;
use otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use wire::Signal;

use super::fake::*;
use crate::{
    component::{RequestLimits, SendingSettings, TimeWindow},
    receipt::{Reason, Receipt},
};

fn limited(limits: RequestLimits) -> SendingSettings {
    SendingSettings { limits: Some(limits), ..queued(queue(10)) }
}

/// Returns a span that ended so many seconds ago, with a name of so many bytes.
fn span(secs_ago: i64, name_bytes: usize) -> Span {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = now.saturating_add_signed(-secs_ago) * 1_000_000_000;
    let name = "x".repeat(name_bytes);
    Span { name, start_time_unix_nano: time, end_time_unix_nano: time, ..Span::default() }
}

fn batch(spans: Vec<Span>) -> wire::Batch {
    let scope_spans = ScopeSpans { spans, ..ScopeSpans::default() };
    let resource_spans = ResourceSpans { scope_spans: vec![scope_spans], ..ResourceSpans::default() };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
    wire::Batch::decode(Signal::Traces, request.encode_to_vec().into()).unwrap()
}

/// Scenario: a batch has more items than a request may have.
/// Guarantees: it is sent in parts, in order, before the destination refuses it.
#[tokio::test(start_paused = true)]
async fn a_batch_is_split_before_it_is_refused() {
    let limits = RequestLimits { request_items: Some(4), ..RequestLimits::default() };
    let pipeline = Pipeline::new(limited(limits), Fake::new([]).at_most(4));
    assert_eq!(pipeline.send(10).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [4, 4, 2]);
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: a batch has spans that are too large, too old and too new, and others.
/// Guarantees: the others are delivered in one request; each of the bad ones is dropped by its reason, and counted as
/// failed to send.
#[tokio::test(start_paused = true)]
async fn what_the_destination_would_never_take_costs_no_other() {
    let window = TimeWindow { past: Some(3600 * SECOND), future: Some(3600 * SECOND), spread: None };
    let limits = RequestLimits { item_bytes: Some(1000), window: Some(window), ..RequestLimits::default() };
    let pipeline = Pipeline::new(limited(limits), Fake::new([]));
    let spans = vec![span(0, 1), span(7200, 1), span(0, 2000), span(-7200, 1), span(-1800, 1), span(7200, 1)];
    assert_eq!(pipeline.send_data(batch(spans), Receipt::unawaited()).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [2]);
    let balance = pipeline.final_balance();
    assert_eq!(balance.delivered, 2);
    assert_eq!(balance.dropped, [(Reason::TooLarge, 1), (Reason::TooOld, 2), (Reason::TooNew, 1)]);
    assert_eq!(pipeline.metric(r#"otelcol_exporter_send_failed_spans{exporter="fake"}"#), Some(4.0));
}

/// Scenario: a sender waits for the outcome of a batch of which one span is too old.
/// Guarantees: it is told of the span's failure, for good.
#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_is_told_of_what_was_dropped() {
    let window = TimeWindow { past: Some(3600 * SECOND), ..TimeWindow::default() };
    let limits = RequestLimits { window: Some(window), ..RequestLimits::default() };
    let pipeline = Pipeline::new(limited(limits), Fake::new([]));
    let (receipt, verdict) = Receipt::awaited();
    let spans = vec![span(0, 1), span(7200, 1)];
    assert_eq!(pipeline.send_data(batch(spans), receipt).await, Ok(()));
    let failure = verdict.wait().await.unwrap_err();
    assert_eq!((failure.reason, failure.is_retryable()), (Reason::TooOld, false));
    assert!(failure.message.contains("`limits.time_window.past`"), "{}", failure.message);
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.final_balance().delivered, 1);
}

/// Scenario: a part of a split batch fails for a while.
/// Guarantees: only that part is sent again.
#[tokio::test(start_paused = true)]
async fn a_part_that_fails_is_sent_again_alone() {
    let limits = RequestLimits { request_items: Some(4), ..RequestLimits::default() };
    let settings = SendingSettings { retry: Some(retry()), ..limited(limits) };
    let pipeline = Pipeline::new(settings, Fake::new([Ok(Default::default()), unavailable(None)]));
    assert_eq!(pipeline.send(10).await, Ok(()));
    pipeline.shutdown_within(60 * SECOND).await;
    assert_eq!(pipeline.fake.items(), [4, 4, 4, 2]);
    assert_eq!(pipeline.final_balance().delivered, 10);
}
