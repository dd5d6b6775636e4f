//! The daemon's `cfg.yaml`.

use serde::Deserialize;

use super::XrayDaemonArgs;
use crate::{
    aws::endpoint,
    config::{ConfigError, Finding, Unused, filled},
    server,
};

/// The keys of versions 1 and 2, which are the same, and below them the flags. A key that is empty or 0 is not set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct CfgConfig {
    version: Option<u32>,
    #[serde(rename = "TotalBufferSizeMB")]
    pub(super) total_buffer_size_mb: u32,
    pub(super) concurrency: u32,
    #[serde(deserialize_with = "filled")]
    pub(super) region: Option<String>,
    #[serde(deserialize_with = "filled")]
    pub(super) endpoint: Option<String>,
    pub(super) socket: SocketConfig,
    pub(super) logging: LoggingConfig,
    pub(super) local_mode: bool,
    #[serde(rename = "ResourceARN", deserialize_with = "filled")]
    pub(super) resource_arn: Option<String>,
    #[serde(rename = "RoleARN", deserialize_with = "filled")]
    pub(super) role_arn: Option<String>,
    #[serde(rename = "NoVerifySSL")]
    pub(super) no_verify_ssl: bool,
    #[serde(deserialize_with = "filled")]
    pub(super) proxy_address: Option<String>,
    /// Timeouts of the daemon's own HTTP server, which it does not read either.
    #[serde(rename = "ProxyServer")]
    proxy_server: Unused,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SocketConfig {
    #[serde(rename = "UDPAddress", deserialize_with = "filled")]
    pub(super) udp_address: Option<String>,
    #[serde(rename = "TCPAddress", deserialize_with = "filled")]
    pub(super) tcp_address: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct LoggingConfig {
    log_rotation: Option<bool>,
    pub(super) log_level: Level,
    #[serde(deserialize_with = "filled")]
    pub(super) log_path: Option<String>,
}

/// The daemon's levels, of which two are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Dev,
    Debug,
    Info,
    Warn,
    Error,
    #[default]
    Prod,
}

impl CfgConfig {
    /// Checks what only a file has.
    pub(super) fn validate_file(&self) -> Result<(), ConfigError> {
        match self.version {
            Some(1 | 2) => Ok(()),
            Some(_) => Err(ConfigError::on("Version", "Version: must be 1 or 2")),
            None => Err(ConfigError::new("the daemon's config has no version: write `Version: 2`")),
        }
    }

    /// Checks what a file and the flags come to. The errors name the file's key and the flag, since the config of
    /// Spanloom that they come to has other keys.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let places = [
            ("Socket.UDPAddress, --bind", &self.socket.udp_address),
            ("Socket.TCPAddress, --bind-tcp", &self.socket.tcp_address),
        ];
        let addresses = places.map(|(keys, address)| {
            check(keys, address, server::has_port, "is not host:port, as 127.0.0.1:2000 is")
        });
        let rest = [
            match self.total_buffer_size_mb {
                1 | 2 => refused("TotalBufferSizeMB, --buffer-memory", "3 MB or more are needed"),
                _ => Ok(()),
            },
            match &self.proxy_address {
                Some(proxy) => refused(
                    "ProxyAddress, --proxy-address",
                    &format!(
                        "Spanloom does not send segments through a proxy ({proxy}); leave it out where X-Ray can be \
                         reached directly, as by a VPC endpoint"
                    ),
                ),
                None => Ok(()),
            },
            check("Region, --region", &self.region, endpoint::is_name, "is no region, as us-east-1 is one"),
            check("RoleARN, --role-arn", &self.role_arn, is_arn, "does not begin with `arn:`"),
            check("Endpoint", &self.endpoint, is_endpoint, "is not a URL, as https://host is one"),
        ];
        ConfigError::all(addresses.into_iter().chain(rest))
    }

    /// Puts the flags over the file.
    pub(super) fn put_over(&mut self, flags: &XrayDaemonArgs) {
        let put = |key: &mut Option<String>, flag: &Option<String>| {
            if flag.as_ref().is_some_and(|text| !text.is_empty()) {
                key.clone_from(flag);
            }
        };
        put(&mut self.region, &flags.region);
        put(&mut self.resource_arn, &flags.resource_arn);
        put(&mut self.role_arn, &flags.role_arn);
        put(&mut self.proxy_address, &flags.proxy_address);
        put(&mut self.socket.udp_address, &flags.bind);
        put(&mut self.socket.tcp_address, &flags.bind_tcp);
        put(&mut self.logging.log_path, &flags.log_file);
        self.local_mode = flags.local_mode.unwrap_or(self.local_mode);
        self.total_buffer_size_mb = flags.buffer_memory.unwrap_or(self.total_buffer_size_mb);
        self.logging.log_level = flags.log_level.unwrap_or(self.logging.log_level);
    }

    /// Returns what has no effect.
    pub(super) fn doubts(&self) -> Vec<Finding> {
        if self.logging.log_path.is_none() || self.logging.log_rotation == Some(false) {
            return Vec::new();
        }
        let doubt =
            Finding::new("the log's file is not rotated: it grows until logrotate or the like takes it away");
        vec![doubt.help("`Logging: {LogRotation: false}` says that this is meant")]
    }
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

fn is_endpoint(text: &str) -> bool {
    endpoint::parse("Endpoint", text).is_ok()
}

/// Refuses a value that does not pass the test. `keys` are the file's key and the flag.
fn check(
    keys: &str,
    value: &Option<String>,
    passes: impl Fn(&str) -> bool,
    wrong: &str,
) -> Result<(), ConfigError> {
    match value {
        Some(text) if !passes(text) => refused(keys, &format!("{text:?} {wrong}")),
        _ => Ok(()),
    }
}

fn refused(keys: &str, why: &str) -> Result<(), ConfigError> {
    Err(ConfigError::new(format!("{keys}: {why}")))
}
