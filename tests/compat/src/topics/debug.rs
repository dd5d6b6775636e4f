//! The exporter `debug`: which facts of the data it prints at each verbosity, and to which stream.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::{
    configs,
    http1::Request,
    observation::{Case, Observation},
    pair::{Input, Pair, observe},
    payload,
    side::{Binaries, Side},
};

/// A request, and the texts in it that somebody who debugs looks for.
struct Row {
    name: &'static str,
    message: &'static str,
    body: fn() -> String,
    facts: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        name: "span",
        message: "Traces",
        body: || {
            payload::span_with(
                r#""traceState":"st=1","parentSpanId":"c7ad6b7169203332","status":{"code":2,"message":"broken"},"attributes":[{"key":"http.method","value":{"stringValue":"PATCH"}},{"key":"n","value":{"intValue":"4711"}},{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"inner"}]}}}],"events":[{"timeUnixNano":"1700000000100000000","name":"happened","attributes":[{"key":"ek","value":{"stringValue":"ev"}}]}],"links":[{"traceId":"1af7651916cd43dd8448eb211c80319c","spanId":"d7ad6b7169203333"}]"#,
            )
        },
        facts: &[
            "0af7651916cd43dd8448eb211c80319c",
            "b7ad6b7169203331",
            "c7ad6b7169203332",
            "1af7651916cd43dd8448eb211c80319c",
            "d7ad6b7169203333",
            "GET /",
            "st=1",
            "broken",
            "http.method",
            "PATCH",
            "4711",
            "inner",
            "happened",
            "ek",
            "ev",
            "service.name",
            "shop",
            "lib",
            "Server",
            "Error",
            "2023-11-14",
            "22:13:20",
        ],
    },
    Row {
        name: "gauge",
        message: "Metrics",
        body: || {
            payload::gauge(r#""asDouble":47.25,"attributes":[{"key":"zone","value":{"stringValue":"east"}}]"#)
        },
        facts: &["47.25", "zone", "east", "shop", "lib", "Gauge", "2023-11-14"],
    },
    Row {
        name: "histogram",
        message: "Metrics",
        body: || {
            payload::metric(
                r#""description":"how long","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1700000000000000000","count":"55","sum":1234.5,"min":1.25,"max":99.75,"bucketCounts":["22","33"],"explicitBounds":[17.5]}]}"#,
            )
        },
        facts: &[
            "how long",
            "ms",
            "Histogram",
            "Cumulative",
            "55",
            "1234.5",
            "1.25",
            "99.75",
            "22",
            "33",
            "17.5",
        ],
    },
    Row {
        name: "log",
        message: "Logs",
        body: || {
            payload::log(
                r#""severityNumber":17,"severityText":"ERROR","body":{"stringValue":"it broke"},"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","attributes":[{"key":"lk","value":{"boolValue":true}}]"#,
            )
        },
        facts: &[
            "it broke",
            "ERROR",
            "17",
            "0af7651916cd43dd8448eb211c80319c",
            "b7ad6b7169203331",
            "lk",
            "true",
            "shop",
            "2023-11-14",
        ],
    },
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, keys) in [
        ("basic", "{verbosity: basic}"),
        ("normal", "{verbosity: normal}"),
        ("detailed", "{verbosity: detailed}"),
        ("plain", "{verbosity: detailed, use_internal_logger: false}"),
    ] {
        let service = "telemetry: {metrics: {level: none}}";
        let config = configs::with_service("", "", &format!("debug: {keys}"), "", service);
        let pair = match Pair::start_or_case(binaries, name, &config).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        for row in ROWS {
            let (collector, spanloom) =
                futures::join!(printed(&pair.collector, row), printed(&pair.spanloom, row));
            cases.push(Case { name: format!("{name}-{}", row.name), collector, spanloom });
        }
        pair.stop("").await;
    }
    Ok(cases)
}

/// Returns the facts that a side prints after it was sent the request.
async fn printed(side: &Side, row: &Row) -> Observation {
    let (stdout_before, all_before) = (side.stdout().len(), side.output().len());
    let request = Request::post(&payload::http_path(row.message), "application/json", (row.body)());
    observe(side, &Input::Http(request), &[]).await;
    sleep(Duration::from_millis(400)).await;
    let output = side.output();
    let (stdout, stderr) = output.split_at_checked(side.stdout().len()).unwrap_or_default();
    let stdout = stdout.get(stdout_before..).unwrap_or_default();
    let stderr = stderr.get(all_before - stdout_before..).unwrap_or_default();
    let text = format!("{stdout}{stderr}");
    let missing: Vec<&str> = row.facts.iter().copied().filter(|fact| !text.contains(fact)).collect();
    let shown: Vec<&str> = row.facts.iter().copied().filter(|fact| text.contains(fact)).collect();
    Observation::default()
        .with("facts", format!("prints {}; leaves out {}", shown.join(", "), missing.join(", ")))
        .with("stdout", if stdout.is_empty() { "nothing" } else { "the data" })
        .with("stderr", if stderr.is_empty() { "nothing" } else { "the data" })
}
