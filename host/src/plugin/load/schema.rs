//! Checks a component's config against the JSON Schema of its plugin. The errors look like those of any other
//! config.

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

/// The schema that `describe` returned as `config-schema`.
#[derive(Debug)]
pub struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

/// The schema itself is wrong. This is the plugin's mistake, not the config's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its config schema is wrong, which is the plugin's mistake: {0}")]
pub struct SchemaError(String);

const SCHEMA_LIMIT_BYTES: usize = 256 << 10;
const PATTERN_LIMIT_BYTES: usize = 1 << 20;
/// The number of findings that are shown.
const FINDINGS_LIMIT: usize = 50;

impl ConfigSchema {
    /// Compiles a schema of draft 2020-12, or of the draft that it names. References may not lead outside of
    /// the schema.
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

    /// Returns the config as JSON, as the plugin will get it. The error holds everything that is wrong with
    /// the config.
    ///
    /// This is as lenient as for built-in components: where text is expected, `0123` is text; where a list of
    /// texts is expected, `a,b` is one; where a map is expected, a list of `name` and `value` is one; where a map
    /// or a list is expected, a key without a value is an empty one, and elsewhere it is as if it were not there. `host_keys` are keys beside the plugin's own; the
    /// config no longer holds them.
    pub fn read(&self, config: &Node, host_keys: &[&str]) -> Result<Value, ConfigError> {
        let mut value = json(config)?;
        let mut absent = Vec::new();
        for error in self.validator.iter_errors(&value.clone()) {
            self.yield_to(&error, config, &mut value, &mut absent);
        }
        absent.iter().for_each(|path| remove(&mut value, path));
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

    /// Returns a warning for each key in a config that the schema calls `deprecated`.
    pub fn deprecated(&self, config: &Node) -> Vec<Finding> {
        deprecated::findings(&self.schema, config)
    }

    pub fn as_json(&self) -> &Value {
        &self.schema
    }

    /// Returns the keys that a config may have, for people.
    pub fn outline(&self) -> Vec<Key> {
        outline(&self.schema)
    }

    /// Changes a value to the expected type, where a config may write it so. Keys that have no value and need
    /// one are added to `absent`.
    fn yield_to(
        &self,
        error: &ValidationError<'_>,
        config: &Node,
        value: &mut Value,
        absent: &mut Vec<Location>,
    ) {
        if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
            error.kind()
        {
            context.iter().flatten().for_each(|error| self.yield_to(error, config, value, absent));
            return;
        }
        let node = at(config, error.instance_path());
        let Some(place) = value.pointer_mut(error.instance_path().as_str()) else { return };
        let due = |name: &str| match error.kind() {
            ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => kind.as_str() == name,
            ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
                kinds.iter().any(|kind| kind.as_str() == name)
            }
            _ => false,
        };
        match node.text() {
            // The text may be from a variable whose value is a map or a list.
            Some(text) if due("string") => *place = json!(text),
            // So the Collector prints a word that nobody set.
            Some("") if matches!(error.kind(), ValidationErrorKind::Enum { .. }) => {
                absent.push(error.instance_path().clone());
            }
            Some(text) if due("array") && place.is_string() => {
                *place = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
            }
            None if place.is_null() && due("object") => *place = json!({}),
            None if place.is_array() && due("object") => {
                if let Some(map) = named_values(node) {
                    *place = map;
                }
            }
            None if place.is_null() && due("array") => *place = json!([]),
            None if place.is_null() => absent.push(error.instance_path().clone()),
            _ => {}
        }
    }
}

/// Returns the map that a list of `name` and `value` means, as the Collector writes headers. Returns `None` if it
/// is another list.
fn named_values(list: &Node) -> Option<Value> {
    let entry = |item: &Node| {
        let is_pair = item.entries().iter().all(|entry| matches!(entry.key.as_str(), "name" | "value"));
        let value = item.get("value").and_then(Node::text).unwrap_or_default();
        is_pair.then_some(())?;
        Some((item.get("name")?.text()?.to_owned(), json!(value)))
    };
    let entries: Option<serde_json::Map<String, Value>> = list.items().iter().map(entry).collect();
    entries.map(Value::Object)
}

/// Returns the config as JSON, for a plugin without a schema. A whole number is written as one, also if the config
/// writes it as `1e3` or `5.0`, because readers of JSON tell them apart.
pub fn json(config: &Node) -> Result<Value, ConfigError> {
    if config.is_null() {
        return Ok(json!({}));
    }
    let mut value = config.read()?;
    whole_numbers(&mut value);
    Ok(value)
}

fn whole_numbers(value: &mut Value) {
    // Above this, not every whole number has a float of its own.
    const EXACT: f64 = (1_u64 << 53) as f64;
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
            if let Some(whole) = whole {
                *number = (whole as i64).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Returns the finding for a plugin's refusal of a config. `path` names the place, such as `keys[2]` or
/// `tls.ca_file`.
pub fn refusal(config: &Node, path: &str, message: &str) -> Finding {
    const LIMIT_CHARS: usize = 1000;
    let message: String = message.chars().take(LIMIT_CHARS).collect();
    let (place, rest) = config.follow(path);
    // The plugin knows the values, but not which of them are secret.
    let message = config.scrub(&message);
    let finding =
        place.finding(if message.is_empty() { "the plugin refuses this".to_owned() } else { message });
    if rest.is_empty() { finding } else { finding.help(format!("it is about `{path}`")) }
}

/// Removes a key of a map. An item of a list stays.
fn remove(value: &mut Value, path: &Location) {
    let Some((parent, _)) = path.as_str().rsplit_once('/') else { return };
    if let Some(LocationSegment::Property(key)) = path.segments().last()
        && let Some(Value::Object(map)) = value.pointer_mut(parent)
    {
        map.remove(key.as_ref());
    }
}

/// Returns the node that a violation is about.
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
