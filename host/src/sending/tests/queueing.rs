use std::sync::atomic::Ordering::SeqCst;

use futures::poll;
use wire::Signal;

use super::fake::*;
use crate::{
    component::{QueueSettings, SendingSettings, Sizer},
    pipeline::Consumer as _,
    receipt::{Reason, Receipt},
};

/// Scenario: two requests fill the queue, and a third arrives.
/// Guarantees: the third comes back with a retryable reason, and the metrics show this.
#[tokio::test(start_paused = true)]
async fn a_full_queue_gives_the_batch_back() {
    let pipeline = Pipeline::new(queued(queue(2)), Fake::new([]).taking(SECOND));
    assert_eq!(pipeline.send(5).await, Ok(()));
    assert_eq!(pipeline.send(5).await, Ok(()));
    let refused = pipeline.sending.consume(pipeline.batch(7)).await.unwrap_err();
    assert_eq!((refused.failure.reason, refused.batch.items()), (Reason::QueueFull, 7));
    assert!(refused.failure.is_retryable());
    assert_eq!(pipeline.metric(r#"otelcol_exporter_enqueue_failed_spans{exporter="fake"}"#), Some(7.0));
    let size = r#"otelcol_exporter_queue_size{exporter="fake",data_type="traces"}"#;
    assert_eq!(pipeline.metric(size), Some(2.0));
    refused.batch.refused_to_sender(&refused.failure);
    pipeline.shutdown_within(10 * SECOND).await;
    assert_eq!(pipeline.metric(size), Some(0.0));
    assert_eq!(pipeline.metric(r#"otelcol_exporter_sent_spans{exporter="fake"}"#), Some(10.0));
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: the sizer counts items, and requests fill the queue.
/// Guarantees: a request is refused only if its items do not fit.
#[tokio::test(start_paused = true)]
async fn the_queues_size_counts_what_its_sizer_counts() {
    let in_items = QueueSettings { sizer: Sizer::Items, ..queue(10) };
    let pipeline = Pipeline::new(queued(in_items), Fake::new([]).taking(SECOND));
    assert_eq!(pipeline.send(6).await, Ok(()));
    assert_eq!(pipeline.send(5).await, Err(Reason::QueueFull));
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(10 * SECOND).await;
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: the sizer counts requests, and requests are large; a thousand requests could have a thousand
/// times 64 MiB.
/// Guarantees: the queue is also bounded in bytes, and a request that is refused for its bytes takes no room.
#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_in_bytes_too() {
    let max_bytes = spans(6).encoded_len() + spans(4).encoded_len();
    let pipeline =
        Pipeline::new(queued(QueueSettings { max_bytes, ..queue(2) }), Fake::new([]).taking(SECOND));
    assert_eq!(pipeline.send(6).await, Ok(()));
    assert_eq!(pipeline.send(6).await, Err(Reason::QueueFull));
    assert_eq!(pipeline.send(30).await, Err(Reason::TooLarge));
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(10 * SECOND).await;
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: a request is larger than the whole queue, which blocks on overflow.
/// Guarantees: the request is refused for good, because the wait would never end.
#[tokio::test(start_paused = true)]
async fn a_request_larger_than_the_whole_queue_is_refused_for_good() {
    let settings = QueueSettings { sizer: Sizer::Items, block_on_overflow: true, ..queue(10) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([]));
    assert_eq!(pipeline.send(11).await, Err(Reason::TooLarge));
}

/// Scenario: the queue blocks on overflow and is full.
/// Guarantees: the caller waits until there is room.
#[tokio::test(start_paused = true)]
async fn a_blocking_queue_keeps_the_caller_until_there_is_room() {
    let settings = QueueSettings { block_on_overflow: true, ..queue(1) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([]).taking(SECOND));
    assert_eq!(pipeline.send(1).await, Ok(()));
    let mut second = Box::pin(pipeline.send(2));
    assert!(poll!(&mut second).is_pending());
    assert_eq!(second.await, Ok(()));
    assert_eq!(pipeline.fake.started_secs(), [0], "the second had to wait for the first");
    pipeline.shutdown_within(10 * SECOND).await;
    assert_eq!(pipeline.fake.started_secs(), [0, 1]);
    assert_eq!(pipeline.final_balance().delivered, 3);
}

/// Scenario: a client hangs up while its request waits for room.
/// Guarantees: its items count as abandoned, and the room goes to the next request.
#[tokio::test(start_paused = true)]
async fn a_call_cancelled_while_it_waits_for_room_is_abandoned() {
    let settings = QueueSettings { block_on_overflow: true, ..queue(1) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([]).taking(SECOND));
    assert_eq!(pipeline.send(1).await, Ok(()));
    let mut second = Box::pin(pipeline.send(2));
    assert!(poll!(&mut second).is_pending());
    drop(second);
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(10 * SECOND).await;
    let balance = pipeline.final_balance();
    assert_eq!((balance.delivered, balance.dropped), (5, vec![(Reason::Abandoned, 2)]));
}

/// Scenario: small requests arrive at a queue with batching.
/// Guarantees: they are sent together once they reach `min_size`, and the rest at shutdown.
#[tokio::test(start_paused = true)]
async fn small_requests_are_merged_until_the_batch_is_large_enough() {
    let pipeline = Pipeline::new(queued(batching(10, 0)), Fake::new([]));
    for _ in 0..7 {
        assert_eq!(pipeline.send(4).await, Ok(()));
    }
    settle_down().await;
    assert_eq!(pipeline.fake.items(), [12, 12]);
    assert_eq!(pipeline.balance().in_flight, 4);
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [12, 12, 4]);
    assert_eq!(pipeline.final_balance().delivered, 28);
}

/// Scenario: fewer items than `min_size` arrive.
/// Guarantees: they are sent when `flush_timeout` has passed since the first of them.
#[tokio::test(start_paused = true)]
async fn what_was_gathered_is_flushed_in_time() {
    let pipeline = Pipeline::new(queued(batching(100, 0)), Fake::new([]));
    assert_eq!(pipeline.send(3).await, Ok(()));
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(pipeline.send(4).await, Ok(()));
    tokio::time::sleep(SECOND).await;
    assert_eq!(pipeline.send(5).await, Ok(()));
    tokio::time::sleep(SECOND).await;
    assert_eq!(pipeline.fake.items(), [7, 5]);
    let millis: Vec<u128> = pipeline.fake.times().iter().map(|time| time.as_millis()).collect();
    assert!((200..=202).contains(&millis[0]) && (1300..=1303).contains(&millis[1]), "{millis:?}");
}

/// Scenario: requests of two tenants, and some without a tenant, arrive at a queue that keeps tenants apart.
/// Guarantees: only requests of one tenant are sent together, each after its own wait.
#[tokio::test(start_paused = true)]
async fn what_has_other_values_of_a_header_is_gathered_apart() {
    let pipeline = Pipeline::new(queued(partitioned(5)), Fake::new([]));
    for (tenant, items) in [("a", 2), ("b", 3), ("a", 4), ("b", 1), ("c", 7)] {
        assert_eq!(pipeline.send_of(tenant, items).await, Ok(()));
    }
    assert_eq!(pipeline.send(1).await, Ok(()));
    settle_down().await;
    assert_eq!(pipeline.fake.items(), [6, 7]);
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(pipeline.send_of("a", 2).await, Ok(()));
    tokio::time::sleep(SECOND / 8).await;
    assert_eq!(pipeline.fake.items(), [6, 7, 4, 1]);
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [6, 7, 4, 1, 2]);
    assert_eq!(pipeline.final_balance().delivered, 20);
}

/// Scenario: more tenants send than are gathered at a time.
/// Guarantees: the oldest is sent at once, and all are delivered.
#[tokio::test(start_paused = true)]
async fn with_too_many_partitions_the_oldest_does_not_wait() {
    let pipeline = Pipeline::new(queued(partitioned(5)), Fake::new([]));
    assert_eq!(pipeline.send_of("first", 2).await, Ok(()));
    for tenant in 1..10_000 {
        assert_eq!(pipeline.send_of(&tenant.to_string(), 1).await, Ok(()));
    }
    settle_down().await;
    assert!(pipeline.fake.items().is_empty());
    assert_eq!(pipeline.send_of("last", 1).await, Ok(()));
    settle_down().await;
    assert_eq!(pipeline.fake.items(), [2]);
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.final_balance().delivered, 10_002);
}

/// Scenario: a request has more items than `max_size`.
/// Guarantees: it is sent in parts of at most `max_size`.
#[tokio::test(start_paused = true)]
async fn what_is_larger_than_max_size_is_split() {
    let pipeline = Pipeline::new(queued(batching(5, 5)), Fake::new([]));
    assert_eq!(pipeline.send(3).await, Ok(()));
    assert_eq!(pipeline.send(14).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [5, 5, 5, 2]);
    assert_eq!(pipeline.final_balance().delivered, 17);
    let size = r#"otelcol_exporter_queue_size{exporter="fake",data_type="traces"}"#;
    assert_eq!(pipeline.metric(size), Some(0.0));
}

/// Scenario: a sampler has kept ten spans of ten thousand, and the queue has room for no more than those ten.
/// Guarantees: the queue accepts them, and does not keep the bytes of the others.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_request_waits_without_the_rest_of_it() {
    let wire::Batch::Spans(all) = spans(10_000) else { panic!("not spans") };
    let kept = all.select(&(0..10).map(|row| row * 1000).collect::<Vec<u32>>());
    let max_bytes = kept.encoded_len();
    let pipeline = Pipeline::new(queued(QueueSettings { max_bytes, ..queue(10) }), Fake::new([]));
    let mut batch = pipeline.batch(10);
    batch.data = wire::Batch::Spans(kept);
    pipeline.sending.consume(batch).await.unwrap();
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [10]);
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: a request of 300,000 spans is sent in parts of ten, after another sender's spans.
/// Guarantees: no part is larger and all are delivered. Splitting that is not linear would take minutes.
#[tokio::test(start_paused = true)]
async fn a_request_that_comes_apart_into_very_many_is_split_once() {
    let pipeline = Pipeline::new(queued(batching(10, 10)), Fake::new([]));
    assert_eq!(pipeline.send(3).await, Ok(()));
    let many = wire::Batch::decode(Signal::Traces, empty_spans(300_000)).unwrap();
    let mut batch = pipeline.batch(300_000);
    batch.data = many;
    pipeline.sending.consume(batch).await.unwrap();
    pipeline.shutdown_within(SECOND).await;
    let items = pipeline.fake.items();
    assert_eq!((items.len(), items.iter().max()), (30_001, Some(&10)));
    assert_eq!(pipeline.final_balance().delivered, 300_003);
}

/// Returns one resource with spans of two bytes each.
fn empty_spans(count: usize) -> bytes::Bytes {
    let field = |number: u8, body: &[u8]| {
        let mut out = vec![number << 3 | 2];
        prost::encode_length_delimiter(body.len(), &mut out).unwrap();
        out.extend(body);
        out
    };
    field(1, &field(2, &[0x12, 0].repeat(count))).into()
}

/// Scenario: ten requests wait for three consumers.
/// Guarantees: never more than three are sent at a time.
#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_there_are_consumers() {
    let settings = QueueSettings { num_consumers: 3, ..queue(100) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([]).taking(SECOND));
    for _ in 0..10 {
        assert_eq!(pipeline.send(1).await, Ok(()));
    }
    pipeline.shutdown_within(60 * SECOND).await;
    assert_eq!(pipeline.fake.most_under_way.load(SeqCst), 3);
    assert_eq!(pipeline.fake.started_secs(), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]);
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: two callers' requests are sent as one, with `wait_for_result`.
/// Guarantees: both callers learn the outcome, though neither sender has asked for it.
#[tokio::test(start_paused = true)]
async fn wait_for_result_returns_what_became_of_the_batch() {
    let settings = QueueSettings { wait_for_result: true, ..batching(4, 0) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([Ok(Default::default()), invalid()]));
    let outcomes = futures::join!(pipeline.send(2), pipeline.send(2));
    assert_eq!(outcomes, (Ok(()), Ok(())));
    let outcomes = futures::join!(pipeline.send(3), pipeline.send(3));
    assert_eq!(outcomes, (Err(Reason::Rejected), Err(Reason::Rejected)));
    pipeline.shutdown_within(SECOND).await;
    let balance = pipeline.final_balance();
    assert_eq!((balance.delivered, balance.dropped), (4, vec![(Reason::Rejected, 6)]));
}

/// Scenario: the requests of two senders with awaited receipts pass a queue with batching, and one of them
/// fails.
/// Guarantees: each sender gets its own verdict.
#[tokio::test(start_paused = true)]
async fn each_sender_gets_its_own_verdict() {
    let pipeline = Pipeline::new(queued(batching(4, 4)), Fake::new([Ok(Default::default()), invalid()]));
    let (first, first_verdict) = Receipt::awaited();
    let (second, second_verdict) = Receipt::awaited();
    pipeline.sending.consume(pipeline.batch_with(4, first)).await.unwrap();
    pipeline.sending.consume(pipeline.batch_with(4, second)).await.unwrap();
    assert_eq!(first_verdict.wait().await, Ok(()));
    assert_eq!(second_verdict.wait().await.map_err(|failure| failure.reason), Err(Reason::Rejected));
}

/// Scenario: there is no queue.
/// Guarantees: the call returns the destination's answer, with the batch if the destination failed.
#[tokio::test(start_paused = true)]
async fn without_a_queue_the_call_returns_when_the_destination_has_answered() {
    let fake = Fake::new([Ok(Default::default()), invalid()]).taking(SECOND);
    let pipeline = Pipeline::new(SendingSettings::default(), fake);
    assert_eq!(pipeline.send(3).await, Ok(()));
    assert_eq!(pipeline.balance().delivered, 3);
    let refused = pipeline.sending.consume(pipeline.batch(4)).await.unwrap_err();
    assert_eq!((refused.failure.reason, refused.batch.items()), (Reason::Rejected, 4));
}

/// Scenario: a batch without items arrives.
/// Guarantees: it counts as delivered, and nothing is sent.
#[tokio::test(start_paused = true)]
async fn an_empty_batch_is_delivered_without_being_sent() {
    let pipeline = Pipeline::new(queued(queue(1)), Fake::new([]));
    assert_eq!(pipeline.send(0).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert!(pipeline.fake.items().is_empty());
}
