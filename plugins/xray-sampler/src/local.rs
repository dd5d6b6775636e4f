//! Rules in the config, in the format of the local rules of X-Ray's SDKs.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use spanloom_plugin::{ConfigError, serde_json};

/// The rules, in the order in which they are tried, and the rule for all other traces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document(pub(crate) Rules);

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    version: u32,
    pub(crate) default: Share,
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    /// Traces a second.
    pub(crate) fixed_target: u32,
    pub(crate) rate: f64,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default = "any")]
    pub(crate) host: String,
    #[serde(default = "any")]
    pub(crate) http_method: String,
    #[serde(default = "any")]
    pub(crate) url_path: String,
    pub(crate) fixed_target: u32,
    pub(crate) rate: f64,
}

const VERSION: u32 = 2;
pub(crate) const MAX_RULES: usize = 1000;

fn any() -> String {
    "*".to_owned()
}

impl Default for Document {
    /// What the SDKs do if they have no rules.
    fn default() -> Document {
        let default = Share { fixed_target: 1, rate: 0.05 };
        Document(Rules { version: VERSION, default, rules: Vec::new() })
    }
}

impl Document {
    /// Checks what types cannot express. The key of the error is below the document.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let Rules { version, default, rules } = &self.0;
        if *version != VERSION {
            let message = "has to be 2; in version 1, rename each `service_name` to `host`";
            return Err(ConfigError::new("version", message));
        }
        if rules.len() > MAX_RULES {
            return Err(ConfigError::new("rules", format!("has to have at most {MAX_RULES} rules")));
        }
        let shares =
            rules.iter().enumerate().map(|(number, rule)| (format!("rules[{number}].rate"), rule.rate));
        for (key, rate) in shares.chain([("default.rate".to_owned(), default.rate)]) {
            if !(0.0..=1.0).contains(&rate) {
                return Err(ConfigError::new(key, "has to be from 0 to 1"));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Document {
    /// Reads a tree, or a JSON text of one.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Document, D::Error> {
        struct TreeOrText;
        impl<'de> Visitor<'de> for TreeOrText {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map with `version`, `default` and `rules`, or the JSON text of one")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Document, E> {
                serde_json::from_str(text).map(Document).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Document, A::Error> {
                Rules::deserialize(MapAccessDeserializer::new(map)).map(Document)
            }
        }
        from.deserialize_any(TreeOrText)
    }
}
