//! The Collector's YAML.

pub mod types;

pub use types::{Duration, Secret};

/// A piece of the config, and where it stands in which file.
#[derive(Clone, Debug, Default)]
pub struct Node {
    value: serde_json::Value,
}

/// What is wrong, where, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    pub message: String,
}

impl ConfigError {
    pub fn new(message: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into() }
    }
}

impl Node {
    /// Reads the node as a `…Config`; unknown keys are refused with the nearest right one.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        serde_json::from_value(self.value.clone()).map_err(|error| ConfigError { message: error.to_string() })
    }
}

impl Node {
    /// For tests.
    pub fn from_json(value: serde_json::Value) -> Node {
        Node { value }
    }
}
