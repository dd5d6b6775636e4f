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

/// How much is measured. `none` serves no metrics, `basic` leaves out those of the `batch` processor, and
/// `detailed` adds those of single requests and of the sizes of batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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
    without_type_suffix: Option<bool>,
    without_units: Option<bool>,
}

/// Where Prometheus may scrape, and how the names are written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// `host:port`
    pub address: String,
    pub naming: Naming,
}

/// How a reader writes names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// As they are.
    #[default]
    Plain,
    /// With the unit, and with `_total` on counters. As in the Collector, either key alone asks for both.
    Suffixed,
}

impl MetricsConfig {
    /// Returns the readers. The list is empty if no metrics are served.
    pub fn readers(&self) -> Vec<Reader> {
        match (&self.readers, &self.address) {
            _ if self.level == MetricsLevel::None => Vec::new(),
            (Some(readers), _) => {
                let pulls = readers.iter().filter_map(|reader| reader.pull.as_ref());
                pulls.map(|pull| pull.exporter.prometheus.reader()).collect()
            }
            (None, Some(address)) => {
                vec![Reader { address: address.clone(), naming: Naming::Plain }]
            }
            (None, None) => vec![PrometheusConfig::default().reader()],
        }
    }
}

impl PrometheusConfig {
    fn reader(&self) -> Reader {
        let address = match self.host.contains(':') && !self.host.starts_with('[') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        let is_plain = self.without_type_suffix.unwrap_or(true) && self.without_units.unwrap_or(true);
        let naming = if is_plain { Naming::Plain } else { Naming::Suffixed };
        Reader { address, naming }
    }
}

impl Default for PrometheusConfig {
    fn default() -> PrometheusConfig {
        PrometheusConfig {
            host: "localhost".to_owned(),
            port: 8888,
            with_resource_constant_labels: Unused,
            without_scope_info: Unused,
            without_type_suffix: None,
            without_units: None,
        }
    }
}
