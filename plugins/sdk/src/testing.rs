//! Plugins run natively: the same code over the same batches as in the host, no wasm needed.
//!
//! ```
//! use spanloom_plugin::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Nothing;
//! impl Processor for Nothing {}
//!
//! let spans = testing::spans("shop").span("GET /").attribute("card", "4111").span("SELECT").error("timeout");
//! let mut nothing = testing::Processor::<Nothing>::new("null").unwrap();
//! let passed = nothing.process(spans).unwrap();
//! assert_eq!(passed[0].text("card").get(0), Some("4111"));
//! ```
//!
//! What the plugin asks of the host is kept, one host a thread: [`lines`], [`requests`], [`metric`], [`discarded`].
//! A new harness begins with a new host.

mod harness;
mod spans;

use std::time::Duration;

use crate::http::{Header, HttpError, Request};
use crate::log::Level;
use crate::native::{batches, spans as host, world};
use crate::{Batch, LogsBatch, MetricsBatch, SpanBatch, bindings::spanloom::plugin::http};

pub use harness::{Connector, Exporter, Processor, Sampler};
pub use spans::{Spans, spans};

/// The spans of an OTLP/JSON request, as of a fixture file.
pub fn from_json(otlp_json: &str) -> Result<SpanBatch, String> {
    let otlp = wire::json::from_json(wire::Signal::Traces, otlp_json.as_bytes());
    let otlp = otlp.map_err(|error| error.to_string())?;
    let spans = wire::SpanBatch::decode(otlp.into()).map_err(|error| error.to_string())?;
    Ok(SpanBatch(host::SpanBatch::new(spans)))
}

/// The metrics of an OTLP/JSON request.
pub fn metrics_from_json(otlp_json: &str) -> Result<MetricsBatch, String> {
    let otlp = wire::json::from_json(wire::Signal::Metrics, otlp_json.as_bytes());
    let otlp = otlp.map_err(|error| error.to_string())?;
    batches::MetricsBatch::decode(&otlp).map(MetricsBatch).map_err(|error| error.to_string())
}

/// The log records of an OTLP/JSON request.
pub fn logs_from_json(otlp_json: &str) -> Result<LogsBatch, String> {
    let otlp = wire::json::from_json(wire::Signal::Logs, otlp_json.as_bytes());
    let otlp = otlp.map_err(|error| error.to_string())?;
    batches::LogsBatch::decode(&otlp).map(LogsBatch).map_err(|error| error.to_string())
}

/// The same batch, from a sender whose request had this header; to be used again for another one.
#[must_use]
pub fn from_sender(batch: impl Into<Batch>, header: &str, value: &str) -> Batch {
    let batch = batch.into();
    match &batch {
        Batch::Spans(spans) => spans.0.1.add(header, value),
        Batch::Metrics(metrics) => metrics.0.1.add(header, value),
        Batch::Logs(logs) => logs.0.1.add(header, value),
    }
    batch
}

/// Spans as an OTLP/JSON request, to compare with a fixture file.
pub fn to_json(spans: &SpanBatch) -> serde_json::Value {
    let json = wire::json::to_json(&wire::Batch::Spans(spans.0.get_ref().clone()));
    serde_json::from_slice(&json).unwrap_or_default()
}

/// What the plugin wrote to the log.
pub fn lines() -> Vec<(Level, String)> {
    world::with(|world| world.lines.clone())
}

/// What the plugin sent, whatever came back.
pub fn requests() -> Vec<Request> {
    world::with(|world| world.requests.iter().map(|raw| Request { raw: raw.clone() }).collect())
}

/// The answer to the next request that has none yet. A request without one finds its server unreachable.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let header =
        |(name, value): &(&str, &str)| Header { name: (*name).to_owned(), value: (*value).to_owned() };
    let headers = headers.iter().map(header).collect();
    world::with(|world| world.answers.push_back(Ok(http::Response { status, headers, body: body.to_vec() })));
}

/// The next request that has no answer yet fails so.
pub fn fail(error: HttpError) {
    world::with(|world| world.answers.push_back(Err(error)));
}

/// A series by `name` or `name{label="value"}`: a counter's count, a gauge's value, a histogram's sum.
pub fn metric(series: &str) -> Option<f64> {
    world::with(|world| world.series.get(series).copied())
}

/// What the plugin let go nowhere.
pub fn discarded() -> Vec<Batch> {
    world::with(|world| world.discarded.drain(..).map(Into::into).collect())
}

/// When the plugin asked to be woken.
pub fn wake_after() -> Option<Duration> {
    world::with(|world| world.wake_after_ms.map(Duration::from_millis))
}

/// Both clocks stand still but for this.
pub fn advance(time: Duration) {
    let nano = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    world::with(|world| {
        world.now_unix_nano = world.now_unix_nano.saturating_add(nano);
        world.monotonic_nano = world.monotonic_nano.saturating_add(nano);
    });
}
