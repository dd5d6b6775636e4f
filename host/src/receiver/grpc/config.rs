//! The keys of a port for gRPC: those of the Collector's `configgrpc`.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    config::{self, ConfigError, Unused},
    receiver::http::{
        AuthConfig, MAX_REQUEST_BYTES, MiddlewareConfig, READ_TIMEOUT, given, nonzero, validate_place,
    },
    server::{KeepaliveSettings, ServerSettings},
    tls::server::ServerTlsConfig,
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcConfig {
    /// `host:port`, or the path of a Unix socket. `None` stands for the default of the receiver.
    #[serde(deserialize_with = "given")]
    pub endpoint: Option<String>,
    /// `tcp`, `tcp4`, `tcp6` or `unix`.
    pub transport: String,
    pub tls: Option<ServerTlsConfig>,
    pub auth: Option<AuthConfig>,
    pub keepalive: KeepaliveConfig,
    /// The largest message, after decompression.
    pub max_recv_msg_size_mib: usize,
    /// For each connection; 0 is the default.
    pub max_concurrent_streams: u32,
    /// Ours: how long a request may take to arrive; 0 is the default.
    pub read_timeout: config::Duration,
    /// Keep the headers of each request, for plugins that ask for them.
    pub include_metadata: bool,
    pub read_buffer_size: Unused,
    pub write_buffer_size: Unused,
    pub dialer: Unused,
    pub middlewares: Vec<MiddlewareConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeepaliveConfig {
    pub server_parameters: ServerParametersConfig,
    pub enforcement_policy: Unused,
}

/// Unset or 0 is the default: idle for 30m (the Collector: for ever), age without end, a ping after 2h, 20s
/// for its answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerParametersConfig {
    pub max_connection_idle: Option<config::Duration>,
    pub max_connection_age: Option<config::Duration>,
    pub max_connection_age_grace: Option<config::Duration>,
    pub time: Option<config::Duration>,
    pub timeout: Option<config::Duration>,
}

impl Default for GrpcConfig {
    fn default() -> GrpcConfig {
        GrpcConfig {
            endpoint: None,
            transport: "tcp".to_owned(),
            tls: None,
            auth: None,
            keepalive: KeepaliveConfig::default(),
            max_recv_msg_size_mib: MAX_REQUEST_BYTES >> 20,
            max_concurrent_streams: 0,
            read_timeout: config::Duration(READ_TIMEOUT),
            include_metadata: false,
            read_buffer_size: Unused,
            write_buffer_size: Unused,
            dialer: Unused,
            middlewares: Vec::new(),
        }
    }
}

impl GrpcConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            validate_place(self.endpoint.as_deref(), &self.transport),
            self.tls.as_ref().map_or(Ok(()), ServerTlsConfig::validate),
        ])
    }

    /// Returns the size of the largest message, after decompression.
    pub fn limit_bytes(&self) -> usize {
        match self.max_recv_msg_size_mib {
            0 => MAX_REQUEST_BYTES,
            mib => mib.saturating_mul(1 << 20),
        }
    }

    pub fn read_timeout(&self) -> Duration {
        nonzero(Some(self.read_timeout)).unwrap_or(READ_TIMEOUT)
    }

    pub fn server_settings(&self) -> ServerSettings {
        let mut settings = ServerSettings::default();
        if self.max_concurrent_streams > 0 {
            settings.max_concurrent_streams = self.max_concurrent_streams;
        }
        let configured = &self.keepalive.server_parameters;
        let unset = settings.keepalive;
        settings.keepalive = KeepaliveSettings {
            time: nonzero(configured.time).unwrap_or(unset.time),
            timeout: nonzero(configured.timeout).unwrap_or(unset.timeout),
            max_connection_idle: nonzero(configured.max_connection_idle).or(unset.max_connection_idle),
            max_connection_age: nonzero(configured.max_connection_age),
            max_connection_age_grace: nonzero(configured.max_connection_age_grace),
        };
        settings
    }
}
