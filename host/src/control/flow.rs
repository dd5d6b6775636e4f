//! Fills the rows of the status that concern no plugin: what receivers accepted, and what became of it on the
//! way to each destination.

use std::collections::BTreeMap;

use wire::Signal;

use super::status::{DestinationStatus, ErrorStatus, QueueStatus, ReceiverStatus, UntakenStatus};
use crate::{
    receipt::ledger::Account,
    telemetry::{ReceiverFigures, Telemetry},
};

pub(super) fn receivers(telemetry: &Telemetry) -> Vec<ReceiverStatus> {
    let status = |figures: ReceiverFigures| ReceiverStatus {
        receiver: figures.receiver,
        transport: figures.transport.to_owned(),
        signal: figures.signal.to_string(),
        accepted: figures.accepted,
        refused: figures.refused,
    };
    telemetry.receivers().into_iter().map(status).collect()
}

/// The counters of requests and datagrams from which no telemetry was taken.
const REJECTED: &str = "spanloom_receiver_rejected_requests";
const DROPPED: &str = "spanloom_receiver_dropped_datagrams";

pub(super) fn untaken(telemetry: &Telemetry) -> Vec<UntakenStatus> {
    let mut rows: BTreeMap<[String; 2], UntakenStatus> = BTreeMap::new();
    for (name, is_rejected) in [(REJECTED, true), (DROPPED, false)] {
        for (labels, count) in telemetry.counts(name) {
            let [receiver, transport, reason] = ["receiver", "transport", "reason"].map(|name| {
                let label = labels.iter().find(|(known, _)| known == name);
                label.map(|(_, value)| value.clone()).unwrap_or_default()
            });
            let row = rows.entry([receiver.clone(), transport.clone()]).or_insert_with(|| UntakenStatus {
                receiver,
                transport,
                ..UntakenStatus::default()
            });
            if count > 0 {
                let counts = if is_rejected { &mut row.rejected } else { &mut row.dropped };
                counts.insert(reason, count);
            }
        }
    }
    rows.into_values().collect()
}

pub(super) fn destinations(telemetry: &Telemetry) -> Vec<DestinationStatus> {
    telemetry.ledger.accounts().iter().map(|account| destination(telemetry, account)).collect()
}

fn destination(telemetry: &Telemetry, account: &Account) -> DestinationStatus {
    let balance = account.balance();
    let signal = Signal::ALL.into_iter().find(|signal| is_of(&balance.pipeline, *signal));
    let exporter = signal.and_then(|signal| telemetry.known_exporter(&balance.destination, signal));
    let trouble = exporter.as_ref().map(|exporter| exporter.trouble()).unwrap_or_default();
    let loss = account.last_loss();
    let loss = loss.map(|loss| (loss.at, format!("{}: {}", loss.reason.as_str(), loss.message)));
    // While the destination fails, losses are only a result of that.
    let loss = loss.filter(|_| trouble.failing_since.is_none());
    let last_error = loss.into_iter().chain(trouble.last).max_by_key(|(at, _)| *at);
    let queue = exporter.and_then(|exporter| exporter.queue());
    DestinationStatus {
        pipeline: balance.pipeline,
        destination: balance.destination,
        received: balance.received,
        delivered: balance.delivered,
        sampled_out: balance.sampled_out,
        dropped: balance.dropped.iter().map(|(why, items)| (why.as_str().to_owned(), *items)).collect(),
        in_flight: balance.in_flight,
        queue: queue.map(|(size, capacity)| QueueStatus { size, capacity }),
        failing_since: trouble.failing_since,
        last_error: last_error.map(|(at, message)| ErrorStatus { at, message }),
    }
}

/// Returns true if the pipeline is of the signal. A pipeline's id is its signal with or without a name:
/// `traces`, `traces/slow`.
fn is_of(pipeline: &str, signal: Signal) -> bool {
    pipeline.split('/').next() == Some(signal.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::{Failure, Reason, ledger::Settlement};

    /// Scenario: datagrams of a receiver are rejected and dropped; another receiver has lost none.
    /// Guarantees: each receiver and transport is a row, with its counts by reason.
    #[test]
    fn each_receiver_that_can_lose_datagrams_is_a_row() {
        let telemetry = Telemetry::new();
        let count = |name, receiver: &str, reason: &str, count| {
            let labels = &[("receiver", receiver), ("transport", "udp"), ("reason", reason)];
            telemetry.counter(name, labels).increment(count);
        };
        count(REJECTED, "awsxray", "no header", 2);
        count(DROPPED, "awsxray", "queue_full", 5);
        count(DROPPED, "awsxray", "too_large", 0);
        count(DROPPED, "other", "queue_full", 0);
        let [x_ray, other] = untaken(&telemetry).try_into().unwrap();
        assert_eq!((x_ray.receiver.as_str(), x_ray.transport.as_str()), ("awsxray", "udp"));
        assert_eq!(x_ray.rejected, BTreeMap::from([("no header".to_owned(), 2)]));
        assert_eq!(x_ray.dropped, BTreeMap::from([("queue_full".to_owned(), 5)]));
        assert!(other.rejected.is_empty() && other.dropped.is_empty());
    }

    /// Scenario: one destination has delivered, lost and failed; another has no queue and no data.
    /// Guarantees: each destination of each pipeline is a row with its counts and its last error.
    #[test]
    fn each_destination_of_each_pipeline_is_a_row() {
        let telemetry = Telemetry::new();
        let account = telemetry.ledger.open("traces/slow", "otlp");
        account.enter(9);
        account.settle(4, Settlement::Delivered);
        account.settle(2, Settlement::Dropped(Reason::Rejected));
        account.report_loss(2, &Failure::permanent(Reason::Rejected, "bad\ndata"), wire::Example::default);
        telemetry.ledger.open("logs", "debug");
        let [debug, otlp] = destinations(&telemetry).try_into().unwrap();
        assert_eq!(debug.queue, None);
        assert_eq!((debug.pipeline.as_str(), debug.received, debug.last_error), ("logs", 0, None));
        assert_eq!((otlp.received, otlp.delivered, otlp.dropped["rejected"], otlp.in_flight), (9, 4, 2, 3));
        assert_eq!(otlp.last_error.map(|error| error.message).as_deref(), Some("rejected: bad\\ndata"));

        let health = telemetry.exporter("otlp", Signal::Traces);
        health.queue_capacity(telemetry.gauge("capacity", &[])).set(10.0);
        health.queue_size(telemetry.gauge("size", &[])).set(3.0);
        health.failed("connection refused");
        let [_, otlp] = destinations(&telemetry).try_into().unwrap();
        assert_eq!(otlp.queue, Some(QueueStatus { size: 3, capacity: 10 }));
        let error = otlp.last_error.unwrap();
        assert_eq!((otlp.failing_since, error.message.as_str()), (Some(error.at), "connection refused"));

        account.report_loss(1, &Failure::retryable(Reason::QueueFull, "full"), wire::Example::default);
        let [_, otlp] = destinations(&telemetry).try_into().unwrap();
        assert_eq!(otlp.last_error, Some(error), "why the queue is full");
        health.succeeded();
        let [_, otlp] = destinations(&telemetry).try_into().unwrap();
        assert_eq!(otlp.last_error.map(|error| error.message).as_deref(), Some("queue_full: full"));
    }
}
