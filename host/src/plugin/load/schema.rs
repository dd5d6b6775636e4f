//! A component's config against the JSON Schema of its plugin, with errors as of any other config.

mod deprecated;
mod describe;
mod effort;
mod outline;
mod violation;

use jsonschema::{
    PatternOptions, ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
    paths::{Location, LocationSegment},
};
use serde_json::{Value, json};

pub use outline::{Key, outline};

use crate::config::{ConfigError, Finding, Node};

/// What `describe` gave as `config-schema`.
#[derive(Debug)]
pub struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

/// The schema itself is wrong: the plugin's mistake, not the config's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its config schema is wrong, which is the plugin's mistake: {0}")]
pub struct SchemaError(String);

const SCHEMA_LIMIT_BYTES: usize = 256 << 10;
const PATTERN_LIMIT_BYTES: usize = 1 << 20;
/// More are not shown.
const FINDINGS_LIMIT: usize = 50;

impl ConfigSchema {
    /// Of draft 2020-12, unless it names another. References lead nowhere outside.
    pub fn new(text: &str) -> Result<ConfigSchema, SchemaError> {
        if text.len() > SCHEMA_LIMIT_BYTES {
            let message = format!("it has {} bytes, and may have {SCHEMA_LIMIT_BYTES}", text.len());
            return Err(SchemaError(message));
        }
        let schema: Value = serde_json::from_str(text).map_err(|error| SchemaError(error.to_string()))?;
        effort::bounded(&schema)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_LIMIT_BYTES);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .offline()
            .build(&schema)
            .map_err(|error| SchemaError(format!("{error} (at `{}`)", error.instance_path())))?;
        Ok(ConfigSchema { schema, validator })
    }

    /// The config as JSON, as the plugin will get it; an error holds everything that is wrong with it.
    ///
    /// As lenient as built-in components: where text is due, `0123` is text; where a map or list is due, nothing is an
    /// empty one. `host_keys` are keys beside the plugin's own, which the config does not hold any more.
    pub fn read(&self, config: &Node, host_keys: &[&str]) -> Result<Value, ConfigError> {
        let mut value = json(config)?;
        for error in self.validator.iter_errors(&value.clone()) {
            self.yield_to(&error, config, &mut value);
        }
        let mut findings = Vec::new();
        for error in self.validator.iter_errors(&value) {
            findings.extend(violation::findings(&error, &self.schema, config, host_keys));
            if findings.len() >= FINDINGS_LIMIT {
                break;
            }
        }
        findings.truncate(FINDINGS_LIMIT);
        ConfigError::from_findings(findings).map(|()| value)
    }

    /// Warnings of the keys in a config that the schema calls `deprecated`.
    pub fn deprecated(&self, config: &Node) -> Vec<Finding> {
        deprecated::findings(&self.schema, config)
    }

    pub fn as_json(&self) -> &Value {
        &self.schema
    }

    /// The keys that a config may have, for people.
    pub fn outline(&self) -> Vec<Key> {
        outline(&self.schema)
    }

    /// Reads a value as the type that is due, where a config may say it so.
    fn yield_to(&self, error: &ValidationError<'_>, config: &Node, value: &mut Value) {
        if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
            error.kind()
        {
            context.iter().flatten().for_each(|error| self.yield_to(error, config, value));
            return;
        }
        let ValidationErrorKind::Type { kind } = error.kind() else { return };
        let due = |name: &str| match kind {
            TypeKind::Single(kind) => kind.as_str() == name,
            TypeKind::Multiple(kinds) => kinds.iter().any(|kind| kind.as_str() == name),
        };
        let node = at(config, error.instance_path());
        let Some(place) = value.pointer_mut(error.instance_path().as_str()) else { return };
        match node.text() {
            // Of a variable that may be a map or a list, too.
            Some(text) if due("string") => *place = json!(text),
            None if place.is_null() && due("object") => *place = json!({}),
            None if place.is_null() && due("array") => *place = json!([]),
            _ => {}
        }
    }
}

/// The config as JSON without a schema to go by.
pub fn json(config: &Node) -> Result<Value, ConfigError> {
    if config.is_null() { Ok(json!({})) } else { config.read() }
}

/// What a plugin's `configure` says of a config: `path` leads to the place, as `keys[2]` or `tls.ca_file`.
pub fn refusal(config: &Node, path: &str, message: &str) -> Finding {
    const LIMIT_CHARS: usize = 1000;
    let message: String = message.chars().take(LIMIT_CHARS).collect();
    let (place, rest) = config.follow(path);
    // The plugin knows the values, and not which of them are secret.
    let message = config.scrub(&message);
    let finding =
        place.finding(if message.is_empty() { "the plugin refuses this".to_owned() } else { message });
    if rest.is_empty() { finding } else { finding.help(format!("it is about `{path}`")) }
}

/// The node that a violation is about.
fn at<'a>(config: &'a Node, path: &Location) -> &'a Node {
    path.segments().fold(config, |node, segment| {
        let next = match &segment {
            LocationSegment::Property(key) => node.get(key),
            LocationSegment::Index(index) => node.items().get(*index),
        };
        next.unwrap_or(node)
    })
}

#[cfg(test)]
mod tests;
