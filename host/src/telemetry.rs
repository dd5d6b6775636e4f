//! Spanloom's own metrics (with the Collector's names), logs and ledger.

mod exporters;
mod health;
mod help;
mod ledger;
pub mod logs;
pub mod process;
mod receivers;
mod registry;
pub mod summary;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{Counter, Gauge, Histogram};
use wire::Signal;

pub use exporters::{ExporterHealth, Trouble};
pub use health::{Health, Since};
pub use receivers::{ReceiverFigures, ReceiverMetrics};
pub use registry::Scope;

use registry::{Name, Registry};

use crate::receipt::ledger::Ledger;

/// The metrics registry and the ledger of one service. They are not global, so that a test can run several
/// services.
pub struct Telemetry {
    registry: Arc<Registry>,
    process: process::ProcessMetrics,
    pub ledger: Ledger,
    receivers: Mutex<BTreeMap<ReceiverKey, Arc<ReceiverMetrics>>>,
    exporters: Mutex<BTreeMap<(String, Signal), Arc<ExporterHealth>>>,
}

/// A receiver's id, its transport, and its signal.
type ReceiverKey = (String, &'static str, Signal);

/// The labels of a metric.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Telemetry {
    pub fn new() -> Arc<Telemetry> {
        let registry = Arc::new(Registry::default());
        let process = process::ProcessMetrics::register(|name| gauge(&registry, name, &[]));
        Arc::new(Telemetry {
            registry,
            process,
            ledger: Ledger::default(),
            receivers: Mutex::default(),
            exporters: Mutex::default(),
        })
    }

    /// Returns the scope for a component's series, which exist as long as the scope is held.
    pub fn scope(&self, name: &str) -> Arc<Scope> {
        self.registry.scope(name)
    }

    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.registry.counter(Name::of_host(name, labels), None).unwrap_or_else(Counter::noop)
    }

    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        gauge(&self.registry, name, labels)
    }

    pub fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.registry.histogram(Name::of_host(name, labels), None).unwrap_or_else(Histogram::noop)
    }

    /// Sets `target_info`, which says whose metrics these are: the default attributes, overridden by
    /// `service.telemetry.resource`. An attribute without a value removes a default one.
    pub fn identify(&self, resource: &BTreeMap<String, Option<String>>) {
        let mut attributes = BTreeMap::from([
            ("service.name".to_owned(), Some("spanloom".to_owned())),
            ("service.version".to_owned(), Some(env!("CARGO_PKG_VERSION").to_owned())),
        ]);
        attributes.extend(resource.clone());
        let label = |(name, value): (String, Option<String>)| Some((label_name(&name), value?));
        let labels = attributes.into_iter().filter_map(label).collect();
        self.registry.info(Name { name: "target_info", help: "", labels });
    }

    /// Renders the Prometheus text exposition, format 0.0.4. Each account of the ledger is shown at one
    /// moment.
    pub fn render(&self) -> String {
        self.process.refresh();
        let mut text = self.registry.render();
        ledger::write(&mut text, &self.ledger.balances());
        text
    }
}

fn gauge(registry: &Registry, name: &'static str, labels: Labels<'_>) -> Gauge {
    registry.gauge(Name::of_host(name, labels), None).unwrap_or_else(Gauge::noop)
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
