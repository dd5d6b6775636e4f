//! The exporter `file`: what is in the file.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    compression, configs, decode,
    http1::Request,
    observation::{Case, Observation},
    pair::{Input, Pair, observe},
    payload::{self, SPAN},
    side::{Binaries, Side},
};

const CONFIGS: &[(&str, &str)] = &[
    ("json", "{path: out.json}"),
    ("proto", "{path: out.json, format: proto}"),
    ("json-zstd", "{path: out.json, compression: zstd}"),
    ("proto-zstd", "{path: out.json, format: proto, compression: zstd}"),
    ("flush", "{path: out.json, flush_interval: 10ms}"),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, keys) in CONFIGS {
        let config = configs::relay_with("", "", &format!("file: {keys}"));
        let mut pair = match Pair::start_or_case(binaries, name, &config).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        let collector = written(&mut pair.collector, name).await;
        let spanloom = written(&mut pair.spanloom, name).await;
        cases.push(Case { name: (*name).to_owned(), collector, spanloom });
    }
    Ok(cases)
}

/// Sends a request of each signal, ends the side, and returns what its file holds.
async fn written(side: &mut Side, format: &str) -> Observation {
    let metric = r#""sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":"5"},{"asDouble":"NaN"},{"asDouble":1e21}]}"#;
    for (message, body) in [
        (
            "Traces",
            payload::span_with(
                r#""attributes":[{"key":"a","value":{"bytesValue":"aGk="}},{"key":"b","value":{}}],"flags":1"#,
            ),
        ),
        ("Traces", payload::span(SPAN)),
        ("Metrics", payload::metric(metric)),
        ("Logs", payload::log(r#""body":{"stringValue":"<a> & \u0001"},"severityNumber":9"#)),
    ] {
        let request = Request::post(&payload::http_path(message), "application/json", body);
        observe(side, &Input::Http(request), &[]).await;
    }
    side.stop().await;
    let path = side.folder.path().join("out.json");
    let bytes = std::fs::read(&path).unwrap_or_default();
    let mode = std::fs::metadata(&path)
        .map(|file| std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777);
    let seen = Observation::default().with("mode", mode.map(|mode| format!("{mode:o}")).unwrap_or_default());
    match format {
        "json" | "flush" => seen.with("lines", lines(&bytes)),
        "proto" => seen.with("messages", messages(&bytes, "")),
        "json-zstd" | "proto-zstd" => seen.with("messages", messages(&bytes, "zstd")),
        _ => seen,
    }
}

fn lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = |line: &str| {
        serde_json::from_str::<Value>(line).map_or_else(|_| line.to_owned(), |json| pruned(json).to_string())
    };
    text.lines().map(line).collect::<Vec<_>>().join(" | ")
}

/// Returns JSON without empty objects: both writers may leave a message out that has no fields.
fn pruned(json: Value) -> Value {
    match json {
        Value::Object(object) => {
            let fields = object.into_iter().map(|(key, value)| (key, pruned(value)));
            fields.filter(|(_, value)| *value != json!({})).collect()
        }
        Value::Array(values) => values.into_iter().map(pruned).collect(),
        other => other,
    }
}

/// Returns the messages of a file in which each has its length before it, as four bytes.
fn messages(mut bytes: &[u8], coding: &str) -> String {
    let mut shown = Vec::new();
    let mut names = ["Traces", "Traces", "Metrics", "Logs"].into_iter();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let Some((message, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize) else {
            shown.push("cut".to_owned());
            break;
        };
        let name = names.next().unwrap_or("Traces");
        let plain =
            compression::inflate(coding, message).unwrap_or_else(|error| error.to_string().into_bytes());
        let json = serde_json::from_slice(&plain).unwrap_or_else(|_| decode::message(name, &plain));
        shown.push(pruned(json).to_string());
        bytes = rest;
    }
    shown.join(" | ")
}
