//! The law of the ledger, whatever stages do with batches: received = delivered + sampled out + dropped + in
//! flight.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message;
use spanloom::{
    pipeline::{
        Batch, Consumer, Ingest, Refused,
        fan_out::{self, FanOut},
        ingest::{Acknowledge, Entrance},
    },
    receipt::{
        Failure, Reason, Receipt,
        ledger::{Balance, Ledger},
    },
    telemetry::Telemetry,
};
use wire::Signal;

fn spans(count: usize) -> wire::Batch {
    let span = |n: usize| Span { span_id: (n as u64 + 1).to_be_bytes().to_vec(), ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: (0..count).map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    wire::Batch::decode(Signal::Traces, bytes.into()).unwrap()
}

/// A destination that does the same thing with every batch.
#[derive(Clone, Copy, Debug)]
enum Destination {
    Delivers,
    Refuses,
    Rejects(usize),
    SplitsAt(usize),
    SplitsInto(usize),
    SamplesOut(usize),
    Forgets,
}

#[async_trait::async_trait]
impl Consumer for Destination {
    async fn consume(&self, mut batch: Batch) -> Result<(), Box<Refused>> {
        match *self {
            Destination::Delivers => batch.delivered(),
            Destination::Refuses => return Err(batch.refused(Failure::retryable(Reason::QueueFull, "full"))),
            Destination::Rejects(items) => {
                batch.partly_delivered(items, &Failure::permanent(Reason::PartiallyRejected, "some are bad"));
            }
            Destination::SplitsAt(items) => {
                batch.split_off(items).delivered();
                batch.dropped(&Failure::permanent(Reason::Rejected, "no"));
            }
            Destination::SplitsInto(items) => {
                for (number, part) in batch.split_items(items).into_iter().enumerate() {
                    match number % 2 {
                        0 => part.delivered(),
                        _ => part.dropped(&Failure::permanent(Reason::Rejected, "no")),
                    }
                }
            }
            Destination::SamplesOut(items) => {
                let kept = batch.items().saturating_sub(items);
                batch.split_off(kept).sampled_out();
                batch.delivered();
            }
            Destination::Forgets => drop(batch),
        }
        Ok(())
    }
}

struct Rig {
    telemetry: Arc<Telemetry>,
    ingest: Ingest,
}

impl Rig {
    fn new(destinations: &[Destination]) -> Rig {
        let telemetry = Telemetry::new();
        let ends = destinations.iter().enumerate().map(|(number, destination)| fan_out::Destination {
            to: Arc::new(*destination),
            account: telemetry.ledger.open("traces", &format!("to/{number}")),
            lead: None,
        });
        // A batch lists its accounts in another order than the destinations.
        let first = Arc::new(FanOut::new(ends.collect()));
        let accounts = first.accounts().unwrap().iter().rev().cloned().collect();
        let entrance = Entrance { first, accounts, lead: None };
        let ingest = Ingest::new("otlp", telemetry.clone(), [vec![entrance], Vec::new(), Vec::new()]);
        Rig { telemetry, ingest }
    }

    async fn submit(&self, acknowledge: Acknowledge, items: usize) -> Result<(), Failure> {
        self.ingest.door(Signal::Traces, "grpc", acknowledge).submit(spans(items)).await
    }

    fn balances(&self) -> Vec<Balance> {
        self.telemetry.ledger.balances()
    }
}

/// Scenario: one exporter accepts a batch, and another has no room.
/// Guarantees: the sender is told success, and only the second exporter's copy is dropped.
#[tokio::test]
async fn one_destination_that_refuses_costs_only_its_own_copy() {
    let rig = Rig::new(&[Destination::Delivers, Destination::Refuses]);
    assert_eq!(rig.submit(Acknowledge::Accepted, 5).await, Ok(()));
    let balances = rig.balances();
    assert_eq!((balances[0].received, balances[0].delivered), (5, 5));
    assert_eq!((balances[1].received, &balances[1].dropped), (5, &vec![(Reason::QueueFull, 5)]));
}

/// Scenario: no exporter has room.
/// Guarantees: the sender is told to retry, and its spans do not count as received.
#[tokio::test]
async fn what_every_destination_refuses_goes_back_to_the_sender() {
    let rig = Rig::new(&[Destination::Refuses, Destination::Refuses]);
    let answer = rig.submit(Acknowledge::Accepted, 5).await;
    assert_eq!(answer.map_err(|failure| failure.reason), Err(Reason::QueueFull));
    for balance in rig.balances() {
        assert_eq!((balance.received, balance.in_flight), (0, 0), "{balance:?}");
    }
}

/// Scenario: with `acknowledge: delivered`, a destination accepts a batch and drops a part of it later.
/// Guarantees: the sender is told of the failure.
#[tokio::test]
async fn a_sender_that_waits_for_delivery_learns_of_a_later_drop() {
    let rig = Rig::new(&[Destination::Delivers, Destination::SplitsAt(2)]);
    assert_eq!(rig.submit(Acknowledge::Accepted, 5).await, Ok(()));
    let answer = rig.submit(Acknowledge::Delivered, 5).await;
    assert_eq!(answer.map_err(|failure| failure.reason), Err(Reason::Rejected));
}

/// Scenario: a task is cancelled while it holds a batch, as happens when a sender hangs up.
/// Guarantees: the batch counts as dropped, with the reason `abandoned`.
#[tokio::test]
async fn a_forgotten_batch_is_counted_as_abandoned() {
    let rig = Rig::new(&[Destination::Forgets]);
    let answer = rig.submit(Acknowledge::Delivered, 5).await;
    assert_eq!(answer.map_err(|failure| failure.reason), Err(Reason::Abandoned));
    assert_eq!(rig.balances()[0].dropped, [(Reason::Abandoned, 5)]);
}

/// Scenario: two requests are merged, and the batch is split at another place.
/// Guarantees: each sender is answered once, when its own part is settled.
#[tokio::test]
async fn merged_requests_are_answered_one_by_one() {
    let ledger = Ledger::default();
    let accounts: Arc<[_]> = [ledger.open("traces", "to")].into();
    let (first, first_verdict) = Receipt::awaited();
    let (second, second_verdict) = Receipt::awaited();
    let mut batch = Batch::enter(spans(2), first, accounts.clone());
    batch.merge(Batch::enter(spans(3), second, accounts));
    let rest = batch.split_off(2);
    batch.delivered();
    assert_eq!(first_verdict.wait().await, Ok(()));
    rest.dropped(&Failure::permanent(Reason::Rejected, "no"));
    assert_eq!(second_verdict.wait().await.map_err(|failure| failure.reason), Err(Reason::Rejected));
}

fn destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        Just(Destination::Delivers),
        Just(Destination::Refuses),
        (0..20usize).prop_map(Destination::Rejects),
        (0..20usize).prop_map(Destination::SplitsAt),
        (1..20usize).prop_map(Destination::SplitsInto),
        (0..20usize).prop_map(Destination::SamplesOut),
        Just(Destination::Forgets),
    ]
}

proptest! {
    /// Scenario: any requests pass through any destinations.
    /// Guarantees: each account balances, and nothing is in flight at the end.
    #[test]
    fn every_account_balances(
        destinations in prop::collection::vec(destination(), 1..4),
        requests in prop::collection::vec(0..15usize, 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rig = Rig::new(&destinations);
        for items in &requests {
            for acknowledge in [Acknowledge::Accepted, Acknowledge::Delivered] {
                let _ = runtime.block_on(rig.submit(acknowledge, *items));
            }
        }
        for balance in rig.balances() {
            prop_assert!(balance.holds(), "{balance:?}");
            prop_assert_eq!(balance.in_flight, 0);
        }
    }
}
