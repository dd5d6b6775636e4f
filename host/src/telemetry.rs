//! Spanloom's own metrics (under the Collector's names), logs and ledger.

pub mod clean;
mod exporters;
mod help;
mod ledger;
pub mod logs;
pub mod process;
mod receivers;
pub mod server;
pub mod summary;
pub mod throttle;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use wire::Signal;

pub(crate) use exporters::MESSAGE_LIMIT_BYTES;
pub use exporters::{ExporterHealth, Trouble};
pub use receivers::{ReceiverFigures, ReceiverMetrics};

use crate::receipt::ledger::Ledger;

const METADATA: Metadata<'static> = Metadata::new("spanloom", Level::INFO, None);
/// As Prometheus' client libraries have them.
const DURATION_BUCKETS_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// What a swap should take, and what it takes when there is much state to hand over.
const PAUSE_BUCKETS_SECONDS: [f64; 14] =
    [2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 1e-1, 1.0, 10.0];
/// As the Collector has them: from one item to a hundred thousand, and to nine megabytes.
const BATCH_BUCKETS_ITEMS: [f64; 22] = [
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3, 9e3, 1e4,
    2e4, 3e4, 5e4, 1e5,
];
const BATCH_BUCKETS_BYTES: [f64; 39] = [
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3, 9e3, 1e4,
    2e4, 3e4, 5e4, 1e5, 2e5, 3e5, 4e5, 5e5, 6e5, 7e5, 8e5, 9e5, 1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6, 9e6,
];

/// The metrics registry and the ledger of one service. Not global, so that a test can run several.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    process: process::ProcessMetrics,
    /// The kinds of plugins' metrics, by name.
    plugin_metrics: Mutex<BTreeMap<String, &'static str>>,
    pub ledger: Ledger,
    receivers: Mutex<BTreeMap<ReceiverKey, Arc<ReceiverMetrics>>>,
    exporters: Mutex<BTreeMap<(String, Signal), Arc<ExporterHealth>>>,
}

/// A receiver, its transport, and what it takes.
type ReceiverKey = (String, &'static str, Signal);

/// A metric's labels.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Telemetry {
    pub fn new() -> Arc<Telemetry> {
        let recorder = with_buckets().build_recorder();
        for (name, help) in help::HELP {
            // The exposition keeps one help text a name, whatever the metric's type.
            recorder.describe_counter((*name).into(), None, (*help).into());
        }
        let process = process::ProcessMetrics::register(&recorder, &METADATA);
        let handle = recorder.handle();
        let plugin_metrics = Mutex::new(BTreeMap::from([("target_info".to_owned(), "info")]));
        Arc::new(Telemetry {
            recorder,
            handle,
            process,
            plugin_metrics,
            ledger: Ledger::default(),
            receivers: Mutex::default(),
            exporters: Mutex::default(),
        })
    }

    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    pub fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    /// Whether the name may be that of a plugin's metric of this kind: all series of a name are of one kind.
    pub fn claim(&self, name: &str, kind: &'static str) -> bool {
        let mut kinds = self.plugin_metrics.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(name.to_owned()).or_insert(kind) == kind
    }

    /// A metric of a plugin, under a name of its own.
    pub fn plugin_counter(&self, name: String, help: String, labels: Vec<(String, String)>) -> Counter {
        self.recorder.describe_counter(name.clone().into(), None, help.into());
        self.recorder.register_counter(&plugin_key(name, labels), &METADATA)
    }

    pub fn plugin_gauge(&self, name: String, help: String, labels: Vec<(String, String)>) -> Gauge {
        self.recorder.describe_gauge(name.clone().into(), None, help.into());
        self.recorder.register_gauge(&plugin_key(name, labels), &METADATA)
    }

    pub fn plugin_histogram(&self, name: String, help: String, labels: Vec<(String, String)>) -> Histogram {
        self.recorder.describe_histogram(name.clone().into(), None, help.into());
        self.recorder.register_histogram(&plugin_key(name, labels), &METADATA)
    }

    /// Says whose metrics these are: `target_info`, with the attributes of `service.telemetry.resource` over the
    /// defaults. One without a value takes a default away.
    pub fn identify(&self, resource: &BTreeMap<String, Option<String>>) {
        let mut attributes = BTreeMap::from([
            ("service.name".to_owned(), Some("spanloom".to_owned())),
            ("service.version".to_owned(), Some(env!("CARGO_PKG_VERSION").to_owned())),
        ]);
        attributes.extend(resource.clone());
        let labels: Vec<Label> = (attributes.into_iter())
            .filter_map(|(name, value)| Some(Label::new(name.replace(['.', '-', '/'], "_"), value?)))
            .collect();
        self.recorder.register_gauge(&Key::from_parts("target_info", labels), &METADATA).set(1.0);
    }

    /// The Prometheus text exposition, format 0.0.4. Of the ledger it shows one moment, whoever else asks meanwhile.
    pub fn render(&self) -> String {
        self.process.refresh();
        let mut text = self.handle.render();
        ledger::write(&mut text, &self.ledger.balances());
        text
    }
}

fn plugin_key(name: String, labels: Vec<(String, String)>) -> Key {
    let labels: Vec<Label> = labels.into_iter().map(|(name, value)| Label::new(name, value)).collect();
    Key::from_parts(name, labels)
}

/// Without buckets a histogram would be shown as a summary. Refused are only empty lists.
fn with_buckets() -> PrometheusBuilder {
    let buckets: [(&str, &[f64]); 4] = [
        ("_duration_seconds", &DURATION_BUCKETS_SECONDS),
        ("_swap_pause_seconds", &PAUSE_BUCKETS_SECONDS),
        ("_send_size", &BATCH_BUCKETS_ITEMS),
        ("_send_size_bytes", &BATCH_BUCKETS_BYTES),
    ];
    buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (suffix, buckets)| {
        let matcher = Matcher::Suffix(suffix.to_owned());
        builder.set_buckets_for_metric(matcher, buckets).unwrap_or_else(|_| PrometheusBuilder::new())
    })
}

fn key(name: &'static str, labels: Labels<'_>) -> Key {
    let labels: Vec<Label> =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What users scrape: the Collector's names, and the ledger with its reason only where there is one.
    #[test]
    fn the_exposition_shows_receivers_and_the_ledger() {
        let telemetry = Telemetry::new();
        telemetry.receiver("otlp", "grpc", Signal::Traces).accepted(3);
        telemetry.ledger.open("traces", "debug").enter(3);
        let resource = [("team".to_owned(), Some("a".to_owned())), ("service.version".to_owned(), None)];
        telemetry.identify(&BTreeMap::from(resource));
        let text = telemetry.render();
        for line in [
            r#"otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 3"#,
            r#"spanloom_ledger_items{pipeline="traces",destination="debug",state="received"} 3"#,
            r#"spanloom_ledger_items{pipeline="traces",destination="debug",state="in_flight"} 3"#,
            "# TYPE otelcol_process_uptime gauge",
            r#"target_info{service_name="spanloom",team="a"} 1"#,
        ] {
            assert!(text.contains(line), "no `{line}` in:\n{text}");
        }
    }
}
