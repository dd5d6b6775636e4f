//! The exporter `prometheus`: names, types, labels and values of a scrape, by each of its keys.

mod payloads;

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use futures::join;
use tokio::time::sleep;

use crate::{
    compression, configs,
    http1::{self, Request},
    observation::{Case, Observation},
    pair::Pair,
    payload,
    scrape::{self, Scrape},
    side::{Binaries, Side},
};

const TEXT: &str = "text/plain";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

const CONFIGS: &[(&str, &str)] = &[
    ("default", ""),
    ("namespace", "namespace: my__ns"),
    ("namespace-dots", "namespace: my-app.x"),
    ("const-labels", "const_labels: {zone: a, job: mine}"),
    ("constants", "const_labels: {_a__b: x, \"c d\": y}"),
    ("send-timestamps", "send_timestamps: true"),
    ("open-metrics", "enable_open_metrics: true"),
    ("no-suffixes", "add_metric_suffixes: false"),
    ("no-scope-info", "without_scope_info: true"),
    ("resource-to-telemetry", "resource_to_telemetry_conversion: {enabled: true}"),
    ("resource-patterns", "resource_to_telemetry_conversion: {included: [host.*]}"),
    (
        "resource-labels",
        "resource_constant_labels: {included: [\"h?st*\", service.*], excluded: [service.name]}",
    ),
    (
        "resource-labels-printed",
        "resource_constant_labels: {enabled: false, exclude_service_attributes: false, included: [host.*], excluded: []}",
    ),
    ("strategy-empty", "translation_strategy: \"\""),
    ("underscore-suffixes", "translation_strategy: UnderscoreEscapingWithSuffixes"),
    ("underscore", "translation_strategy: UnderscoreEscapingWithoutSuffixes"),
    ("utf8-suffixes", "translation_strategy: NoUTF8EscapingWithSuffixes"),
    ("utf8", "translation_strategy: NoTranslation"),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let requests = payloads::requests();
    for (name, keys) in CONFIGS {
        let exporter = format!("prometheus:\n    endpoint: \"${{env:SCRAPE}}\"\n    {keys}");
        let pair =
            match Pair::start_or_case(binaries, name, &configs::of_signals(&["metrics"], &exporter)).await? {
                Ok(pair) => pair,
                Err(case) => {
                    cases.push(case);
                    continue;
                }
            };
        for (_, body) in &requests {
            let (collector, spanloom) = join!(send(&pair.collector, body), send(&pair.spanloom, body));
            collector?;
            spanloom?;
        }
        sleep(Duration::from_millis(200)).await;
        let accept = if *name == "open-metrics" { OPEN_METRICS } else { TEXT };
        let (collector, spanloom) = (
            scrape::scrape(pair.collector.at.scrape, accept).await?,
            scrape::scrape(pair.spanloom.at.scrape, accept).await?,
        );
        if *name == "default" {
            cases.extend(variants(&pair).await?);
        }
        binaries.promcheck.check(name, pair.spanloom.at.scrape).await?;
        cases.extend(compared(name, requests.iter().map(|(input, _)| input.as_str()), &collector, &spanloom));
        let stopped = pair.stop(&format!("{name}-exit")).await;
        cases.push(stopped);
    }
    Ok(cases)
}

/// Returns a case for each way to ask for less, or for another encoding.
async fn variants(pair: &Pair) -> Result<Vec<Case>> {
    let scrape = |target: &str| Request::new("GET", target).header("Accept", TEXT);
    let requests = [
        ("gzip", scrape("/metrics").header("Accept-Encoding", "gzip")),
        ("gzip-of-several", scrape("/metrics").header("Accept-Encoding", "deflate, gzip;q=0.5")),
        ("gzip-refused", scrape("/metrics").header("Accept-Encoding", "gzip;q=0")),
        ("gzip-any", scrape("/metrics").header("Accept-Encoding", "*")),
        ("zstd", scrape("/metrics").header("Accept-Encoding", "zstd")),
        ("names", scrape("/metrics?name[]=plain&name[]=requests_total&x=y")),
        ("names-escaped", scrape("/metrics?name%5B%5D=pl%61in")),
        ("names-of-family", scrape("/metrics?name[]=requests")),
        ("names-unknown", scrape("/metrics?name[]=nobody")),
        ("names-empty", scrape("/metrics?name[]=")),
    ];
    let mut cases = Vec::new();
    for (name, request) in requests {
        let bytes = request.bytes();
        let (collector, spanloom) = (
            http1::exchange(pair.collector.at.scrape, &bytes, false).await?,
            http1::exchange(pair.spanloom.at.scrape, &bytes, false).await?,
        );
        let is_of_names = name.starts_with("names");
        let (collector, spanloom) = (seen(&collector, is_of_names)?, seen(&spanloom, is_of_names)?);
        cases.push(Case { name: format!("variant-{name}"), collector, spanloom });
    }
    Ok(cases)
}

/// Returns the encoding of an answer, and the names of its series, of which others than `names` may differ.
pub(super) fn seen(answer: &http1::Answer, with_names: bool) -> Result<Observation> {
    let coding = answer.headers.get("content-encoding").and_then(|value| value.to_str().ok());
    let coding = coding.unwrap_or_default();
    let body = compression::inflate(coding, &answer.body)?;
    let series = scrape::parse(&String::from_utf8_lossy(&body)).series;
    let names: BTreeSet<String> = series.into_iter().map(|series| series.name).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(" ");
    let shown = if with_names { names } else { (!names.is_empty()).to_string() };
    let observation = Observation::default().with("status", answer.status.to_string());
    Ok(observation.with("encoding", coding).with("series", shown))
}

/// Sends metrics to a side, which must answer.
async fn send(side: &Side, body: &str) -> Result<u16> {
    let request = Request::post(&payload::http_path("Metrics"), "application/json", body);
    Ok(http1::exchange(side.at.http, &request.bytes(), false).await?.status)
}

/// Returns a case for each input, by the series that carry its name as a label's value.
pub(super) fn compared<'a>(
    config: &str,
    inputs: impl Iterator<Item = &'a str>,
    collector: &Scrape,
    spanloom: &Scrape,
) -> Vec<Case> {
    let seen = |aspect: &str, value: &str| Observation::default().with(aspect, value);
    let mut cases = vec![Case {
        name: format!("{config}-scrape"),
        collector: seen("content-type", &collector.content_type),
        spanloom: seen("content-type", &spanloom.content_type),
    }];
    cases.extend(inputs.map(|input| Case {
        name: format!("{config}-{input}"),
        collector: Observation(collector.about(input)),
        spanloom: Observation(spanloom.about(input)),
    }));
    cases
}
