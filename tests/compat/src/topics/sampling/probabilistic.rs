//! The processor `probabilistic_sampler`: which spans and log records are kept, and what is written into them.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use futures::join;
use serde_json::{Value, json};

use crate::{
    configs,
    http1::{self, Request},
    observation::{Case, Observation},
    pair::Pair,
    side::{Binaries, Side},
};

const CONFIGS: &[(&str, &str)] = &[
    ("default", "{}"),
    ("all", "{sampling_percentage: 100}"),
    ("more-than-all", "{sampling_percentage: 150}"),
    ("hash", "{sampling_percentage: 50}"),
    ("hash-few", "{sampling_percentage: 13.7, hash_seed: 22}"),
    ("hash-most", "{sampling_percentage: 99.99, hash_seed: 4294967295}"),
    ("hash-too-few", "{sampling_percentage: 0.001}"),
    ("hash-open", "{sampling_percentage: 50, mode: hash_seed, fail_closed: false}"),
    ("mode-empty", "{sampling_percentage: 50, mode: \"\"}"),
    ("none-open", "{sampling_percentage: 0, fail_closed: false}"),
    ("none-proportional", "{sampling_percentage: 0, mode: proportional}"),
    ("proportional", "{sampling_percentage: 50, mode: proportional}"),
    ("proportional-few", "{sampling_percentage: 10, mode: proportional}"),
    ("proportional-fewest", "{sampling_percentage: 1e-9, mode: proportional, fail_closed: false}"),
    ("proportional-precise", "{sampling_percentage: 33.3, mode: proportional, sampling_precision: 14}"),
    ("proportional-coarse", "{sampling_percentage: 33.3, mode: proportional, sampling_precision: 1}"),
    ("proportional-most", "{sampling_percentage: 99.9999, mode: proportional, sampling_precision: 2}"),
    ("proportional-open", "{sampling_percentage: 50, mode: proportional, fail_closed: false}"),
    ("equalizing", "{sampling_percentage: 50, mode: equalizing}"),
    ("equalizing-few", "{sampling_percentage: 6.25, mode: equalizing}"),
    ("equalizing-all", "{sampling_percentage: 100, mode: equalizing}"),
    ("equalizing-open", "{sampling_percentage: 10, mode: equalizing, fail_closed: false}"),
    ("record", "{sampling_percentage: 50, attribute_source: record, from_attribute: id}"),
    (
        "record-open",
        "{sampling_percentage: 50, attribute_source: record, from_attribute: id, fail_closed: false}",
    ),
    ("record-without", "{sampling_percentage: 50, attribute_source: record}"),
    ("attribute", "{sampling_percentage: 50, from_attribute: id}"),
    ("source-empty", "{sampling_percentage: 50, attribute_source: \"\", from_attribute: id}"),
    ("priority", "{sampling_percentage: 10, sampling_priority: priority}"),
    (
        "priority-proportional",
        "{sampling_percentage: 10, mode: proportional, sampling_priority: priority, sampling_precision: 3}",
    ),
    ("priority-none", "{sampling_priority: priority}"),
];

/// Configs that a side may refuse.
const STARTS: &[(&str, &str)] = &[
    ("percentage-negative", "{sampling_percentage: -1}"),
    ("percentage-tiny", "{sampling_percentage: 1e-20}"),
    ("percentage-text", "{sampling_percentage: many}"),
    ("precision-zero", "{sampling_precision: 0}"),
    ("precision-15", "{sampling_precision: 15}"),
    ("mode-unknown", "{mode: consistent}"),
    ("source-unknown", "{attribute_source: span}"),
    ("seed-negative", "{hash_seed: -1}"),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, keys) in STARTS {
        match Pair::start_or_case(binaries, name, &config(keys)).await {
            Ok(Ok(pair)) => cases.push(pair.stop(&format!("{name}-exit")).await),
            Ok(Err(case)) => cases.push(case),
            Err(_) => cases.push(refused(name)),
        }
    }
    let (spans, records) = (spans(), records());
    for (name, keys) in CONFIGS {
        let pair = match Pair::start_or_case(binaries, name, &config(keys)).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        let sample = |side| sampled(side, &spans, &records);
        let (collector, spanloom) = join!(sample(&pair.collector), sample(&pair.spanloom));
        let (collector, spanloom) = (collector?, spanloom?);
        if *name == "all" && !["span-id-00", "log-id-00"].iter().all(|input| collector.contains_key(*input)) {
            bail!("of all spans and log records, the Collector passes on {:?}", collector.keys());
        }
        for input in spans.keys().chain(records.keys()) {
            let seen = |side: &BTreeMap<String, String>| {
                let sampled_out = || "sampled out".to_owned();
                Observation::default().with("kept", side.get(input).cloned().unwrap_or_else(sampled_out))
            };
            let name = format!("{name}-{input}");
            cases.push(Case { name, collector: seen(&collector), spanloom: seen(&spanloom) });
        }
        cases.push(pair.stop(&format!("{name}-exit")).await);
    }
    Ok(cases)
}

/// Both sides refuse the config.
fn refused(name: &str) -> Case {
    let refuses = || Observation::default().with("start", "refuses");
    Case { name: format!("{name}-start"), collector: refuses(), spanloom: refuses() }
}

fn config(keys: &str) -> String {
    configs::of_signals(&["traces", "logs"], configs::DIRECT)
        .replace("exporters:\n", &format!("processors:\n  probabilistic_sampler: {keys}\nexporters:\n"))
        .replace("receivers: [otlp],", "receivers: [otlp], processors: [probabilistic_sampler],")
}

/// Sends everything to a side. Returns what arrived by the name of the input.
async fn sampled(
    side: &Side,
    spans: &BTreeMap<String, Value>,
    records: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, String>> {
    let values = |inputs: &BTreeMap<String, Value>| inputs.values().cloned().collect::<Vec<_>>();
    let traces = json!({"resourceSpans": [{"scopeSpans": [{"spans": values(spans)}]}]});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": values(records)}]}]});
    for (path, body) in [("/v1/traces", traces), ("/v1/logs", logs)] {
        let request = Request::post(path, "application/json", body.to_string());
        http1::exchange(side.at.http, &request.bytes(), false).await?;
    }
    let mut found = BTreeMap::new();
    for arrival in side.stub.take() {
        for (resources, scopes, items) in
            [("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords")]
        {
            let below = |value: &Value, key: &str| {
                value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
            };
            let scopes = below(&arrival.body, resources).into_iter().flat_map(|of| below(&of, scopes));
            for item in scopes.flat_map(|of| below(&of, items)) {
                let (name, seen) = described(&item);
                found.insert(name, seen);
            }
        }
    }
    Ok(found)
}

/// Returns an item's name, and its trace state and attributes. The order of attributes means nothing.
fn described(item: &Value) -> (String, String) {
    let text = |path| item.pointer(path).and_then(Value::as_str);
    let name = text("/name").or(text("/body/stringValue")).unwrap_or_default().to_owned();
    let attributes = item.get("attributes").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut attributes: Vec<String> = attributes.iter().map(Value::to_string).collect();
    attributes.sort();
    (name, format!("{} {}", text("/traceState").unwrap_or_default(), attributes.join(" ")))
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

/// Trace ids: some without a pattern, and some at the bounds of thresholds.
fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "00000000000000",
        "0fffffffffffff",
        "7fffffffffffff",
        "80000000000000",
        "e6660000000000",
        "f0000000000000",
        "ffffffffffffff",
    ]
    .iter()
    .map(|end| format!("0af7651916cd43dd84{end}"))
    .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..40 {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        ids.push(format!("{:016x}{:016x}", next(), next()));
    }
    ids
}

/// Trace states that are read, or are not.
fn states() -> Vec<String> {
    let rv = "ot=rv:c0000000000000";
    let mut states: Vec<String> = [
        "a=b",
        "ot=th:8",
        "ot=th:C",
        "ot=th:0",
        "ot=th:f",
        "ot=th:fffffffffffff",
        "ot=th:80000000000000",
        "ot=x:y",
        "a=b, ot=th:4;x:y,c=d",
        "  a=b ,, c=d",
        "a=b,",
        ",",
        "ot=th:8,ot=th:4",
        "ot=th:8,ot=x:y",
        "ot=rv:00000000000000",
        "ot=rv:ABCDEFABCDEFAB",
        "ot=rv:123",
        "ot=rv:zzzzzzzzzzzzzz",
        "ot=th:",
        "ot=th:zz",
        "ot=th:fffffffffffffff",
        "ot=",
        "ot=th:8;",
        "ot=th",
        "ot=TH:8",
        "x",
        "=y",
        "X=y",
        "a=b=c",
        "a@b=c,ot=th:8",
        "@b=c",
        "a@=c",
        "1a@b=c",
        "ot=th:8;th:4",
        "ot=rv:80000000000000;th:8;rv:f0000000000000",
    ]
    .map(str::to_owned)
    .to_vec();
    states.push(rv.to_owned());
    states.extend(["8", "c", "d", "f"].map(|th| format!("{rv};th:{th}")));
    states.push(format!("ot=th:8{}", ",a=b".repeat(30)));
    states.push(format!("ot=th:8{}", ",a=b".repeat(31)));
    states.push(format!("ot=th:8,a={}", "x".repeat(256)));
    states.push(format!("ot=th:8,a={}", "x".repeat(257)));
    states.push(format!("ot=th:8,{}=b", "x".repeat(257)));
    states.push(format!("ot=th:8,{}@{}=b", "x".repeat(10), "y".repeat(15)));
    states.push((0..5).map(|_| format!("a={}", "x".repeat(250))).collect::<Vec<_>>().join(","));
    states
}

/// The values of `sampling.priority`.
fn priorities() -> Vec<Value> {
    let numbers = ["0", "1", "-1", "100"].map(|number| json!({"intValue": number}));
    let doubles = [0.0, 0.25, -0.5].map(|number| json!({"doubleValue": number}));
    let texts = ["0", "1", "0.0", ".5", "1e3", "-1", "x", "", " 1", "inf", "nan", "1e999", "+1"];
    let texts = texts.map(|text| json!({"stringValue": text}));
    let others = [json!({"boolValue": true}), json!({"boolValue": false}), json!({"arrayValue": {}})];
    [numbers.to_vec(), doubles.to_vec(), texts.to_vec(), others.to_vec()].concat()
}

/// The spans by name.
fn spans() -> BTreeMap<String, Value> {
    let mut spans = BTreeMap::new();
    let mut add = |name: String, id: &str, state: &str, attributes: Vec<Value>| {
        let span = json!({"name": name, "traceId": id, "spanId": "b7ad6b7169203331", "traceState": state, "attributes": attributes});
        spans.insert(name, span);
    };
    for (number, id) in ids().iter().enumerate() {
        add(format!("span-id-{number:02}"), id, "", Vec::new());
    }
    for (number, state) in states().iter().enumerate() {
        for (bits, id) in
            [("high", "0af7651916cd43dd84f0000000000000"), ("low", "0af7651916cd43dd8490000000000000")]
        {
            add(format!("span-state-{number:02}-{bits}"), id, state, Vec::new());
        }
    }
    for (number, priority) in priorities().into_iter().enumerate() {
        let attributes =
            vec![attribute("a", json!({"intValue": "1"})), attribute("sampling.priority", priority)];
        for (bits, state) in [("plain", ""), ("sampled", "ot=th:8"), ("malformed", "ot=th:zz")] {
            let name = format!("span-priority-{number:02}-{bits}");
            add(name, "0af7651916cd43dd84a0000000000000", state, attributes.clone());
        }
    }
    spans
}

/// The log records by their bodies.
fn records() -> BTreeMap<String, Value> {
    let mut records = BTreeMap::new();
    let mut add = |name: String, id: &str, attributes: Vec<Value>| {
        let mut record = json!({"body": {"stringValue": name}, "attributes": attributes});
        if let Some(record) = record.as_object_mut().filter(|_| !id.is_empty()) {
            record.insert("traceId".to_owned(), json!(id));
        }
        records.insert(name, record);
    };
    let high = "0af7651916cd43dd84f0000000000000";
    for (number, id) in ids().iter().enumerate() {
        add(format!("log-id-{number:02}"), id, Vec::new());
    }
    let values = [
        json!({"stringValue": "x"}),
        json!({"stringValue": "y"}),
        json!({"stringValue": ""}),
        json!({"intValue": "-7"}),
        json!({"doubleValue": 1.5}),
        json!({"doubleValue": 1e21}),
        json!({"boolValue": true}),
        json!({"bytesValue": "AP8="}),
        json!({"bytesValue": ""}),
        json!({}),
        json!({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}),
        json!({"kvlistValue": {"values": [{"key": "z", "value": {"intValue": "1"}}, {"key": "a", "value": {"boolValue": false}}]}}),
    ];
    for (number, value) in values.into_iter().enumerate() {
        for (with, id) in [("id", high), ("none", "")] {
            add(format!("log-value-{number:02}-{with}"), id, vec![attribute("id", value.clone())]);
        }
    }
    let text = |key: &str, text: &str| attribute(key, json!({"stringValue": text}));
    for (number, threshold) in ["0", "8", "C", "f8", "", "zz", "fffffffffffffff"].iter().enumerate() {
        add(format!("log-threshold-{number}"), high, vec![text("sampling.threshold", threshold)]);
    }
    for (number, randomness) in
        ["ffffffffffffff", "00000000000000", "ABCDEFABCDEFAB", "", "12", "zzzzzzzzzzzzzz"].iter().enumerate()
    {
        for (with, id) in [("id", high), ("none", "")] {
            let attributes = vec![text("sampling.randomness", randomness)];
            add(format!("log-randomness-{number}-{with}"), id, attributes);
        }
        let both = vec![text("sampling.randomness", randomness), text("sampling.threshold", "8")];
        add(format!("log-both-{number}"), high, both);
    }
    add(
        "log-threshold-int".to_owned(),
        high,
        vec![attribute("sampling.threshold", json!({"intValue": "8"}))],
    );
    add("log-without".to_owned(), "", Vec::new());
    let priorities = [
        json!({"intValue": "0"}),
        json!({"intValue": "1"}),
        json!({"intValue": "50"}),
        json!({"intValue": "100"}),
        json!({"intValue": "101"}),
        json!({"intValue": "-1"}),
        json!({"doubleValue": 0.5}),
        json!({"doubleValue": 33.3}),
        json!({"doubleValue": 99.99}),
        json!({"stringValue": "100"}),
        json!({"boolValue": true}),
    ];
    for (number, priority) in priorities.into_iter().enumerate() {
        for (with, id) in [("high", high), ("low", "0af7651916cd43dd8410000000000000"), ("none", "")] {
            add(
                format!("log-priority-{number:02}-{with}"),
                id,
                vec![attribute("priority", priority.clone())],
            );
        }
        let both = vec![attribute("priority", priority), text("sampling.threshold", "8")];
        add(format!("log-priority-{number:02}-sampled"), high, both);
    }
    records
}
