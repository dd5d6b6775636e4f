use super::fake::*;
use crate::{
    component::{Exported, QueueSettings, SendingSettings},
    pipeline::{Consumer as _, Refused},
    receipt::{Code, Reason, Retry},
};

fn retrying(queue: QueueSettings) -> SendingSettings {
    SendingSettings {
        queue: Some(queue),
        retry: Some(retry()),
        timeout: Some(5 * SECOND),
        ..SendingSettings::default()
    }
}

/// Scenario: a destination fails three times, and the third time asks for a longer wait.
/// Guarantees: the waits grow and are as long as the destination asks, and the batch is delivered.
#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_with_growing_waits() {
    let script =
        [unavailable(None), unavailable(None), unavailable(Some(7 * SECOND)), Ok(Exported::default())];
    let pipeline = Pipeline::new(retrying(queue(10)), Fake::new(script));
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(60 * SECOND).await;
    assert_eq!(pipeline.fake.started_secs(), [0, 1, 3, 10]);
    assert_eq!(pipeline.final_balance().delivered, 4);
}

/// Scenario: a destination fails for longer than `max_elapsed_time`.
/// Guarantees: the batch is dropped as `retries_exhausted`, and the metrics count it.
#[tokio::test(start_paused = true)]
async fn retries_end_with_the_elapsed_time() {
    let pipeline = Pipeline::new(retrying(queue(10)), Fake::new((0..100).map(|_| unavailable(None))));
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(100 * SECOND).await;
    assert_eq!(pipeline.fake.started_secs(), [0, 1, 3, 7, 15, 25, 35, 45, 55]);
    assert_eq!(pipeline.final_balance().dropped, [(Reason::RetriesExhausted, 4)]);
    assert_eq!(pipeline.metric(r#"otelcol_exporter_send_failed_spans{exporter="fake"}"#), Some(4.0));
}

/// Scenario: each attempt takes five seconds before it fails.
/// Guarantees: the elapsed time counts from the first attempt, not from its failure.
#[tokio::test(start_paused = true)]
async fn the_elapsed_time_counts_from_the_first_attempt() {
    let fake = Fake::new((0..100).map(|_| unavailable(None))).taking(5 * SECOND);
    let settings = SendingSettings { timeout: None, ..retrying(queue(10)) };
    let pipeline = Pipeline::new(settings, fake);
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(100 * SECOND).await;
    assert_eq!(pipeline.fake.started_secs(), [0, 6, 13, 22, 35, 50]);
    assert_eq!(pipeline.final_balance().dropped, [(Reason::RetriesExhausted, 4)]);
}

/// Scenario: a destination rejects a batch for good.
/// Guarantees: the batch is sent once and dropped as `rejected`.
#[tokio::test(start_paused = true)]
async fn what_the_destination_rejects_is_not_tried_again() {
    let pipeline = Pipeline::new(retrying(queue(10)), Fake::new([invalid()]));
    assert_eq!(pipeline.send(4).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [4]);
    assert_eq!(pipeline.final_balance().dropped, [(Reason::Rejected, 4)]);
}

/// Scenario: a destination rejects some items, then more than it was sent, then none but with a message.
/// Guarantees: only rejected items are dropped, never more than were sent, and nothing is sent again.
#[tokio::test(start_paused = true)]
async fn partial_success_drops_only_what_was_rejected_and_is_not_retried() {
    let partly = |rejected| Ok(Exported { rejected, message: "too old".into() });
    let pipeline = Pipeline::new(retrying(queue(10)), Fake::new([partly(3), partly(99), partly(0)]));
    for items in [10, 5, 2] {
        assert_eq!(pipeline.send(items).await, Ok(()));
        settle_down().await;
    }
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [10, 5, 2]);
    let balance = pipeline.final_balance();
    assert_eq!((balance.delivered, balance.dropped), (9, vec![(Reason::PartiallyRejected, 8)]));
}

/// Scenario: a destination does not answer.
/// Guarantees: each attempt ends with the timeout, and another follows.
#[tokio::test(start_paused = true)]
async fn an_attempt_without_an_answer_ends_with_the_timeout() {
    let fake = Fake::new([]).taking(3600 * SECOND);
    let pipeline = Pipeline::new(retrying(queue(10)), fake);
    assert_eq!(pipeline.send(1).await, Ok(()));
    tokio::time::sleep(14 * SECOND).await;
    assert_eq!(pipeline.fake.started_secs(), [0, 6, 13]);
}

/// Scenario: one of two consumers waits to retry its batch.
/// Guarantees: the other consumer sends the batches behind it.
#[tokio::test(start_paused = true)]
async fn a_retry_does_not_hold_up_the_other_consumers() {
    let settings = QueueSettings { num_consumers: 2, ..queue(10) };
    let pipeline = Pipeline::new(retrying(settings), Fake::new([unavailable(Some(30 * SECOND))]));
    for items in 1..=4 {
        assert_eq!(pipeline.send(items).await, Ok(()));
    }
    settle_down().await;
    assert_eq!(pipeline.fake.items(), [1, 2, 3, 4]);
    assert_eq!(pipeline.balance().delivered, 9);
    pipeline.shutdown_within(60 * SECOND).await;
    assert_eq!(pipeline.fake.items(), [1, 2, 3, 4, 1]);
}

/// Scenario: a destination accepts three items at most.
/// Guarantees: the batch is halved until every part fits, and everything is delivered.
#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_halved_until_it_fits() {
    let fake = Fake::new([]).at_most(3);
    let pipeline = Pipeline::new(retrying(queue(10)), fake);
    assert_eq!(pipeline.send(10).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [10, 5, 2, 3, 5, 2, 3]);
    assert_eq!(pipeline.final_balance().delivered, 10);
}

/// Scenario: a destination finds even a single item too large.
/// Guarantees: each item is dropped as `too_large`.
#[tokio::test(start_paused = true)]
async fn a_single_item_that_is_too_large_is_dropped_as_such() {
    let fake = Fake::new([]).at_most(0);
    let pipeline = Pipeline::new(retrying(queue(10)), fake);
    assert_eq!(pipeline.send(2).await, Ok(()));
    pipeline.shutdown_within(SECOND).await;
    assert_eq!(pipeline.fake.items(), [2, 1, 1]);
    assert_eq!(pipeline.final_balance().dropped, [(Reason::TooLarge, 2)]);
}

/// Scenario: without a queue, one part of a batch is delivered, and the next part fails.
/// Guarantees: only the items that were not delivered come back.
#[tokio::test(start_paused = true)]
async fn without_a_queue_only_what_was_not_delivered_comes_back() {
    let fake = Fake::new([Ok(Exported::default()), invalid()]).at_most(3);
    let pipeline = Pipeline::new(SendingSettings::default(), fake);
    assert_eq!(pipeline.send(5).await, Err(Reason::Rejected));
    let balance = pipeline.final_balance();
    assert_eq!((balance.received, balance.delivered), (2, 2));
}

/// Scenario: without a queue, a batch is sent in two parts, and fails once for good and once for the moment.
/// Guarantees: the sender is told of the failure after which it may try again, with the destination's code and
/// delay.
#[tokio::test(start_paused = true)]
async fn without_a_queue_the_sender_is_told_what_the_destination_answered() {
    for script in [[invalid(), unavailable(Some(SECOND))], [unavailable(Some(SECOND)), invalid()]] {
        let pipeline = Pipeline::new(SendingSettings::default(), Fake::new(script).at_most(3));
        let Refused { batch, failure } = *pipeline.sending.consume(pipeline.batch(5)).await.unwrap_err();
        assert_eq!((failure.code, failure.retry), (Code::Unavailable, Retry::After(Some(SECOND))));
        batch.refused_to_sender(&failure);
    }
    let pipeline = Pipeline::new(SendingSettings::default(), Fake::new([invalid()]));
    let Refused { batch, failure } = *pipeline.sending.consume(pipeline.batch(1)).await.unwrap_err();
    assert_eq!((failure.code, failure.retry), (Code::InvalidArgument, Retry::Never));
    batch.refused_to_sender(&failure);
}

/// Scenario: a sender waits until its batch, which is in a queue, is settled; the destination rejects it.
/// Guarantees: the sender is told the destination's code.
#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_for_the_result_is_told_what_the_destination_answered() {
    let settings = QueueSettings { wait_for_result: true, ..queue(10) };
    let pipeline = Pipeline::new(retrying(settings), Fake::new([invalid()]));
    let refused = pipeline.sending.consume(pipeline.batch(1)).await.unwrap_err();
    assert_eq!((refused.failure.code, refused.failure.retry), (Code::InvalidArgument, Retry::Never));
}
