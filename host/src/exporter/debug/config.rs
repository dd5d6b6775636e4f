use serde::Deserialize;

use super::ColorMode;
use crate::config::ConfigError;

/// The Collector's `debug` exporter's keys, and `color`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DebugConfig {
    verbosity: Option<Verbosity>,
    /// What `verbosity` was in the `logging` exporter.
    pub loglevel: Option<LogLevel>,
    /// Batches shown in each second before sampling begins.
    pub sampling_initial: u64,
    /// Of the batches after those, every so many-th is shown: 1 all, 0 none.
    pub sampling_thereafter: u64,
    /// Accepted from the Collector's configs; what passes always goes to standard output.
    pub use_internal_logger: bool,
    pub color: ColorMode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// A line a batch.
    #[default]
    Basic,
    /// A line a span, data point or log record.
    Normal,
    /// Every field.
    Detailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl Default for DebugConfig {
    fn default() -> DebugConfig {
        DebugConfig {
            verbosity: None,
            loglevel: None,
            sampling_initial: 2,
            sampling_thereafter: 1,
            use_internal_logger: true,
            color: ColorMode::Auto,
        }
    }
}

impl DebugConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        match (self.verbosity, self.loglevel) {
            (Some(_), Some(_)) => {
                Err(ConfigError::on("loglevel", "`loglevel` is the old name of `verbosity`: remove it"))
            }
            _ => Ok(()),
        }
    }

    pub fn verbosity(&self) -> Verbosity {
        match (self.verbosity, self.loglevel) {
            (Some(verbosity), _) => verbosity,
            (None, Some(LogLevel::Debug)) => Verbosity::Detailed,
            (None, _) => Verbosity::Basic,
        }
    }
}
