//! The exporter `debug`: what it prints at each verbosity, line by line, and to which stream.

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

/// A request whose content is printed.
struct Row {
    name: &'static str,
    message: &'static str,
    body: fn() -> String,
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
    },
    Row {
        name: "gauge",
        message: "Metrics",
        body: || {
            payload::gauge(r#""asDouble":47.25,"attributes":[{"key":"zone","value":{"stringValue":"east"}}]"#)
        },
    },
    Row {
        name: "histogram",
        message: "Metrics",
        body: || {
            payload::metric(
                r#""description":"how long","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1700000000000000000","count":"55","sum":1234.5,"min":1.25,"max":99.75,"bucketCounts":["22","33"],"explicitBounds":[17.5]}]}"#,
            )
        },
    },
    Row {
        name: "sum",
        message: "Metrics",
        body: || {
            payload::metric(
                r#""unit":"By","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":"1699999999000000001","timeUnixNano":"1700000000000000000","asInt":"-7","exemplars":[{"timeUnixNano":"1700000000000000000","asDouble":2500000.5,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","filteredAttributes":[{"key":"k","value":{"stringValue":"v"}}]}]},{"timeUnixNano":"1","asDouble":1e21},{"timeUnixNano":"2","asDouble":0.00001},{"timeUnixNano":"3"}]}"#,
            )
        },
    },
    Row {
        name: "exponential-histogram",
        message: "Metrics",
        body: || {
            payload::metric(
                r#""exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1700000000000000000","count":"11","sum":-3.5,"scale":1,"zeroCount":"1","positive":{"offset":1,"bucketCounts":["1","2"]},"negative":{"offset":-1,"bucketCounts":["3","4"]}}]}"#,
            )
        },
    },
    Row {
        name: "summary",
        message: "Metrics",
        body: || {
            payload::metric(
                r#""metadata":[{"key":"mk","value":{"stringValue":"mv"}}],"summary":{"dataPoints":[{"timeUnixNano":"1700000000000000000","count":"3","sum":15.5,"quantileValues":[{"quantile":0.5,"value":2500000.0},{"quantile":0.99,"value":7.5}]}]}"#,
            )
        },
    },
    Row { name: "metric-empty", message: "Metrics", body: || payload::metric(r#""description":"nothing""#) },
    Row { name: "span-bare", message: "Traces", body: || payload::span_with(r#""kind":0"#) },
    Row {
        name: "values",
        message: "Logs",
        body: || {
            payload::log(
                r#""eventName":"event","flags":1,"droppedAttributesCount":2,"body":{"kvlistValue":{"values":[{"key":"b","value":{"doubleValue":1e21}},{"key":"a","value":{"stringValue":"<x> & \"y\"\n\u2028é"}},{"key":"c","value":{"kvlistValue":{"values":[]}}},{"key":"b","value":{"boolValue":false}}]}},"attributes":[{"key":"empty","value":{}},{"key":"bytes","value":{"bytesValue":"+/8="}},{"key":"double","value":{"doubleValue":0.0000001}},{"key":"whole","value":{"doubleValue":2}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{},{"bytesValue":"aGk="},{"doubleValue":1.5}]}}},{"key":"infinite","value":{"arrayValue":{"values":[{"doubleValue":"Infinity"}]}}},{"key":"lines","value":{"stringValue":"one\ntwo\tthree"}}]"#,
            )
        },
    },
    Row {
        name: "log",
        message: "Logs",
        body: || {
            payload::log(
                r#""severityNumber":17,"severityText":"ERROR","body":{"stringValue":"it broke"},"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","attributes":[{"key":"lk","value":{"boolValue":true}}]"#,
            )
        },
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

/// Returns what a side prints after it was sent the request.
async fn printed(side: &Side, row: &Row) -> Observation {
    let (stdout_before, all_before) = (side.stdout().len(), side.output().len());
    let request = Request::post(&payload::http_path(row.message), "application/json", (row.body)());
    observe(side, &Input::Http(request), &[]).await;
    sleep(Duration::from_millis(400)).await;
    let output = side.output();
    let (stdout, stderr) = output.split_at_checked(side.stdout().len()).unwrap_or_default();
    let stdout = stdout.get(stdout_before..).unwrap_or_default();
    let stderr = stderr.get(all_before - stdout_before..).unwrap_or_default();
    Observation::default().with("stdout", comparable(stdout)).with("stderr", comparable(stderr))
}

/// Returns the text without the times of lines, and without the name and version of the program.
fn comparable(text: &str) -> String {
    let line = |line: &str| {
        let line = line.split_once("\tinfo\t").map_or(line, |(_, message)| message);
        let program = line.split_once("{\"resource\": {");
        match program.and_then(|(before, rest)| Some((before, rest.split_once("}, ")?.1))) {
            Some((before, rest)) => format!("{before}{{{rest}\n"),
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}
