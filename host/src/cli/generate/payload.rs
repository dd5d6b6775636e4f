//! Makes the bodies of requests.

mod logs;
mod metrics;
mod traces;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, KeyValue},
    resource::v1::Resource,
};
use rand::{SeedableRng, rngs::StdRng};
use wire::Signal;

use super::shop::{Language, SERVICES, ShopSettings, string};

/// The body of a request, and the number of its spans, data points or log records.
pub(super) struct Payload {
    pub(super) body: Bytes,
    pub(super) items: usize,
}

#[derive(Clone, Debug)]
pub(super) struct PayloadSettings {
    pub(super) signal: Signal,
    /// True for JSON, false for protobuf.
    pub(super) json: bool,
    pub(super) shop: ShopSettings,
    pub(super) arrival: Arrival,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) resource_attributes: Vec<KeyValue>,
    /// The number that distinguishes instances of the shop's services.
    pub(super) instance: usize,
}

/// In which order spans come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival {
    /// The share of spans that come late, 0 to 1. Roots are in time.
    pub(super) late: f64,
    pub(super) late_by: Duration,
    /// Whether the spans of a trace come in random order.
    pub(super) is_shuffled: bool,
}

/// Spans that several connections send, so that each sends a part of every trace.
#[derive(Clone, Default)]
pub(super) struct SharedTraces(Arc<Mutex<traces::Traces>>);

/// Makes any number of payloads. The same seed gives the same payloads, except for the times.
pub(super) struct Payloads {
    settings: PayloadSettings,
    rng: StdRng,
    source: Source,
}

enum Source {
    Traces(SharedTraces),
    Metrics(metrics::Metrics),
    Logs(logs::Logs),
}

impl Payloads {
    pub(super) fn new(settings: PayloadSettings, seed: u64) -> Payloads {
        let source = match settings.signal {
            Signal::Traces => Source::Traces(SharedTraces::default()),
            Signal::Metrics => Source::Metrics(metrics::Metrics::new(settings.shop.services)),
            Signal::Logs => Source::Logs(logs::Logs::default()),
        };
        Payloads { settings, rng: StdRng::seed_from_u64(seed), source }
    }

    /// Takes spans from those that others take from too. Without them, the payloads' own are used.
    pub(super) fn sharing(mut self, shared: Option<&SharedTraces>) -> Payloads {
        if let (Source::Traces(own), Some(shared)) = (&mut self.source, shared) {
            *own = shared.clone();
        }
        self
    }

    /// Returns a payload with this number of spans, data points or log records.
    pub(super) fn next(&mut self, items: usize) -> anyhow::Result<Payload> {
        let now = unix_nano(SystemTime::now());
        let (settings, rng) = (&self.settings, &mut self.rng);
        let body = match &mut self.source {
            Source::Traces(SharedTraces(traces)) => {
                let spans =
                    traces.lock().unwrap_or_else(PoisonError::into_inner).draw(items, settings, rng, now);
                traces::encode(spans, settings)
            }
            Source::Metrics(metrics) => metrics.next(items, settings, rng, now),
            Source::Logs(logs) => logs.next(items, settings, rng, now),
        };
        let body = Bytes::from(body);
        if !self.settings.json {
            return Ok(Payload { body, items });
        }
        let batch = wire::Batch::decode(self.settings.signal, body)?;
        Ok(Payload { body: wire::json::to_json(&batch).into(), items })
    }
}

fn unix_nano(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn resource(service: usize, settings: &PayloadSettings) -> Option<Resource> {
    let service = SERVICES.get(service)?;
    let language = match service.language {
        Language::Go => "go",
        Language::Java => "java",
        Language::Nodejs => "nodejs",
        Language::Python => "python",
    };
    let mut attributes = vec![
        string("service.name", service.name),
        string("service.namespace", "shop"),
        string("service.version", service.version),
        string("service.instance.id", format!("{}-{}", service.name, settings.instance)),
        string("deployment.environment.name", "demo"),
        string("telemetry.sdk.language", language),
        string("telemetry.sdk.name", "spanloom-generate"),
        string("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    attributes.extend_from_slice(&settings.resource_attributes);
    Some(Resource { attributes, ..Resource::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "spanloom.generate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    })
}

#[cfg(test)]
mod tests;
