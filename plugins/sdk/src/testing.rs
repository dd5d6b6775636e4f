//! Runs plugins natively: the same code over the same batches as in the host, without wasm.
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
//! The plugin's calls to the host are recorded, with one host per thread: [`lines`], [`requests`],
//! [`metric`], [`discarded`]. A new harness starts with a new host.

mod harness;
mod spans;

use std::time::Duration;

use crate::http::{Header, HttpError, Request};
use crate::log::Level;
use crate::native::{batches, spans as host, world};
use crate::{Batch, LogsBatch, MetricsBatch, SpanBatch, bindings::spanloom::plugin::http};

pub use harness::{Connector, Exporter, Processor, Receiver, Sampler};
pub use spans::{Spans, spans};

/// Returns the spans of an OTLP/JSON request, for example of a fixture file.
pub fn from_json(otlp_json: &str) -> Result<SpanBatch, String> {
    let otlp = wire::json::from_json(wire::Signal::Traces, otlp_json.as_bytes());
    let otlp = otlp.map_err(|error| error.to_string())?;
    let spans = wire::SpanBatch::decode(otlp.into()).map_err(|error| error.to_string())?;
    Ok(SpanBatch(host::SpanBatch::new(spans)))
}

/// Returns the metrics of an OTLP/JSON request.
pub fn metrics_from_json(otlp_json: &str) -> Result<MetricsBatch, String> {
    let otlp = wire::json::from_json(wire::Signal::Metrics, otlp_json.as_bytes());
    let otlp = otlp.map_err(|error| error.to_string())?;
    batches::MetricsBatch::decode(&otlp).map(MetricsBatch).map_err(|error| error.to_string())
}

/// Returns the log records of an OTLP/JSON request.
pub fn logs_from_json(otlp_json: &str) -> Result<LogsBatch, String> {
    let otlp = wire::json::from_json(wire::Signal::Logs, otlp_json.as_bytes());
    let otlp = otlp.map_err(|error| error.to_string())?;
    batches::LogsBatch::decode(&otlp).map(LogsBatch).map_err(|error| error.to_string())
}

/// Returns the same batch as from a sender whose request had this header. Call it again to add another
/// header.
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

/// Converts spans to an OTLP/JSON request, to compare with a fixture file.
pub fn to_json(spans: &SpanBatch) -> serde_json::Value {
    let json = wire::json::to_json(&wire::Batch::Spans(spans.0.get_ref().clone()));
    serde_json::from_slice(&json).unwrap_or_default()
}

/// Returns the lines that the plugin wrote to the log.
pub fn lines() -> Vec<(Level, String)> {
    world::with(|world| world.lines.clone())
}

/// Returns the requests that the plugin sent, whether they succeeded or not.
pub fn requests() -> Vec<Request> {
    world::with(|world| world.requests.iter().map(|raw| Request { raw: raw.clone() }).collect())
}

/// Sets the answer to the next request without one. A request without an answer fails as unreachable.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let header =
        |(name, value): &(&str, &str)| Header { name: (*name).to_owned(), value: (*value).to_owned() };
    let headers = headers.iter().map(header).collect();
    world::with(|world| world.answers.push_back(Ok(http::Response { status, headers, body: body.to_vec() })));
}

/// Makes the next request without an answer fail with this error.
pub fn fail(error: HttpError) {
    world::with(|world| world.answers.push_back(Err(error)));
}

/// Returns a series by `name` or `name{label="value"}`: the count of a counter, the value of a gauge, or the
/// sum of a histogram.
pub fn metric(series: &str) -> Option<f64> {
    world::with(|world| world.series.get(series).copied())
}

/// Returns the batches that the plugin discarded.
pub fn discarded() -> Vec<Batch> {
    world::with(|world| world.discarded.drain(..).map(Into::into).collect())
}

/// Returns whether the plugin has said that what it leaves out of a batch counts as sampled out.
pub fn samples_out() -> bool {
    world::with(|world| world.samples_out)
}

/// Sets how many traces and spans a second come in at the component.
pub fn set_incoming(traces: f64, spans: f64) {
    world::with(|world| world.incoming = (traces, spans));
}

/// Returns the delay after which the plugin asked to be woken.
pub fn wake_after() -> Option<Duration> {
    world::with(|world| world.wake_after_ms.map(Duration::from_millis))
}

/// Advances both clocks, which otherwise stand still.
pub fn advance(time: Duration) {
    let nano = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    world::with(|world| {
        world.now_unix_nano = world.now_unix_nano.saturating_add(nano);
        world.monotonic_nano = world.monotonic_nano.saturating_add(nano);
    });
}
