use std::path::PathBuf;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use crate::config::{ConfigError, Duration, filled};

/// The keys of the Collector's `file` exporter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// Relative to the working directory. With `group_by`, its `*` stands for the value of an attribute.
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
    pub compression: Compression,
    #[serde(default)]
    pub compression_params: CompressionParamsConfig,
    /// The longest time that a request may wait to be written. Requests never wait, so any value is met.
    #[serde(default)]
    pub flush_interval: Duration,
    /// Creates the folder of `path`, and those above it, if they are missing.
    #[serde(default)]
    pub create_directory: bool,
    /// The mode of the folders that `create_directory` makes, minus the process's umask.
    #[serde(default, deserialize_with = "mode")]
    pub directory_permissions: Option<Mode>,
    #[serde(default)]
    pub group_by: GroupByConfig,
    /// An extension that encodes, of which Spanloom has none.
    #[serde(default)]
    encoding: Option<IgnoredAny>,
}

/// When the file becomes a backup, and which backups are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotationConfig {
    /// The size in MiB at which the file becomes a backup; 0 means 100. Requests are never cut, so a larger
    /// request has a file of its own.
    max_megabytes: u64,
    /// The number of days that a backup is kept; 0 means no limit.
    pub max_days: u32,
    /// The number of backups that are kept; 0 means no limit.
    pub max_backups: usize,
    /// Names backups by local time instead of UTC.
    pub localtime: bool,
}

/// One file for each value of a resource attribute.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupByConfig {
    pub enabled: bool,
    pub resource_attribute: String,
    /// The number of files that are open at one time. Others are closed, and opened again when they are
    /// written to.
    pub max_open_files: usize,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    #[serde(rename = "")]
    None,
    Zstd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompressionParamsConfig {
    /// The level of zstd; 0 means its default. A level that zstd does not have means the nearest.
    pub level: i32,
}

/// The permissions of a folder, written in octal digits: `0755`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Default for RotationConfig {
    fn default() -> RotationConfig {
        RotationConfig { max_megabytes: 0, max_days: 0, max_backups: 100, localtime: false }
    }
}

impl Default for GroupByConfig {
    fn default() -> GroupByConfig {
        GroupByConfig {
            enabled: false,
            resource_attribute: "fileexporter.path_segment".to_owned(),
            max_open_files: 100,
        }
    }
}

impl RotationConfig {
    /// The size of a file that does not say how large it may become.
    const DEFAULT_MEGABYTES: u64 = 100;

    pub(super) fn max_bytes(&self) -> u64 {
        let megabytes = if self.max_megabytes == 0 { Self::DEFAULT_MEGABYTES } else { self.max_megabytes };
        megabytes.saturating_mul(1 << 20)
    }
}

impl FileConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        let must = |holds: bool, key: &str, message: &str| match holds {
            true => Ok(()),
            false => Err(ConfigError::on(key, message)),
        };
        ConfigError::all([
            must(!self.path.is_empty(), "path", "`path` must name a file"),
            must(
                !self.append || self.rotation.is_none(),
                "append",
                "`append` and `rotation` exclude each other: a rotated file is always appended to",
            ),
            must(
                !self.append || self.compression == Compression::None,
                "append",
                "`append` and `compression` exclude each other: remove one of them",
            ),
            must(
                self.create_directory || self.directory_permissions.is_none(),
                "directory_permissions",
                "`directory_permissions` is for folders that `create_directory: true` makes",
            ),
            must(
                self.encoding.is_none(),
                "encoding",
                "`encoding` names an extension, and Spanloom has none that encodes: set `format` to `json` or `proto`",
            ),
            self.validate_groups(),
        ])
    }

    fn validate_groups(&self) -> Result<(), ConfigError> {
        let GroupByConfig { enabled, resource_attribute, max_open_files } = &self.group_by;
        if !enabled {
            return Ok(());
        }
        let wrong = |key: &str, message: &str| Err(ConfigError::on(key, message));
        match self.path.split_once('*') {
            Some((before, after)) if !before.is_empty() && !after.contains('*') => {}
            _ => {
                return wrong(
                    "path",
                    "`path` must have one `*` behind its first character, because `group_by` is enabled: `./spans/*.json`",
                );
            }
        }
        if resource_attribute.is_empty() {
            return wrong("group_by::resource_attribute", "`resource_attribute` must name an attribute");
        }
        if *max_open_files == 0 {
            return wrong("group_by::max_open_files", "`max_open_files` must be at least 1");
        }
        Ok(())
    }

    /// Returns the mode of new folders, if folders are to be made.
    pub(super) fn new_folders(&self) -> Option<Mode> {
        let makes = self.create_directory || self.group_by.enabled;
        makes.then(|| self.directory_permissions.unwrap_or(Mode(0o755)))
    }

    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(&self.path)
    }
}

/// Reads a mode. An empty text means the same as no key: so the Collector prints it.
fn mode<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Mode>, D::Error> {
    let Some(digits) = filled::<D, String>(from)? else { return Ok(None) };
    match u32::from_str_radix(&digits, 8) {
        Ok(mode) if mode <= 0o777 => Ok(Some(Mode(mode))),
        _ => Err(D::Error::custom(format!("`{digits}` is not a mode of folders: write it as `0755`"))),
    }
}
