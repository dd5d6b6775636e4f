use std::sync::{Arc, atomic::Ordering::SeqCst};

use tokio::time::Instant;
use wire::Signal;

use super::fake::*;
use crate::{
    component::{Exporter, QueueSettings, SendingSettings},
    pipeline::{Batch, Consumer as _},
    receipt::{Reason, Receipt},
    sending::Sending,
    telemetry::Telemetry,
};

/// Scenario: a shutdown begins while batches wait and one is gathered.
/// Guarantees: all are sent, the exporter is closed once, and the shutdown does not wait longer than that.
#[tokio::test(start_paused = true)]
async fn a_shutdown_sends_what_waits_and_then_closes_the_exporter() {
    let settings = QueueSettings { num_consumers: 1, ..batching(10, 0) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([]).taking(SECOND));
    for items in [10, 11, 3] {
        assert_eq!(pipeline.send(items).await, Ok(()));
    }
    let began = Instant::now();
    pipeline.shutdown_within(60 * SECOND).await;
    assert_eq!(began.elapsed().as_secs(), 3, "it takes no longer than the sending does");
    assert_eq!(pipeline.fake.items(), [10, 11, 3]);
    assert_eq!(pipeline.fake.closed.load(SeqCst), 1);
    assert_eq!(pipeline.final_balance().delivered, 24);
}

/// Scenario: at the deadline of a shutdown, two batches wait to be retried, one waits in the queue, and one
/// has just been gathered.
/// Guarantees: all are dropped as `shutdown` and counted, and the exporter is closed.
#[tokio::test(start_paused = true)]
async fn at_the_deadline_what_is_left_is_dropped_and_counted() {
    let settings = SendingSettings {
        retry: Some(retry()),
        ..queued(QueueSettings { num_consumers: 2, ..batching(2, 0) })
    };
    let fake = Fake::new([unavailable(Some(40 * SECOND)), unavailable(Some(40 * SECOND))]).taking(SECOND);
    let pipeline = Pipeline::new(settings, fake);
    for items in [2, 3, 4, 1] {
        assert_eq!(pipeline.send(items).await, Ok(()));
    }
    pipeline.shutdown_within(10 * SECOND).await;
    assert_eq!(pipeline.fake.items(), [2, 3]);
    assert_eq!(pipeline.fake.closed.load(SeqCst), 1);
    assert_eq!(pipeline.final_balance().dropped, [(Reason::Shutdown, 10)]);
}

/// Scenario: a shutdown begins while a batch is retried.
/// Guarantees: the retries go on, and the batch is delivered before the deadline.
#[tokio::test(start_paused = true)]
async fn retries_go_on_until_the_deadline() {
    let settings = SendingSettings { retry: Some(retry()), ..queued(queue(10)) };
    let pipeline = Pipeline::new(settings, Fake::new((0..3).map(|_| unavailable(None))));
    assert_eq!(pipeline.send(2).await, Ok(()));
    pipeline.shutdown_within(10 * SECOND).await;
    assert_eq!(pipeline.fake.started_secs(), [0, 1, 3, 7]);
    assert_eq!(pipeline.final_balance().delivered, 2);
}

/// Scenario: a batch arrives after a shutdown, with a queue and without.
/// Guarantees: the batch comes back as `shutdown` and is not sent.
#[tokio::test(start_paused = true)]
async fn after_a_shutdown_batches_are_given_back() {
    for settings in [queued(queue(10)), SendingSettings::default()] {
        let pipeline = Pipeline::new(settings, Fake::new([]));
        pipeline.shutdown_within(SECOND).await;
        assert_eq!(pipeline.send(2).await, Err(Reason::Shutdown));
        assert!(pipeline.fake.items().is_empty());
        assert_eq!(pipeline.final_balance().received, 0);
    }
}

/// Scenario: a caller waits for room, and a shutdown begins.
/// Guarantees: the caller's wait ends with `shutdown`.
#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_room_is_sent_away_by_a_shutdown() {
    let settings = QueueSettings { block_on_overflow: true, ..queue(1) };
    let pipeline = Pipeline::new(queued(settings), Fake::new([]).taking(SECOND));
    assert_eq!(pipeline.send(1).await, Ok(()));
    let (waiting, ()) = futures::join!(pipeline.send(2), pipeline.shutdown_within(10 * SECOND));
    assert_eq!(waiting, Err(Reason::Shutdown));
    assert_eq!(pipeline.final_balance().delivered, 1);
}

/// Scenario: without a queue, a shutdown begins while a call is under way.
/// Guarantees: the shutdown waits for the call, and ends the call at the deadline.
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_calls_under_way_and_stops_them_at_the_deadline() {
    let pipeline = Pipeline::new(SendingSettings::default(), Fake::new([]).taking(5 * SECOND));
    let (call, ()) = futures::join!(pipeline.send(2), pipeline.shutdown_within(60 * SECOND));
    assert_eq!(call, Ok(()));

    let pipeline = Pipeline::new(SendingSettings::default(), Fake::new([]).taking(5 * SECOND));
    let (call, ()) = futures::join!(pipeline.send(2), pipeline.shutdown_within(SECOND));
    assert_eq!(call, Err(Reason::Shutdown));
    assert_eq!(pipeline.final_balance().received, 0);
}

struct Panics;

#[async_trait::async_trait]
impl Exporter for Panics {
    async fn export(&self, data: &wire::Batch) -> Outcome {
        assert!(data.items() != 1, "this panic is part of the test");
        Ok(Default::default())
    }
}

/// Scenario: an exporter panics on some batches.
/// Guarantees: these batches count as abandoned, and the queue sends the others.
#[tokio::test(start_paused = true)]
async fn a_panicking_exporter_does_not_stop_the_queue() {
    let telemetry = Telemetry::new();
    let accounts: Arc<[_]> = [telemetry.ledger.open("traces", "panics")].into();
    let settings = queued(QueueSettings { num_consumers: 1, ..queue(10) });
    let sending = Sending::start("panics", &[Signal::Traces], Arc::new(Panics), &settings, &telemetry);
    for items in [1, 2, 1, 3] {
        let batch = Batch::enter(spans(items), Receipt::unawaited(), accounts.clone());
        sending.consume(batch).await.unwrap();
    }
    sending.shutdown(Instant::now() + SECOND).await;
    let balance = telemetry.ledger.balances().remove(0);
    assert!(balance.holds());
    assert_eq!((balance.delivered, balance.dropped), (5, vec![(Reason::Abandoned, 2)]));
}
