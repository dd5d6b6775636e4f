//! `service.telemetry.logs`: how much is logged, in which form, and where.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::{Duration, Unused};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogsConfig {
    pub level: LogLevel,
    pub encoding: LogEncoding,
    /// Paths of files, `stdout` or `stderr`. Each gets every line.
    pub output_paths: Vec<String>,
    /// The same for the messages that a line could not be written.
    pub error_output_paths: Vec<String>,
    /// Fields of every line.
    pub initial_fields: BTreeMap<String, serde_json::Value>,
    /// Unset, every line is written.
    pub sampling: Option<SamplingConfig>,
    pub development: Unused,
    pub processors: Unused,
    /// No line names its caller, has a stack trace, or repeats the resource, so these three are always met.
    pub disable_caller: bool,
    pub disable_stacktrace: bool,
    pub disable_zap_resource: bool,
}

/// Thins the log out. Within a tick, the first `initial` lines of one place of the code are written, and then
/// every `thereafter`-th; with 0, none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    pub enabled: bool,
    pub tick: Duration,
    pub initial: u64,
    pub thereafter: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    #[default]
    Info,
    #[serde(alias = "warning")]
    Warn,
    /// The Collector's higher levels mean the same: Spanloom has nothing more severe to say.
    #[serde(alias = "dpanic", alias = "panic", alias = "fatal")]
    Error,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogEncoding {
    #[default]
    Console,
    Json,
}

impl Default for LogsConfig {
    fn default() -> LogsConfig {
        let stderr = || vec!["stderr".to_owned()];
        LogsConfig {
            level: LogLevel::default(),
            encoding: LogEncoding::default(),
            output_paths: stderr(),
            error_output_paths: stderr(),
            initial_fields: BTreeMap::new(),
            sampling: None,
            development: Unused,
            processors: Unused,
            disable_caller: false,
            disable_stacktrace: false,
            disable_zap_resource: false,
        }
    }
}

impl Default for SamplingConfig {
    fn default() -> SamplingConfig {
        SamplingConfig { enabled: true, tick: Duration::from_secs(10), initial: 10, thereafter: 100 }
    }
}
