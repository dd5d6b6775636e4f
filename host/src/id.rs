//! Names of components: their ids in a config, and their kinds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The id of a component: `type` or `type/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    pub component_type: String,
    pub name: Option<String>,
}

/// The kind of a component, which is the section of a config that the component stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Receiver,
    Processor,
    Exporter,
    Connector,
    Extension,
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector, Kind::Extension];

    /// Returns the key of the kind's section in a config.
    pub fn section(self) -> &'static str {
        match self {
            Kind::Receiver => "receivers",
            Kind::Processor => "processors",
            Kind::Exporter => "exporters",
            Kind::Connector => "connectors",
            Kind::Extension => "extensions",
        }
    }

    /// Returns the kind with its article, such as `an exporter`.
    pub(crate) fn with_article(self) -> String {
        let article = if matches!(self, Kind::Exporter | Kind::Extension) { "an" } else { "a" };
        format!("{article} {self}")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section().trim_end_matches('s'))
    }
}

impl FromStr for ComponentId {
    type Err = String;

    /// Reads an id as the Collector does: the type is a word of up to 63 letters, digits and `_`, and the
    /// name has up to 1,024 bytes.
    fn from_str(text: &str) -> Result<ComponentId, String> {
        let (component_type, name) = match text.split_once('/') {
            Some((component_type, name)) => (component_type.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        let is_word = component_type.len() <= 63
            && component_type.starts_with(|c: char| c.is_ascii_alphabetic())
            && component_type.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if text.trim().is_empty() {
            return Err("the id is empty: write `type` or `type/name`".to_owned());
        }
        if component_type.contains('-') {
            let right = component_type.replace('-', "_");
            return Err(format!("`{text}` is not an id: a type has no `-`; is it `{right}`?"));
        }
        if !is_word {
            return Err(format!("`{text}` is not an id: write `type` or `type/name`, the type a word"));
        }
        if name.is_some_and(|name| name.is_empty() || name.len() > 1024 || name.contains(char::is_control)) {
            return Err(format!("`{text}` is not an id: after the `/` a name of up to 1024 bytes is due"));
        }
        Ok(ComponentId { component_type: component_type.to_owned(), name: name.map(str::to_owned) })
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.component_type),
            None => f.write_str(&self.component_type),
        }
    }
}

impl<'de> Deserialize<'de> for ComponentId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ComponentId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
