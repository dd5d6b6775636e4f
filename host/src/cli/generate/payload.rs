//! Makes the bodies of requests.

mod logs;
mod metrics;
mod traces;

use std::time::{SystemTime, UNIX_EPOCH};

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
    pub(super) attributes: Vec<KeyValue>,
    pub(super) resource_attributes: Vec<KeyValue>,
    /// The number that distinguishes instances of the shop's services.
    pub(super) instance: usize,
}

/// Makes any number of payloads. The same seed gives the same payloads, except for the times.
pub(super) struct Payloads {
    settings: PayloadSettings,
    rng: StdRng,
    source: Source,
}

enum Source {
    Traces(traces::Traces),
    Metrics(metrics::Metrics),
    Logs(logs::Logs),
}

impl Payloads {
    pub(super) fn new(settings: PayloadSettings, seed: u64) -> Payloads {
        let source = match settings.signal {
            Signal::Traces => Source::Traces(traces::Traces::default()),
            Signal::Metrics => Source::Metrics(metrics::Metrics::new(settings.shop.services)),
            Signal::Logs => Source::Logs(logs::Logs::default()),
        };
        Payloads { settings, rng: StdRng::seed_from_u64(seed), source }
    }

    /// Returns a payload with this number of spans, data points or log records.
    pub(super) fn next(&mut self, items: usize) -> anyhow::Result<Payload> {
        let now = unix_nano(SystemTime::now());
        let (settings, rng) = (&self.settings, &mut self.rng);
        let body = match &mut self.source {
            Source::Traces(traces) => traces.next(items, settings, rng, now),
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
