//! Reads and writes a receiver's outcome: its answer and its telemetry, as one JSON object.

use anyhow::Context as _;
use serde_json::{Map, Value};
use wire::Batch;

use super::{ReceiverAnswer, emitted};

const ANSWER: &str = "answer";

pub(super) fn from_golden(golden: &[u8]) -> anyhow::Result<(ReceiverAnswer, Vec<Batch>)> {
    let wrong = "a receiver's has an `answer`, and `resourceLogs` and the like";
    let mut fields: Map<String, Value> = serde_json::from_slice(golden).context(wrong)?;
    let answer = serde_json::from_value(fields.remove(ANSWER).unwrap_or_default()).context(wrong)?;
    Ok((answer, emitted::from_golden(&serde_json::to_vec(&fields)?)?))
}

pub(super) fn to_json(answer: &ReceiverAnswer, batches: &[Batch]) -> anyhow::Result<String> {
    let telemetry: Map<String, Value> = serde_json::from_str(&emitted::to_json(batches)?)?;
    let mut fields = Map::from_iter([(ANSWER.to_owned(), serde_json::to_value(answer)?)]);
    fields.extend(telemetry);
    Ok(serde_json::to_string(&fields)?)
}
