//! Writes receivers and destinations as text.

use std::{collections::BTreeMap, time::SystemTime};

use super::times::{ago, since, span};
use crate::{
    cli::aligned,
    control::status::{DestinationStatus, ReceiverStatus, UntakenStatus},
    log_line::clean::{VALUE_LIMIT_BYTES, one_line},
};

const RECEIVER_HEADS: [&str; 5] = ["RECEIVER", "TRANSPORT", "SIGNAL", "ACCEPTED", "REFUSED"];
const UNTAKEN_HEADS: [&str; 4] = ["REQUESTS TO", "TRANSPORT", "REJECTED", "DROPPED"];
const DESTINATION_HEADS: [&str; 8] =
    ["PIPELINE", "DESTINATION", "DELIVERED", "SAMPLED OUT", "DROPPED", "IN FLIGHT", "QUEUE", "LAST ERROR"];

/// Returns the heads and then a line for each receiver; nothing if there is no receiver.
pub(super) fn receivers(receivers: &[ReceiverStatus]) -> Vec<String> {
    let row = |one: &ReceiverStatus| {
        let (accepted, refused) = (one.accepted.to_string(), one.refused.to_string());
        [one.receiver.clone(), one.transport.clone(), one.signal.clone(), accepted, refused]
    };
    below(RECEIVER_HEADS, receivers.iter().map(row))
}

/// Returns a line for each receiver and transport that can lose requests or datagrams.
pub(super) fn untaken(untaken: &[UntakenStatus]) -> Vec<String> {
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>().to_string();
    let row = |one: &UntakenStatus| {
        [one.receiver.clone(), one.transport.clone(), sum(&one.rejected), sum(&one.dropped)]
    };
    below(UNTAKEN_HEADS, untaken.iter().map(row))
}

pub(super) fn destinations(destinations: &[DestinationStatus], now: SystemTime) -> Vec<String> {
    let row = |one: &DestinationStatus| {
        let queue = one.queue.map(|queue| format!("{}/{}", queue.size, queue.capacity));
        let error = one.last_error.as_ref().map(|error| ago(error.at, now));
        [
            one.pipeline.clone(),
            one.destination.clone(),
            one.delivered.to_string(),
            one.sampled_out.to_string(),
            one.dropped.values().sum::<u64>().to_string(),
            one.in_flight.to_string(),
            queue.unwrap_or_else(|| "-".to_owned()),
            error.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    below(DESTINATION_HEADS, destinations.iter().map(row))
}

/// Returns a sentence with the reasons why requests or datagrams were lost, if any were. The reasons are a plugin's
/// texts.
pub(super) fn why_untaken(one: &UntakenStatus) -> Option<String> {
    let by_reason = |what: &str, counts: &BTreeMap<String, u64>| {
        let counts: Vec<String> = (counts.iter())
            .map(|(reason, count)| format!("{count} {}", one_line(reason, VALUE_LIMIT_BYTES)))
            .collect();
        (!counts.is_empty()).then(|| format!("{what} {}", counts.join(", ")))
    };
    let parts = [by_reason("rejected", &one.rejected), by_reason("dropped", &one.dropped)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{} over {}: {}", one.receiver, one.transport, parts.join("; ")))
}

/// Returns sentences that do not fit into the table: how many items were dropped for which reason, and the
/// last error.
pub(super) fn notes(destination: &DestinationStatus, now: SystemTime) -> Vec<String> {
    let DestinationStatus { dropped, failing_since, last_error, .. } = destination;
    let way = format!("{} to {}", destination.pipeline, destination.destination);
    let by_reason: Vec<String> = dropped.iter().map(|(reason, items)| format!("{items} {reason}")).collect();
    let dropped = (!by_reason.is_empty()).then(|| format!("{way}: dropped {}", by_reason.join(", ")));
    let error = last_error.as_ref().map(|error| {
        let failing = failing_since.map(|time| format!("failing for {}, ", span(since(time, now))));
        format!("{way}: {}last {}: {}", failing.unwrap_or_default(), ago(error.at, now), error.message)
    });
    dropped.into_iter().chain(error).collect()
}

fn below<const COLUMNS: usize>(
    heads: [&str; COLUMNS],
    rows: impl ExactSizeIterator<Item = [String; COLUMNS]>,
) -> Vec<String> {
    if rows.len() == 0 {
        return Vec::new();
    }
    aligned(std::iter::once(heads.map(str::to_owned)).chain(rows).collect())
}
