use serde::Deserialize;

use crate::config::{ConfigError, Duration};

/// The keys of the Collector's `file` exporter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    pub path: String,
    /// Without rotation the file grows for ever.
    #[serde(default)]
    pub rotation: Option<RotationConfig>,
    /// Appends to an existing file. Otherwise a file without `rotation` is emptied at the start.
    #[serde(default)]
    pub append: bool,
    #[serde(default)]
    pub format: Format,
    #[serde(default)]
    pub compression: Option<Compression>,
    /// The longest time that a request may wait to be written. Requests never wait, so any value is met.
    #[serde(default = "default_flush_interval")]
    pub flush_interval: Duration,
    /// Creates the folder of `path`, and those above it, if they are missing.
    #[serde(default)]
    pub create_directory: bool,
}

/// When the file becomes a backup, and which backups are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotationConfig {
    /// The size in MiB at which the file becomes a backup. Requests are never cut, so a larger request has a
    /// file of its own.
    pub max_megabytes: u64,
    /// The number of days that a backup is kept; 0 means no limit.
    pub max_days: u32,
    /// The number of backups that are kept; 0 means no limit.
    pub max_backups: usize,
    /// Names backups by local time instead of UTC.
    pub localtime: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// OTLP JSON, one request on each line.
    #[default]
    Json,
    /// OTLP protobuf. Before each request stands its length in bytes, in 4 bytes big-endian.
    Proto,
}

/// The compression. Each request is compressed alone and has its length before it, whatever the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    Zstd,
}

impl Default for RotationConfig {
    fn default() -> RotationConfig {
        RotationConfig { max_megabytes: 100, max_days: 0, max_backups: 100, localtime: false }
    }
}

impl FileConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let must = |holds: bool, key: &str, message: &str| match holds {
            true => Ok(()),
            false => Err(ConfigError::on(key, message)),
        };
        let is_empty = self.rotation.is_some_and(|rotation| rotation.max_megabytes == 0);
        ConfigError::all([
            must(!self.path.is_empty(), "path", "`path` must name a file"),
            must(
                !self.append || self.rotation.is_none(),
                "append",
                "`append` and `rotation` exclude each other: a rotated file is always appended to",
            ),
            must(
                !self.append || self.compression.is_none(),
                "append",
                "`append` and `compression` exclude each other: remove one of them",
            ),
            must(!is_empty, "rotation::max_megabytes", "`rotation.max_megabytes` must be at least 1"),
            must(
                !self.flush_interval.0.is_zero(),
                "flush_interval",
                "`flush_interval` must be longer than 0",
            ),
        ])
    }
}

fn default_flush_interval() -> Duration {
    Duration(std::time::Duration::from_secs(1))
}
