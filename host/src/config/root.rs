//! The sections of a config.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};
use wire::Signal;

use super::{
    ConfigError, Duration, Finding, Node, admin::AdminConfig, nearest::did_you_mean,
    telemetry::TelemetryConfig,
};
use crate::id::{ComponentId, Kind};

/// A whole config. The configs of the components are still nodes, which their factories read.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub receivers: BTreeMap<ComponentId, Node>,
    pub processors: BTreeMap<ComponentId, Node>,
    pub exporters: BTreeMap<ComponentId, Node>,
    pub connectors: BTreeMap<ComponentId, Node>,
    pub extensions: BTreeMap<ComponentId, Node>,
    /// The plugins' configs by plugin name, which becomes a component type. The configs are not checked here.
    pub plugins: BTreeMap<String, Node>,
    pub service: ServiceConfig,
    /// The tree that the config was read from. It gives later findings their places.
    pub(crate) root: Node,
}

/// The section `service`: which of the defined components run, and how.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    pub extensions: Vec<ComponentId>,
    pub pipelines: BTreeMap<PipelineId, PipelineConfig>,
    pub telemetry: TelemetryConfig,
    pub admin: AdminConfig,
    /// The longest time that a drain may take. Items that are left then are dropped and counted. This key is
    /// Spanloom's, not the Collector's.
    pub shutdown_timeout: Duration,
    /// The resident memory that the process may use. Unset, it is nine tenths of the container's limit, if
    /// there is one. Near the limit, requests are refused. This key is Spanloom's, not the Collector's.
    pub memory_limit_mib: Option<MemoryLimitMib>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineConfig {
    pub receivers: Vec<ComponentId>,
    pub processors: Vec<ComponentId>,
    pub exporters: Vec<ComponentId>,
}

/// The id of a pipeline: `traces`, or `traces/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipelineId {
    pub signal: Signal,
    pub name: Option<String>,
}

/// A memory limit that is large enough to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimitMib(pub usize);

/// The name of a plugin, which becomes a component type: an id without `/name`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct PluginName(String);

const SECTIONS: [&str; 7] =
    ["receivers", "processors", "exporters", "connectors", "extensions", "plugins", "service"];
const SERVICE_KEYS: [&str; 6] =
    ["extensions", "pipelines", "telemetry", "admin", "shutdown_timeout", "memory_limit_mib"];

impl Config {
    /// Reads every section, and returns what is wrong with the sections. Does not check whether components
    /// and plugins exist, nor whether their own configs are right.
    pub fn read(root: &Node) -> (Config, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut section = |kind: Kind| section(root, kind, &mut findings);
        let mut config = Config {
            receivers: section(Kind::Receiver),
            processors: section(Kind::Processor),
            exporters: section(Kind::Exporter),
            connectors: section(Kind::Connector),
            extensions: section(Kind::Extension),
            plugins: BTreeMap::new(),
            service: ServiceConfig::default(),
            root: root.clone(),
        };
        if let Some(service) = root.get("service") {
            config.service = read_service(service, &mut findings);
        }
        if let Some(plugins) = root.get("plugins") {
            let entries = entries(plugins, "names", &mut findings);
            config.plugins = entries.into_iter().map(|(PluginName(name), node)| (name, node)).collect();
        }
        findings.extend(unknown_keys(root, &SECTIONS));
        (config, findings)
    }

    /// Returns the node that holds the config of a plugin.
    pub(crate) fn plugin_node(&self, name: &str) -> Option<&Node> {
        self.root.get("plugins")?.get(name)
    }

    pub fn components(&self, kind: Kind) -> &BTreeMap<ComponentId, Node> {
        match kind {
            Kind::Receiver => &self.receivers,
            Kind::Processor => &self.processors,
            Kind::Exporter => &self.exporters,
            Kind::Connector => &self.connectors,
            Kind::Extension => &self.extensions,
        }
    }
}

impl Default for ServiceConfig {
    fn default() -> ServiceConfig {
        ServiceConfig {
            extensions: Vec::new(),
            pipelines: BTreeMap::new(),
            telemetry: TelemetryConfig::default(),
            admin: AdminConfig::default(),
            shutdown_timeout: Duration::from_secs(30),
            memory_limit_mib: None,
        }
    }
}

fn section(root: &Node, kind: Kind, findings: &mut Vec<Finding>) -> BTreeMap<ComponentId, Node> {
    let Some(section) = root.get(kind.section()) else { return BTreeMap::new() };
    entries(section, "ids", findings)
}

/// Reads a map whose keys are ids. `keys` is the word for the keys in messages.
fn entries<Id: FromStr<Err: fmt::Display> + Ord>(
    section: &Node,
    keys: &str,
    findings: &mut Vec<Finding>,
) -> BTreeMap<Id, Node> {
    if !section.is_map() && !section.is_null() {
        findings.push(section.finding(format!("expected a map of {keys}, found {}", section.describe())));
    }
    let mut known = BTreeMap::new();
    for entry in section.entries() {
        match entry.key.parse::<Id>() {
            Ok(id) => {
                known.insert(id, entry.node.clone());
            }
            Err(error) => {
                let message = match section.hides_keys() {
                    Some(outside) => {
                        format!("a key in the value of `{}` is none of the {keys}", outside.written)
                    }
                    None => error.to_string(),
                };
                findings.push(Finding::new(message).at(entry.key_at.clone(), section.path().clone()));
            }
        }
    }
    known
}

fn read_service(service: &Node, findings: &mut Vec<Finding>) -> ServiceConfig {
    if !service.is_map() && !service.is_null() {
        findings.push(service.finding(format!("expected a map of keys, found {}", service.describe())));
    }
    findings.extend(unknown_keys(service, &SERVICE_KEYS));
    let defaults = ServiceConfig::default();
    let pipelines = service.get("pipelines").map(|node| entries(node, "ids", findings)).unwrap_or_default();
    ServiceConfig {
        extensions: read_key(service, "extensions", findings).unwrap_or(defaults.extensions),
        pipelines: pipelines
            .into_iter()
            .filter_map(|(id, node)| Some((id, keep(node.read(), findings)?)))
            .collect(),
        telemetry: read_key(service, "telemetry", findings).unwrap_or(defaults.telemetry),
        admin: read_key(service, "admin", findings).unwrap_or(defaults.admin),
        shutdown_timeout: read_key(service, "shutdown_timeout", findings)
            .unwrap_or(defaults.shutdown_timeout),
        memory_limit_mib: read_key(service, "memory_limit_mib", findings),
    }
}

fn read_key<T: serde::de::DeserializeOwned>(
    node: &Node,
    key: &str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    node.get(key).and_then(|node| keep(node.read(), findings))
}

fn keep<T>(outcome: Result<T, ConfigError>, findings: &mut Vec<Finding>) -> Option<T> {
    outcome.map_err(|error| findings.extend(error.into_findings())).ok()
}

fn unknown_keys(node: &Node, known: &[&str]) -> Vec<Finding> {
    let unknown = node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str()));
    unknown.map(|entry| node.unknown_key(entry, known)).collect()
}

impl MemoryLimitMib {
    /// The least limit: enough to start with the built-in plugins and to accept requests.
    const LEAST: usize = 100;
}

impl<'de> Deserialize<'de> for MemoryLimitMib {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<MemoryLimitMib, D::Error> {
        match usize::deserialize(from)? {
            mib @ MemoryLimitMib::LEAST.. => Ok(MemoryLimitMib(mib)),
            mib => Err(D::Error::custom(format!(
                "{mib} MiB are too little to run in: at least {}, or no key for the container's own limit",
                MemoryLimitMib::LEAST
            ))),
        }
    }
}

impl FromStr for PluginName {
    type Err = String;

    fn from_str(text: &str) -> Result<PluginName, String> {
        match text.parse() {
            Ok(ComponentId { component_type, name: None }) => Ok(PluginName(component_type)),
            _ => Err(format!(
                "`{text}` is not a valid plugin name: it becomes a component type, a word of letters, digits and `_`"
            )),
        }
    }
}

impl FromStr for PipelineId {
    type Err = String;

    fn from_str(text: &str) -> Result<PipelineId, String> {
        let id: ComponentId = text.parse()?;
        let signal = match id.component_type.as_str() {
            "traces" => Signal::Traces,
            "metrics" => Signal::Metrics,
            "logs" => Signal::Logs,
            other => {
                let hint = did_you_mean(other, ["traces", "metrics", "logs"]);
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                return Err(format!(
                    "a pipeline is called `traces`, `metrics` or `logs`, or one of them with a name \
                     (`traces/slow`); `{text}` is not{hint}"
                ));
            }
        };
        Ok(PipelineId { signal, name: id.name })
    }
}

impl fmt::Display for PipelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.signal),
            None => write!(f, "{}", self.signal),
        }
    }
}

impl<'de> Deserialize<'de> for PipelineId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<PipelineId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
