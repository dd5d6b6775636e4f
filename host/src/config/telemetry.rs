//! `service.telemetry`: what Spanloom reports about itself, with the Collector's keys.

mod logs;
mod resource;

use serde::Deserialize;

use super::Unused;

pub use self::{
    logs::{LogEncoding, LogLevel, LogsConfig, SamplingConfig},
    resource::ResourceConfig,
};

/// The value of `service.telemetry`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    pub logs: LogsConfig,
    pub metrics: MetricsConfig,
    traces: Unused,
    /// Attributes of this process that its metrics carry.
    pub resource: ResourceConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    pub level: MetricsLevel,
    /// The old key for the address of the metrics. If `readers` is set, `address` is ignored.
    address: Option<String>,
    readers: Option<Vec<ReaderConfig>>,
    views: Unused,
}

/// How much is measured. `none` serves no metrics; the other levels are equal in Spanloom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsLevel {
    None,
    Basic,
    #[default]
    Normal,
    Detailed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReaderConfig {
    pull: Option<PullConfig>,
    periodic: Unused,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PullConfig {
    exporter: PullExporterConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PullExporterConfig {
    prometheus: PrometheusConfig,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PrometheusConfig {
    host: String,
    port: u16,
    with_resource_constant_labels: Unused,
    without_scope_info: Unused,
    without_type_suffix: Unused,
    without_units: Unused,
}

impl MetricsConfig {
    /// Returns the addresses that Prometheus may scrape, as `host:port`. The list is empty if no metrics are
    /// served.
    pub fn addresses(&self) -> Vec<String> {
        match (&self.readers, &self.address) {
            _ if self.level == MetricsLevel::None => Vec::new(),
            (Some(readers), _) => {
                let pulls = readers.iter().filter_map(|reader| reader.pull.as_ref());
                pulls.map(|pull| pull.exporter.prometheus.address()).collect()
            }
            (None, Some(address)) => vec![address.clone()],
            (None, None) => vec![PrometheusConfig::default().address()],
        }
    }
}

impl PrometheusConfig {
    fn address(&self) -> String {
        match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Default for PrometheusConfig {
    fn default() -> PrometheusConfig {
        PrometheusConfig {
            host: "localhost".to_owned(),
            port: 8888,
            with_resource_constant_labels: Unused,
            without_scope_info: Unused,
            without_type_suffix: Unused,
            without_units: Unused,
        }
    }
}
