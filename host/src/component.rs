//! Component kinds and factories: how the names in a config become the parts of a pipeline.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use wire::Signal;

use crate::{
    config::{ConfigError, Node},
    exporter::Exporter,
    extension::{BuiltExtension, Extensions},
    receiver::Receiver,
    sending::SendingSettings,
    telemetry::Telemetry,
};

/// `type` or `type/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    pub kind: String,
    pub name: Option<String>,
}

/// What a factory may use to build a component.
pub struct BuildContext<'a> {
    pub id: &'a ComponentId,
    pub telemetry: &'a Arc<Telemetry>,
    pub extensions: &'a Extensions,
}

/// The sections that components stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Receiver,
    Processor,
    Exporter,
    Connector,
    Extension,
}

/// How much may still change for the users of a type of component; the Collector's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    Alpha,
    Beta,
    Stable,
}

/// A type of receiver, as a config names it.
pub trait ReceiverFactory: Sync {
    /// The type's name, then its older spellings.
    fn names(&self) -> &'static [&'static str];
    fn signals(&self) -> &'static [Signal];
    fn stability(&self) -> Stability {
        Stability::Alpha
    }
    /// Checks the config without building.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<Box<dyn Receiver>, ConfigError>;
}

/// A type of exporter, as a config names it.
pub trait ExporterFactory: Sync {
    /// The type's name, then its older spellings.
    fn names(&self) -> &'static [&'static str];
    fn signals(&self) -> &'static [Signal];
    fn stability(&self) -> Stability {
        Stability::Alpha
    }
    /// Checks the config without building.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError>;
}

/// An exporter and how it wants to be fed.
pub struct BuiltExporter {
    pub exporter: Arc<dyn Exporter>,
    pub sending: SendingSettings,
}

/// A type of extension, as a config names it.
pub trait ExtensionFactory: Sync {
    /// The type's name, then its older spellings.
    fn names(&self) -> &'static [&'static str];
    fn stability(&self) -> Stability {
        Stability::Alpha
    }
    /// Checks the config without building.
    fn check(&self, config: &Node) -> Result<(), ConfigError>;
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError>;
}

/// Every type of component that this binary has.
#[derive(Default)]
pub struct Registry {
    pub receivers: Vec<&'static dyn ReceiverFactory>,
    pub exporters: Vec<&'static dyn ExporterFactory>,
    pub extensions: Vec<&'static dyn ExtensionFactory>,
}

/// A type of component, without what it does.
#[derive(Clone, Copy, Debug)]
pub struct ComponentType {
    pub kind: Kind,
    pub names: &'static [&'static str],
    /// Empty for extensions.
    pub signals: &'static [Signal],
    pub stability: Stability,
}

impl Registry {
    /// The types of one kind; none of processors and connectors yet.
    pub fn types(&self, kind: Kind) -> Vec<ComponentType> {
        match kind {
            Kind::Receiver => self
                .receivers
                .iter()
                .map(|f| ComponentType {
                    kind,
                    names: f.names(),
                    signals: f.signals(),
                    stability: f.stability(),
                })
                .collect(),
            Kind::Exporter => self
                .exporters
                .iter()
                .map(|f| ComponentType {
                    kind,
                    names: f.names(),
                    signals: f.signals(),
                    stability: f.stability(),
                })
                .collect(),
            Kind::Extension => self
                .extensions
                .iter()
                .map(|f| ComponentType { kind, names: f.names(), signals: &[], stability: f.stability() })
                .collect(),
            Kind::Processor | Kind::Connector => Vec::new(),
        }
    }

    pub fn find(&self, kind: Kind, name: &str) -> Option<ComponentType> {
        self.types(kind).into_iter().find(|known| known.names.contains(&name))
    }

    pub fn receiver(&self, name: &str) -> Option<&'static dyn ReceiverFactory> {
        self.receivers.iter().copied().find(|factory| factory.names().contains(&name))
    }

    pub fn exporter(&self, name: &str) -> Option<&'static dyn ExporterFactory> {
        self.exporters.iter().copied().find(|factory| factory.names().contains(&name))
    }

    pub fn extension(&self, name: &str) -> Option<&'static dyn ExtensionFactory> {
        self.extensions.iter().copied().find(|factory| factory.names().contains(&name))
    }

    /// What the type says of a config; nothing if there is no such type.
    pub fn check(&self, kind: Kind, name: &str, config: &Node) -> Result<(), ConfigError> {
        let outcome = match kind {
            Kind::Receiver => self.receiver(name).map(|factory| factory.check(config)),
            Kind::Exporter => self.exporter(name).map(|factory| factory.check(config)),
            Kind::Extension => self.extension(name).map(|factory| factory.check(config)),
            Kind::Processor | Kind::Connector => None,
        };
        outcome.unwrap_or(Ok(())).map_err(|error| error.within(config))
    }
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector, Kind::Extension];

    /// The key of its section in a config.
    pub fn section(self) -> &'static str {
        match self {
            Kind::Receiver => "receivers",
            Kind::Processor => "processors",
            Kind::Exporter => "exporters",
            Kind::Connector => "connectors",
            Kind::Extension => "extensions",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section().trim_end_matches('s'))
    }
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stability::Alpha => "alpha",
            Stability::Beta => "beta",
            Stability::Stable => "stable",
        })
    }
}

impl FromStr for ComponentId {
    type Err = String;

    /// As the Collector reads it: the type is a word of up to 63 letters, digits and `_`, the name any 1,024 characters.
    fn from_str(text: &str) -> Result<ComponentId, String> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        let is_word = kind.len() <= 63
            && kind.starts_with(|c: char| c.is_ascii_alphabetic())
            && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word {
            return Err(format!("`{text}` is not an id: write `type` or `type/name`, the type a word"));
        }
        if name.is_some_and(|name| name.is_empty() || name.len() > 1024 || name.contains(char::is_control)) {
            return Err(format!("`{text}` is not an id: after the `/` a name of up to 1024 bytes is due"));
        }
        Ok(ComponentId { kind: kind.to_owned(), name: name.map(str::to_owned) })
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

impl<'de> Deserialize<'de> for ComponentId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ComponentId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
