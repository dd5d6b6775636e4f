//! Configs with many samplers, what is sent to all of them, and what each of them keeps.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    http1::{self, Request},
    scrape,
    side::Side,
    stub::Arrival,
};

/// The spans that one sampler kept: their names by trace id. Names are in order.
pub(super) type Kept = BTreeMap<String, Vec<String>>;

/// The counter of decided traces, in both.
const DECIDED: &str = "otelcol_processor_tail_sampling_global_count_traces_sampled";
const DECIDED_TIMEOUT: Duration = Duration::from_secs(45);
/// If nothing arrives for this time after the decisions, everything has arrived.
const SILENCE: Duration = Duration::from_secs(1);
/// How many `ResourceSpans` a request has.
const REQUEST: usize = 500;

/// Returns a config with a pipeline for each sampler. All get the same spans, and each has a path of its own behind it.
pub(super) fn config(samplers: &[String]) -> String {
    let each = |line: fn(usize, &str) -> String| -> String {
        samplers.iter().enumerate().map(|(number, keys)| line(number, keys)).collect()
    };
    let processors = each(|number, keys| format!("  tail_sampling/{number}: {keys}\n"));
    // The Collector sends each kept trace by itself, so the queue puts them together.
    let queue = "{queue_size: 100000, batch: {flush_timeout: 200ms, min_size: 5000}}";
    let exporters: String = (0..samplers.len())
        .map(|number| {
            format!(
                "  otlp_http/{number}: {{endpoint: \"http://${{env:STUB}}/{number}\", compression: none, \
                 sending_queue: {queue}, retry_on_failure: {{enabled: false}}}}\n"
            )
        })
        .collect();
    let pipelines = each(|number, _| {
        format!(
            "    traces/{number}: {{receivers: [otlp], processors: [tail_sampling/{number}], exporters: [otlp_http/{number}]}}\n"
        )
    });
    let reader = "{pull: {exporter: {prometheus: {host: 127.0.0.1, port: \"${env:METRICS_PORT}\"}}}}";
    format!(
        "receivers:
  otlp: {{protocols: {{http: {{endpoint: \"${{env:HTTP}}\"}}}}}}
processors:
{processors}exporters:
{exporters}service:
  telemetry: {{metrics: {{level: normal, readers: [{reader}]}}, logs: {{level: error}}}}
  pipelines:
{pipelines}"
    )
}

/// Writes keys of `tail_sampling` as a config has them.
pub(super) fn keys(keys: &Value) -> String {
    keys.to_string().replace('$', "$$")
}

/// Sends spans to all samplers of a side.
pub(super) async fn send(side: &Side, resources: &[Value]) -> Result<()> {
    for resources in resources.chunks(REQUEST) {
        let body = json!({"resourceSpans": resources}).to_string();
        let request = Request::post("/v1/traces", "application/json", body);
        let status = http1::exchange(side.at.http, &request.bytes(), false).await?.status;
        ensure!(status == 200, "{:?} answered {status} to spans", side.kind);
    }
    Ok(())
}

/// Waits until a side has decided so many traces, those of all samplers together, and returns what arrived.
pub(super) async fn decided(side: &Side, traces: usize) -> Result<Vec<Arrival>> {
    let begun = Instant::now();
    while count(side).await? < traces as f64 && begun.elapsed() < DECIDED_TIMEOUT {
        sleep(Duration::from_millis(200)).await;
    }
    let mut arrivals = Vec::new();
    loop {
        sleep(SILENCE).await;
        match side.stub.take() {
            more if more.is_empty() => return Ok(arrivals),
            more => arrivals.extend(more),
        }
    }
}

/// Returns how many traces a side has decided.
async fn count(side: &Side) -> Result<f64> {
    let scrape = scrape::scrape(side.at.metrics, "text/plain").await?;
    let of_decisions = scrape.series.iter().filter(|series| series.name.starts_with(DECIDED));
    Ok(of_decisions.filter_map(|series| series.value.parse::<f64>().ok()).sum())
}

/// Returns what each sampler kept.
pub(super) fn by_sampler(arrivals: &[Arrival], samplers: usize) -> Vec<Kept> {
    let mut kept = vec![Kept::new(); samplers];
    for arrival in arrivals {
        let number = arrival.path.split('/').nth(1).and_then(|number| number.parse::<usize>().ok());
        let Some(kept) = number.and_then(|number| kept.get_mut(number)) else { continue };
        let below =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let scopes =
            below(&arrival.body, "resourceSpans").into_iter().flat_map(|of| below(&of, "scopeSpans"));
        for span in scopes.flat_map(|scope| below(&scope, "spans")) {
            let text = |key: &str| span.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            kept.entry(text("traceId").to_ascii_lowercase()).or_default().push(text("name"));
        }
    }
    kept.iter_mut().flat_map(BTreeMap::values_mut).for_each(|names| names.sort());
    kept
}
