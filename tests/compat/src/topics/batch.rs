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
    Ok(cases)
}

async fn compared(binaries: &Binaries, name: &str, config: &str, requests: &[usize]) -> Result<Case> {
    let pair = Pair::start(binaries, config).await?;
    let (collector, spanloom) = join!(batches(&pair.collector, requests), batches(&pair.spanloom, requests));
    pair.stop("").await;
    Ok(Case { name: name.to_owned(), collector: collector?, spanloom: spanloom? })
}

/// Returns how many spans each request to the stub had, in order.
async fn batches(side: &Side, requests: &[usize]) -> Result<Observation> {
    for spans in requests {
        let spans = vec![format!("{{{SPAN}}}"); *spans].join(",");
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let request = Request::post("/v1/traces", "application/json", body);
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
