//! Own metrics: the names, types and labels that dashboards ask for, after the same traffic.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Result;
use futures::join;
use tokio::time::sleep;

use super::prometheus;
use crate::{
    configs::{self, DIRECT},
    grpc::Call,
    http1::{self, Request},
    observation::{Case, Observation},
    pair::{Input, Pair, observe},
    payload::{self, SPAN},
    scrape::{self, Series},
    side::{Binaries, Side},
    stub::Answer,
};

/// Names whose values are the same on both sides: counts of what was sent.
const COUNTED: &[&str] = &["accepted", "refused", "sent", "failed", "incoming_items", "outgoing_items"];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let suffixes = ", without_type_suffix: false, without_units: false";
    for (run, level, keys) in [
        ("basic", "basic", ""),
        ("normal", "normal", ""),
        ("detailed", "detailed", ""),
        ("suffixes", "detailed", suffixes),
    ] {
        let pair = Pair::start(binaries, &config(level, keys)).await?;
        let (collector, spanloom) = join!(families(&pair.collector), families(&pair.spanloom));
        let (collector, spanloom) = (collector?, spanloom?);
        binaries.promcheck.check(level, pair.spanloom.at.metrics).await?;
        let names: BTreeSet<&String> = collector.keys().chain(spanloom.keys()).collect();
        for name in names {
            let seen = |families: &BTreeMap<String, Observation>| {
                families.get(name).cloned().unwrap_or_else(|| Observation::default().with("series", "none"))
            };
            let (mut collector, mut spanloom) = (seen(&collector), seen(&spanloom));
            // The type of what is not there differs from nothing.
            if collector.0.len() != spanloom.0.len() {
                collector.0.remove("type");
                spanloom.0.remove("type");
            }
            cases.push(Case { name: format!("{run}-{name}"), collector, spanloom });
        }
        if run == "normal" {
            cases.extend(encodings(&pair).await?);
        }
        pair.stop("").await;
    }
    Ok(cases)
}

/// Returns a case for each way to ask for an encoding.
async fn encodings(pair: &Pair) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, accepts) in [
        ("gzip", "gzip"),
        ("gzip-of-several", "deflate, gzip;q=0.5"),
        ("gzip-refused", "gzip;q=0"),
        ("gzip-and-identity", "identity, gzip"),
        ("any", "*"),
        ("zstd", "zstd"),
        ("nothing", ""),
    ] {
        let request = Request::new("GET", "/metrics").header("Accept-Encoding", accepts).bytes();
        let (collector, spanloom) = (
            http1::exchange(pair.collector.at.metrics, &request, false).await?,
            http1::exchange(pair.spanloom.at.metrics, &request, false).await?,
        );
        cases.push(Case {
            name: format!("encoding-{name}"),
            collector: prometheus::seen(&collector, false)?,
            spanloom: prometheus::seen(&spanloom, false)?,
        });
    }
    Ok(cases)
}

fn config(level: &str, keys: &str) -> String {
    let prometheus = format!("{{host: 127.0.0.1, port: \"${{env:METRICS_PORT}}\"{keys}}}");
    let reader = format!("{{pull: {{exporter: {{prometheus: {prometheus}}}}}}}");
    let service =
        format!("telemetry: {{metrics: {{level: {level}, readers: [{reader}]}}, logs: {{level: error}}}}");
    let queued = DIRECT.replace("sending_queue: {enabled: false}", "sending_queue: {queue_size: 50}");
    configs::with_service("", "", &queued, "", &service)
        .replace("exporters:\n", "processors:\n  batch: {timeout: 50ms}\n  memory_limiter: {check_interval: 1s, limit_mib: 8000}\nexporters:\n")
        .replace("receivers: [otlp],", "receivers: [otlp], processors: [memory_limiter, batch],")
}

/// Sends the traffic, and returns each metric's labels and values.
async fn families(side: &Side) -> Result<BTreeMap<String, Observation>> {
    for _ in 0..3 {
        observe(
            side,
            &Input::Http(Request::post("/v1/traces", "application/json", payload::span(SPAN))),
            &[],
        )
        .await;
        observe(
            side,
            &Input::Grpc(Call::new(
                &payload::grpc_path("Logs"),
                &payload::protobuf("Logs", &payload::log("\"flags\":1")),
            )),
            &[],
        )
        .await;
    }
    let gauge = payload::protobuf("Metrics", &payload::gauge("\"asInt\":1"));
    observe(side, &Input::Http(Request::post("/v1/metrics", "application/x-protobuf", gauge)), &[]).await;
    observe(side, &Input::Http(Request::post("/v1/traces", "application/json", "bad")), &[]).await;
    sleep(Duration::from_millis(400)).await;
    side.stub.answer(Answer::Http { status: 400, headers: Vec::new(), body: Vec::new() });
    observe(side, &Input::Http(Request::post("/v1/traces", "application/json", payload::span(SPAN))), &[])
        .await;
    sleep(Duration::from_millis(400)).await;
    let scrape = scrape::scrape(side.at.metrics, "text/plain").await?;
    let mut families: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for series in scrape.series.into_iter().filter(|series| !series.name.starts_with("spanloom_")) {
        families.entry(series.name.clone()).or_default().push(series);
    }
    Ok(families.into_iter().map(|(name, series)| (name, observed(&series))).collect())
}

fn observed(series: &[Series]) -> Observation {
    let name = series.first().map(|series| series.name.as_str()).unwrap_or_default();
    let kind = series.first().map(|series| series.kind.as_str()).unwrap_or_default();
    let is_counted =
        COUNTED.iter().any(|word| name.contains(word)) && !name.contains("size") && kind == "counter";
    let line = |series: &Series| {
        let labels: Vec<String> = series
            .labels
            .iter()
            .filter(|(label, _)| label != "le")
            .map(|(label, value)| {
                // Ports and instances differ from process to process.
                let own = value.contains("127.0.0.1")
                    || value.contains("localhost")
                    || label.ends_with("_port")
                    || label.ends_with("instance_id")
                    || label.ends_with("version");
                if own { format!("{label}=…") } else { format!("{label}={value:?}") }
            })
            .collect();
        let value = if is_counted { format!(" {}", series.value) } else { String::new() };
        format!("{{{}}}{value}", labels.join(","))
    };
    // A counter that was never added to may be there or not.
    let counts = |series: &&Series| !is_counted || series.value != "0";
    let lines: BTreeSet<String> = series.iter().filter(counts).map(line).collect();
    if lines.is_empty() {
        return Observation::default().with("series", "none");
    }
    let lines: Vec<String> = lines.into_iter().collect();
    Observation::default().with("series", lines.join(" | ")).with("type", kind)
}
