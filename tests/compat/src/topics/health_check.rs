//! The extension `health_check`: paths, methods, answers.

use anyhow::Result;
use futures::join;

use crate::{
    configs::{self, QUIET},
    http1::{self, Request},
    observation::{Case, Observation},
    pair::Pair,
    side::{Binaries, Side},
};

const CONFIGS: &[(&str, &str)] = &[
    ("default", ""),
    ("path", ", path: /healthy"),
    ("body", ", response_body: {healthy: fine, unhealthy: bad}"),
    ("body-json", ", response_body: {healthy: '{\"up\":true}', unhealthy: ''}"),
    ("pipeline", ", check_collector_pipeline: {enabled: true, interval: 5m, exporter_failure_threshold: 5}"),
    ("cors", ", cors: {allowed_origins: [\"*\"]}"),
    ("response-headers", ", response_headers: {X-A: b}"),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, keys) in CONFIGS {
        let sections = format!("extensions:\n  health_check: {{endpoint: \"${{env:HEALTH}}\"{keys}}}");
        let service = format!("{QUIET}\n  extensions: [health_check]");
        let config = configs::with_service("", "", configs::DIRECT, &sections, &service);
        let pair = match Pair::start_or_case(binaries, name, &config).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        for (row, request) in requests() {
            let (collector, spanloom) = join!(ask(&pair.collector, &request), ask(&pair.spanloom, &request));
            cases.push(Case { name: format!("{name}-{row}"), collector, spanloom });
        }
        pair.stop("").await;
    }
    Ok(cases)
}

fn requests() -> Vec<(&'static str, Request)> {
    vec![
        ("get", Request::new("GET", "/")),
        ("head", Request::new("HEAD", "/")),
        ("post", Request::post("/", "text/plain", "x")),
        ("path", Request::new("GET", "/healthy")),
        ("path-below", Request::new("GET", "/healthy/x")),
        ("path-other", Request::new("GET", "/x")),
        ("query", Request::new("GET", "/?verbose")),
        ("origin", Request::new("GET", "/").header("Origin", "https://a.example")),
    ]
}

/// The whole body counts here: probes and scripts read it. Times in it differ from run to run.
async fn ask(side: &Side, request: &Request) -> Observation {
    let answer = http1::exchange(side.at.health, &request.bytes(), request.method == "HEAD").await;
    let body =
        answer.as_ref().map(|answer| String::from_utf8_lossy(&answer.body).into_owned()).unwrap_or_default();
    let without_digits: String = body.chars().filter(|c| !c.is_ascii_digit()).collect();
    let keys = match serde_json::from_str::<serde_json::Value>(&body) {
        Ok(serde_json::Value::Object(object)) => object.keys().cloned().collect::<Vec<_>>().join(","),
        _ => without_digits,
    };
    let header = answer.as_ref().ok().and_then(|answer| answer.headers.get("x-a")).is_some();
    let mut seen = Observation::of_http(answer).with("response header", header.to_string());
    seen.0.remove("body");
    seen.with("answer", keys)
}
