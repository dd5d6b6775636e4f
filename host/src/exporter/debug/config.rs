use serde::Deserialize;

use super::ColorMode;
use crate::{component::SendingSettings, config::ConfigError, sending::QueueConfig};

/// The keys of the Collector's `debug` exporter, and `format` and `color`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DebugConfig {
    verbosity: Option<Verbosity>,
    /// The key that the `logging` exporter had instead of `verbosity`.
    pub loglevel: Option<LogLevel>,
    /// The number of batches of a signal in each second that are shown before sampling begins.
    pub sampling_initial: u64,
    /// After those, one batch in this many is shown: 1 shows all, 0 none.
    pub sampling_thereafter: u64,
    /// Whether the output is lines of the log, as `service.telemetry.logs` has them. If not, it goes to `output_paths` as
    /// it is.
    pub use_internal_logger: bool,
    /// Paths of files, `stdout` or `stderr`; standard output, if empty.
    pub output_paths: Vec<String>,
    /// Without this section there is no queue.
    pub sending_queue: Option<QueueConfig>,
    pub format: Format,
    /// When `format: pretty` uses colour.
    pub color: ColorMode,
}

/// How the output looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As the Collector prints it.
    #[default]
    Collector,
    /// Tables, trees and colours on standard output, for people at a terminal.
    Pretty,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// One line for each batch.
    #[default]
    Basic,
    /// One line for each span, data point or log record.
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
            output_paths: Vec::new(),
            sending_queue: None,
            format: Format::Collector,
            color: ColorMode::Auto,
        }
    }
}

impl DebugConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: &str| Err(ConfigError::on(key, message));
        ConfigError::all([
            match (self.verbosity, self.loglevel) {
                (Some(_), Some(_)) => {
                    wrong("loglevel", "`loglevel` is the old name of `verbosity`: remove it")
                }
                _ => Ok(()),
            },
            match self.use_internal_logger && !self.output_paths.is_empty() {
                true => wrong(
                    "output_paths",
                    "`output_paths` is for `use_internal_logger: false`: else the output goes where the log goes",
                ),
                false => Ok(()),
            },
            self.sending().map(drop),
        ])
    }

    /// Returns the settings of the queue, which has neither a timeout nor retries.
    pub fn sending(&self) -> Result<SendingSettings, ConfigError> {
        let queue = self.sending_queue.as_ref().map(QueueConfig::settings).transpose()?;
        Ok(SendingSettings { queue: queue.flatten(), ..SendingSettings::direct() })
    }

    /// Returns whether the output is lines of the log.
    pub fn is_of_log(&self) -> bool {
        self.use_internal_logger && self.format == Format::Collector
    }

    pub fn verbosity(&self) -> Verbosity {
        match (self.verbosity, self.loglevel) {
            (Some(verbosity), _) => verbosity,
            (None, Some(LogLevel::Debug)) => Verbosity::Detailed,
            (None, _) => Verbosity::Basic,
        }
    }
}
