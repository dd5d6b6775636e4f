//! Splits a request into records that can be told apart and compared line by line.

use std::collections::HashMap;

use serde_json::Value;
use wire::{Batch, Signal};

/// A span, a metric or a log record; a decision on a trace; or a request that an exporter sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The identity, the same before and after the plugin and unique among records.
    pub(super) identity: String,
    /// The title for people.
    pub(super) title: String,
    /// The content, one line for each value. The order has no meaning.
    pub(super) lines: Vec<String>,
    /// The lines of the record's resource and scope.
    pub(super) envelope: Vec<String>,
}

const TITLE_LIMIT_CHARS: usize = 80;

/// Returns the spans, metrics or log records of a batch. The order of attributes has no meaning.
pub(super) fn of_batch(batch: &Batch) -> Vec<Record> {
    let request: Value = serde_json::from_slice(&wire::json::to_json(batch)).unwrap_or_default();
    let (resources, scopes, records) = match batch.signal() {
        Signal::Traces => ("resourceSpans", "scopeSpans", "spans"),
        Signal::Metrics => ("resourceMetrics", "scopeMetrics", "metrics"),
        Signal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
    };
    let mut found = Vec::new();
    for resource in list(&request, resources) {
        for scope in list(resource, scopes) {
            let envelope = envelope(resource, scope);
            let service = attribute(resource.get("resource"), "service.name");
            for record in list(scope, records) {
                let (identity, title) = name(batch.signal(), &service, record);
                found.push(Record { identity, title, lines: lines_of(record), envelope: envelope.clone() });
            }
        }
    }
    number(&mut found);
    found
}

/// Returns the leaves of a value as `path: value`, sorted.
pub(super) fn lines_of(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    flatten("", value, &mut lines);
    lines.sort();
    lines
}

/// Numbers records of the same identity, in their order.
pub(super) fn number(records: &mut [Record]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for record in records {
        let count = seen.entry(record.identity.clone()).or_default();
        *count += 1;
        if *count > 1 {
            record.identity = format!("{} #{count}", record.identity);
        }
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn envelope(resource: &Value, scope: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, envelope) in [("resource", resource), ("scope", scope)] {
        if let Some(said) = envelope.get(name) {
            flatten(name, said, &mut lines);
        }
        if let Some(schema_url) = envelope.get("schemaUrl") {
            flatten(&format!("{name}.schemaUrl"), schema_url, &mut lines);
        }
    }
    lines.sort();
    lines
}

/// Returns the identity and the title.
fn name(signal: Signal, service: &str, record: &Value) -> (String, String) {
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    match signal {
        Signal::Traces => {
            let (name, span_id) = (text("name"), text("spanId"));
            (format!("{}/{span_id}", text("traceId")), format!("{}  {span_id}", shorten(name)))
        }
        Signal::Metrics => {
            let name = text("name");
            (format!("{service}/{name}"), format!("{}  {service}", shorten(name)).trim_end().to_owned())
        }
        Signal::Logs => {
            let keys = ["timeUnixNano", "observedTimeUnixNano", "traceId", "spanId"];
            let body = record.get("body").map(shown).unwrap_or_default();
            let title = format!("{}  {}", text("severityText"), shorten(&body));
            (keys.map(text).join("/"), title.trim().to_owned())
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(TITLE_LIMIT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn attribute(of: Option<&Value>, key: &str) -> String {
    let mut attributes = of.into_iter().flat_map(|of| list(of, "attributes"));
    let found = attributes.find(|attribute| attribute.get("key").is_some_and(|found| found == key));
    let text = found.and_then(|found| found.pointer("/value/stringValue")?.as_str());
    text.unwrap_or_default().to_owned()
}

/// Adds a line for each leaf. The recursion is bounded, since the batch was checked when it was read.
fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(_) if any_value(value).is_some() => lines.push(format!("{path}: {}", shown(value))),
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                flatten(&below(key), value, lines);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object()) => {
            for (number, item) in items.iter().enumerate() {
                match (item.get("key").and_then(Value::as_str), item.get("value")) {
                    (Some(key), Some(value)) => flatten(&below(key), value, lines),
                    (Some(key), None) => lines.push(format!("{}: empty", below(key))),
                    _ => flatten(&format!("{path}[{number}]"), item, lines),
                }
            }
        }
        value => lines.push(format!("{path}: {value}")),
    }
}

/// Writes an `AnyValue` without its type: `"text"`, `1`, `1.5`, `["a", {"b": 1}]`.
fn shown(value: &Value) -> String {
    match any_value(value) {
        Some(("stringValue", text)) => text.to_string(),
        Some(("intValue", Value::String(digits))) => digits.clone(),
        Some(("bytesValue", bytes)) => format!("bytes {bytes}"),
        Some(("arrayValue", array)) => {
            let values: Vec<String> = list(array, "values").map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        Some(("kvlistValue", map)) => {
            let entry = |entry: &Value| {
                let key = entry.get("key").unwrap_or(&Value::Null);
                format!("{key}: {}", entry.get("value").map(shown).unwrap_or_default())
            };
            let entries: Vec<String> = list(map, "values").map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Some((_, other)) => other.to_string(),
        None => "empty".to_owned(),
    }
}

fn any_value(value: &Value) -> Option<(&str, &Value)> {
    const KINDS: [&str; 7] =
        ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"];
    let (kind, value) = value.as_object().filter(|fields| fields.len() == 1)?.iter().next()?;
    KINDS.contains(&kind.as_str()).then_some((kind, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::plugin::fixture::from_json;

    fn records(json: &str) -> Vec<Record> {
        of_batch(&from_json(json.as_bytes()).unwrap())
    }

    /// Scenario: a span has attributes of every type, in any order.
    /// Guarantees: its lines are sorted and show each value, and its resource and scope are the envelope.
    #[test]
    fn a_span_is_its_lines_and_its_envelope() {
        let records = records(
            r#"{"resourceSpans": [{
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                "scopeSpans": [{"scope": {"name": "http"}, "spans": [{
                    "traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0000000000000001", "name": "GET /",
                    "attributes": [
                        {"key": "n", "value": {"intValue": "5"}}, {"key": "a", "value": {"stringValue": "5"}},
                        {"key": "l", "value": {"arrayValue": {"values": [{"doubleValue": 1}, {"kvlistValue":
                            {"values": [{"key": "k", "value": {"boolValue": true}}]}}]}}},
                        {"key": "none"}],
                    "events": [{"name": "e", "attributes": [{"key": "x", "value": {"bytesValue": "AAE="}}]}]
                }]}]}]}"#,
        );
        let [record] = &records[..] else { panic!("{records:?}") };
        assert_eq!(record.identity, "000102030405060708090a0b0c0d0e0f/0000000000000001");
        assert_eq!(record.title, "GET /  0000000000000001");
        assert_eq!(record.envelope, ["resource.attributes.service.name: \"shop\"", "scope.name: \"http\""]);
        assert_eq!(
            record.lines,
            [
                "attributes.a: \"5\"",
                "attributes.l: [1.0, {\"k\": true}]",
                "attributes.n: 5",
                "attributes.none: empty",
                "events[0].attributes.x: bytes \"AAE=\"",
                "events[0].name: \"e\"",
                "name: \"GET /\"",
                "spanId: \"0000000000000001\"",
                "traceId: \"000102030405060708090a0b0c0d0e0f\"",
            ]
        );
    }

    /// Scenario: two log records have the same time and no ids.
    /// Guarantees: their order distinguishes them.
    #[test]
    fn alike_records_are_numbered() {
        let records = records(
            r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [
                {"timeUnixNano": "1", "severityText": "WARN", "body": {"stringValue": "a"}},
                {"timeUnixNano": "1", "body": {"stringValue": "b"}}]}]}]}"#,
        );
        let named: Vec<[&str; 2]> =
            records.iter().map(|record| [&*record.identity, &*record.title]).collect();
        assert_eq!(named, [["1///", "WARN  \"a\""], ["1/// #2", "\"b\""]]);
    }
}
