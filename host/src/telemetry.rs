//! Spanloom's own metrics (with the Collector's names), logs and ledger.

pub mod decisions;
mod exporters;
mod health;
mod help;
mod ledger;
pub mod logs;
mod names;
pub mod process;
mod processors;
mod receivers;
mod registry;
pub mod requests;
pub mod summary;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{Counter, Gauge, Histogram};
use wire::Signal;

pub use exporters::{ExporterHealth, Trouble};
pub use health::{Health, Since};
pub use names::is_hosts;
pub use processors::ProcessorMetrics;
pub use receivers::{ReceiverFigures, ReceiverMetrics};
pub use registry::Scope;

use registry::{Name, Registry};

use crate::{
    config::telemetry::{MetricsLevel, Naming},
    receipt::ledger::Ledger,
};

/// The metrics registry and the ledger of one service. They are not global, so that a test can run several
/// services.
pub struct Telemetry {
    level: MetricsLevel,
    registry: Arc<Registry>,
    process: process::ProcessMetrics,
    pub ledger: Ledger,
    receivers: Mutex<BTreeMap<ReceiverKey, Arc<ReceiverMetrics>>>,
    exporters: Mutex<BTreeMap<(String, Signal), Arc<ExporterHealth>>>,
    decisions: decisions::DecisionLog,
}

/// A receiver's id, its transport, and its signal.
type ReceiverKey = (String, &'static str, Signal);

/// The labels of a metric.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Telemetry {
    /// Creates the telemetry of the level `normal`.
    pub fn new() -> Arc<Telemetry> {
        Telemetry::at(MetricsLevel::default())
    }

    /// Creates the telemetry of a level. Metrics of higher levels can be recorded, and are not shown. With
    /// `none`, nobody scrapes, and tests may still look.
    pub fn at(level: MetricsLevel) -> Arc<Telemetry> {
        let level = if level == MetricsLevel::None { MetricsLevel::default() } else { level };
        let registry = Arc::new(Registry::at(level));
        let process = process::ProcessMetrics::register(&registry);
        Arc::new(Telemetry {
            level,
            registry,
            process,
            ledger: Ledger::default(),
            receivers: Mutex::default(),
            exporters: Mutex::default(),
            decisions: decisions::DecisionLog::default(),
        })
    }

    /// Returns whether single requests are measured. Code that would do so must not take time for it otherwise.
    pub fn is_detailed(&self) -> bool {
        self.level >= MetricsLevel::Detailed
    }

    /// Returns the scope for a component's series, which exist as long as the scope is held.
    pub fn scope(&self, name: &str) -> Arc<Scope> {
        self.registry.scope(name)
    }

    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.registry.counter(Name::of_host(name, labels), None).unwrap_or_else(Counter::noop)
    }

    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.registry.gauge(Name::of_host(name, labels), None).unwrap_or_else(Gauge::noop)
    }

    pub fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.registry.histogram(Name::of_host(name, labels), None).unwrap_or_else(Histogram::noop)
    }

    /// Sets `target_info`, which says whose metrics these are: the default attributes, overridden by
    /// `service.telemetry.resource`. An attribute without a value removes a default one.
    pub fn identify(&self, resource: &BTreeMap<String, Option<String>>) {
        let mut attributes = BTreeMap::from([
            ("service.instance.id".to_owned(), Some(instance_id())),
            ("service.name".to_owned(), Some("spanloom".to_owned())),
            ("service.version".to_owned(), Some(env!("CARGO_PKG_VERSION").to_owned())),
        ]);
        attributes.extend(resource.clone());
        let label = |(name, value): (String, Option<String>)| Some((label_name(&name), value?));
        let labels = attributes.into_iter().filter_map(label).collect();
        self.registry.info(Name { name: "target_info", help: "", labels });
    }

    /// Returns the labels and the count of each series of a counter.
    pub fn counts(&self, name: &str) -> Vec<(Vec<(String, String)>, u64)> {
        self.registry.counts(name)
    }

    /// Renders the metrics for the default reader.
    pub fn render(&self) -> String {
        self.render_as(Naming::Plain)
    }

    /// Renders the Prometheus text exposition, format 0.0.4. Each account of the ledger is shown at one
    /// moment.
    pub fn render_as(&self, naming: Naming) -> String {
        self.process.refresh();
        let mut text = self.registry.render(naming);
        ledger::write(&mut text, &self.ledger.balances());
        text
    }
}

/// Returns a random UUID, which tells this run of the process from others.
fn instance_id() -> String {
    let [high, low] = [rand::random::<u64>(), rand::random::<u64>()];
    let (low, variant) = (low & 0xffff_ffff_ffff, 0x8000 | (low >> 48 & 0x3fff));
    let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
    format!("{first:08x}-{second:04x}-4{third:03x}-{variant:04x}-{low:012x}")
}

/// Returns an attribute's name as Prometheus allows it: `service.name` becomes `service_name`.
fn label_name(attribute: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = attribute.chars().map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a receiver accepts spans that are still in flight, and the resource has attributes.
    /// Guarantees: the exposition has the Collector's names, the ledger's lines, and the attributes.
    #[test]
    fn the_exposition_shows_receivers_and_the_ledger() {
        let telemetry = Telemetry::new();
        telemetry.receiver("otlp", "grpc", Signal::Traces).accepted(3);
        telemetry.ledger.open("traces", "debug").enter(3);
        let given = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        let resource = [
            given("team", Some("a")),
            given("service.version", None),
            given("service.instance.id", Some("i")),
        ];
        telemetry.identify(&BTreeMap::from(resource));
        let text = telemetry.render();
        for line in [
            r#"otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 3"#,
            r#"spanloom_ledger_items{pipeline="traces",destination="debug",state="received"} 3"#,
            r#"spanloom_ledger_items{pipeline="traces",destination="debug",state="in_flight"} 3"#,
            r#"otelcol_receiver_failed_spans{receiver="otlp",transport="grpc"} 0"#,
            "# TYPE otelcol_process_uptime counter",
            r#"target_info{service_instance_id="i",service_name="spanloom",team="a"} 1"#,
        ] {
            assert!(text.contains(line), "no `{line}` in:\n{text}");
        }
    }

    /// Scenario: two instances get an id.
    /// Guarantees: the ids are random UUIDs, and differ.
    #[test]
    fn an_instance_has_a_random_uuid() {
        let ids = [instance_id(), instance_id()];
        assert_ne!(ids[0], ids[1]);
        for id in ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id[14..].starts_with('4') && "89ab".contains(&id[19..20]), "{id}");
        }
    }
}
