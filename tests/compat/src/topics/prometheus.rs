//! The exporter `prometheus`: names, types, labels and values of a scrape, by each of its keys.

mod payloads;

use std::time::Duration;

use anyhow::Result;
use futures::join;
use tokio::time::sleep;

use crate::{
    configs,
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
    ("const-labels", "const_labels: {zone: a, job: mine}"),
    ("send-timestamps", "send_timestamps: true"),
    ("open-metrics", "enable_open_metrics: true"),
    ("no-suffixes", "add_metric_suffixes: false"),
    ("no-scope-info", "without_scope_info: true"),
    ("resource-to-telemetry", "resource_to_telemetry_conversion: {enabled: true}"),
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
        binaries.promcheck.check(name, pair.spanloom.at.scrape).await?;
        cases.extend(compared(name, requests.iter().map(|(input, _)| input.as_str()), &collector, &spanloom));
        let stopped = pair.stop(&format!("{name}-exit")).await;
        cases.push(stopped);
    }
    Ok(cases)
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
