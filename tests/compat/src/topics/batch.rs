//! The processor `batch` and the queue's batching: how the spans of several requests are put together.

use std::time::Duration;

use anyhow::Result;
use futures::join;
use tokio::time::sleep;

use crate::{
    configs::{self, DIRECT},
    http1::{self, Request},
    observation::{Case, Observation},
    pair::Pair,
    payload::SPAN,
    side::{Binaries, Side},
};

/// The keys of `batch`, and how many spans each request has.
const ROWS: &[(&str, &str, &[usize])] = &[
    ("one", "{timeout: 300ms}", &[1]),
    ("merged", "{timeout: 300ms}", &[1, 2, 3]),
    ("size-reached", "{timeout: 300ms, send_batch_size: 5}", &[3, 3, 3]),
    ("size-one", "{timeout: 300ms, send_batch_size: 1}", &[2, 2]),
    ("size-zero", "{timeout: 300ms, send_batch_size: 0}", &[2, 2]),
    ("max", "{timeout: 300ms, send_batch_size: 5, send_batch_max_size: 5}", &[12]),
    ("max-rest", "{timeout: 300ms, send_batch_size: 4, send_batch_max_size: 5}", &[12, 1]),
    ("max-alone", "{timeout: 300ms, send_batch_size: 0, send_batch_max_size: 3}", &[8]),
    ("timeout-zero", "{timeout: 0s}", &[1, 2]),
    ("timeout-zero-max", "{timeout: 0s, send_batch_max_size: 2, send_batch_size: 2}", &[5]),
    ("empty-request", "{timeout: 300ms}", &[0, 1]),
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, keys, requests) in ROWS {
        let config = configs::relay()
            .replace("exporters:\n", &format!("processors:\n  batch: {keys}\nexporters:\n"))
            .replace("receivers: [otlp],", "receivers: [otlp], processors: [batch],");
        cases.push(compared(binaries, name, &config, requests).await?);
    }
    let queued = DIRECT.replace(
        "sending_queue: {enabled: false}",
        "sending_queue: {batch: {flush_timeout: 300ms, min_size: MIN, max_size: MAX, sizer: items}}",
    );
    let rows: [(&str, &str, &str, &[usize]); 4] = [
        ("queue-merged", "100", "0", &[1, 2, 3]),
        ("queue-min", "5", "0", &[3, 3, 3]),
        ("queue-max", "5", "5", &[12]),
        ("queue-max-merged", "4", "5", &[3, 9]),
    ];
    for (name, min, max, requests) in rows {
        let exporter = queued.replace("MIN", min).replace("MAX", max);
        cases.push(compared(binaries, name, &configs::relay_with("", "", &exporter), requests).await?);
    }
    for (name, receiver, keys, requests) in PARTITIONS {
        let exporter = DIRECT.replace("sending_queue: {enabled: false}", &format!("sending_queue: {keys}"));
        let config = configs::relay_with("", receiver, &exporter);
        cases.push(partitioned(binaries, &format!("queue-partition-{name}"), &config, requests).await?);
    }
    let config = configs::relay_with("", METADATA, DIRECT)
        .replace(
            "exporters:\n",
            "processors:\n  batch: {timeout: 300ms, metadata_keys: [X-Tenant]}\nexporters:\n",
        )
        .replace("receivers: [otlp],", "receivers: [otlp], processors: [batch],");
    let requests = [("x-tenant: a", 1), ("x-tenant: b", 2), ("x-tenant: a", 3), ("", 1)];
    cases.push(partitioned(binaries, "metadata-keys", &config, &requests).await?);
    Ok(cases)
}

const METADATA: &str = ", include_metadata: true";

/// A name, keys of the receiver, the queue, and each request: a header, and how many spans it has.
type Partitioned = (&'static str, &'static str, &'static str, &'static [(&'static str, usize)]);

const PARTITIONS: &[Partitioned] = &[
    (
        "tenants",
        METADATA,
        "{batch: {flush_timeout: 300ms, min_size: 100, partition: {metadata_keys: [x-tenant]}}}",
        &[("X-Tenant: a", 1), ("x-tenant: b", 2), ("x-tenant: a", 3)],
    ),
    (
        "size-reached",
        METADATA,
        "{batch: {flush_timeout: 300ms, min_size: 5, partition: {metadata_keys: [x-tenant]}}}",
        &[("x-tenant: a", 3), ("x-tenant: b", 3), ("x-tenant: a", 4), ("x-tenant: b", 1)],
    ),
    (
        "max",
        METADATA,
        "{batch: {flush_timeout: 300ms, min_size: 4, max_size: 5, sizer: items, partition: {metadata_keys: [x-tenant]}}}",
        &[("x-tenant: a", 3), ("x-tenant: b", 1), ("x-tenant: a", 9)],
    ),
    (
        "missing",
        METADATA,
        "{batch: {flush_timeout: 300ms, min_size: 100, partition: {metadata_keys: [x-tenant]}}}",
        &[("", 1), ("x-tenant:", 2), ("", 3), ("x-other: a", 4)],
    ),
    (
        "two-keys",
        METADATA,
        "{batch: {flush_timeout: 300ms, min_size: 100, partition: {metadata_keys: [X-Tenant, x-region]}}}",
        &[("x-tenant: a", 1), ("x-region: a", 2), ("x-tenant: a\r\nx-region: a", 3), ("x-tenant: a", 4)],
    ),
    (
        "two-values",
        METADATA,
        "{batch: {flush_timeout: 300ms, min_size: 100, partition: {metadata_keys: [x-tenant]}}}",
        &[("x-tenant: a\r\nx-tenant: b", 1), ("x-tenant: a", 2), ("x-tenant: ab", 3)],
    ),
    (
        "no-metadata",
        "",
        "{batch: {flush_timeout: 300ms, min_size: 100, partition: {metadata_keys: [x-tenant]}}}",
        &[("x-tenant: a", 1), ("x-tenant: b", 2)],
    ),
];

async fn compared(binaries: &Binaries, name: &str, config: &str, requests: &[usize]) -> Result<Case> {
    let pair = Pair::start(binaries, config).await?;
    let requests: Vec<(&str, usize)> = requests.iter().map(|spans| ("", *spans)).collect();
    let (collector, spanloom) =
        join!(batches(&pair.collector, &requests), batches(&pair.spanloom, &requests));
    pair.stop("").await;
    Ok(Case { name: name.to_owned(), collector: collector?, spanloom: spanloom? })
}

/// Does the same as [`compared`], whatever the order of the batches: those that are due at one time are sent at one
/// time.
async fn partitioned(
    binaries: &Binaries,
    name: &str,
    config: &str,
    requests: &[(&str, usize)],
) -> Result<Case> {
    let pair = Pair::start(binaries, config).await?;
    let (collector, spanloom) = join!(batches(&pair.collector, requests), batches(&pair.spanloom, requests));
    pair.stop("").await;
    let sorted = |mut seen: Observation| {
        if let Some(sizes) = seen.0.get_mut("batches") {
            let mut each: Vec<&str> = sizes.split(' ').collect();
            each.sort_unstable();
            *sizes = each.join(" ");
        }
        seen
    };
    Ok(Case { name: name.to_owned(), collector: sorted(collector?), spanloom: sorted(spanloom?) })
}

/// Returns how many spans each request to the stub had, in order.
async fn batches(side: &Side, requests: &[(&str, usize)]) -> Result<Observation> {
    for (header, spans) in requests {
        let spans = vec![format!("{{{SPAN}}}"); *spans].join(",");
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let mut request = Request::post("/v1/traces", "application/json", body);
        for (name, value) in header.lines().filter_map(|line| line.split_once(':')) {
            request = request.header(name, value.trim());
        }
        http1::exchange(side.at.http, &request.bytes(), false).await?;
    }
    sleep(Duration::from_millis(900)).await;
    let arrived = side.stub.take();
    let sizes: Vec<String> = arrived
        .iter()
        .map(|arrival| arrival.body.to_string().matches("\"spanId\"").count().to_string())
        .collect();
    let resources: usize =
        arrived.iter().map(|arrival| arrival.body.to_string().matches("\"scopeSpans\"").count()).sum();
    Ok(Observation::default().with("batches", sizes.join(" ")).with("resources", resources.to_string()))
}
