//! Reads and writes a connector's outcome, of all signals, as one JSON object. The signals' requests have
//! different field names.

use anyhow::Context as _;
use serde_json::{Map, Value};
use wire::{Batch, Signal};

const FIELDS: [(Signal, &str); 3] =
    [(Signal::Traces, "resourceSpans"), (Signal::Metrics, "resourceMetrics"), (Signal::Logs, "resourceLogs")];

pub(super) fn from_golden(golden: &[u8]) -> anyhow::Result<Vec<Batch>> {
    let fields: Map<String, Value> =
        serde_json::from_slice(golden).context("a connector's has `resourceMetrics` and the like")?;
    let given = FIELDS.into_iter().filter_map(|(signal, field)| Some((signal, field, fields.get(field)?)));
    given.map(|(signal, field, value)| read(signal, field, value)).collect()
}

pub(super) fn to_json(batches: &[Batch]) -> anyhow::Result<String> {
    let mut fields = Map::new();
    for batch in batches {
        fields.extend(object(batch)?);
    }
    Ok(serde_json::to_string(&fields)?)
}

/// Replaces each time from `begun_unix_nano` on by 0, so that the outcome does not depend on the time of the
/// test.
pub(in crate::cli::plugin::test) fn timeless(batch: &Batch, begun_unix_nano: u64) -> anyhow::Result<Batch> {
    let mut fields = object(batch)?;
    fields.values_mut().for_each(|value| forget_times(value, begun_unix_nano));
    let request = serde_json::to_vec(&fields)?;
    decode(batch.signal(), &request)
}

fn forget_times(value: &mut Value, begun_unix_nano: u64) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| forget_times(item, begun_unix_nano)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let time = value.as_str().filter(|_| name.ends_with("UnixNano"));
                let time = time.and_then(|time| time.parse::<u64>().ok());
                if time.is_some_and(|time| time >= begun_unix_nano) {
                    *value = "0".into();
                } else {
                    forget_times(value, begun_unix_nano);
                }
            }
        }
        _ => {}
    }
}

fn object(batch: &Batch) -> anyhow::Result<Map<String, Value>> {
    Ok(serde_json::from_slice(&wire::json::to_json(batch))?)
}

fn read(signal: Signal, field: &str, value: &Value) -> anyhow::Result<Batch> {
    decode(signal, &serde_json::to_vec(&Map::from_iter([(field.to_owned(), value.clone())]))?)
}

fn decode(signal: Signal, json: &[u8]) -> anyhow::Result<Batch> {
    Ok(Batch::decode(signal, wire::json::from_json(signal, json)?.into())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = r#"{
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "spans", "sum": {"dataPoints": [
            {"startTimeUnixNano": "5", "timeUnixNano": "2000", "asInt": "7"}]}}]}]}],
        "resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1000", "severityText": "2000"}]}]}]
    }"#;

    /// Scenario: a golden file has metrics and logs.
    /// Guarantees: both are read, and written back unchanged.
    #[test]
    fn several_signals_are_one_file() {
        let batches = from_golden(GOLDEN.as_bytes()).unwrap();
        let signals: Vec<Signal> = batches.iter().map(Batch::signal).collect();
        assert_eq!(signals, [Signal::Metrics, Signal::Logs]);
        let again = from_golden(to_json(&batches).unwrap().as_bytes()).unwrap();
        assert_eq!(to_json(&again).unwrap(), to_json(&batches).unwrap());
        assert_eq!(again.iter().map(Batch::items).sum::<usize>(), 2);
    }

    /// Scenario: a batch has times before and after the start of the test, and text that looks like a time.
    /// Guarantees: only the times after the start become 0.
    #[test]
    fn times_of_the_test_itself_are_left_out() {
        let batches = from_golden(GOLDEN.as_bytes()).unwrap();
        let shown = |begun| {
            let timeless: Vec<Batch> = batches.iter().map(|batch| timeless(batch, begun).unwrap()).collect();
            to_json(&timeless).unwrap()
        };
        let all = to_json(&batches).unwrap();
        assert_eq!(shown(2001), all);
        let later = shown(1001);
        assert!(!later.contains(r#""timeUnixNano":"2000""#), "{later}");
        for stays in [r#""startTimeUnixNano":"5""#, r#""timeUnixNano":"1000""#, r#""severityText":"2000""#] {
            assert!(later.contains(stays), "{stays}: {later}");
        }
    }
}
