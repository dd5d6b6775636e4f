//! The keys of a port for messages over TCP.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use crate::{
    config::{self, ConfigError},
    receiver::http::{must, nonzero, validate_place},
    server::Connections,
    tls::server::ServerTlsConfig,
};

/// The largest message if the config says nothing else.
const MAX_FRAME_BYTES: usize = 1 << 20;
/// How long a message may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection is kept without a message.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FramesConfig {
    /// `host:port`, or the path of a Unix socket. `None` stands for the default of the receiver.
    pub endpoint: Option<String>,
    /// `tcp`, `tcp4`, `tcp6` or `unix`.
    pub transport: String,
    pub tls: Option<ServerTlsConfig>,
    /// The largest message in bytes. The connection of a larger one is closed.
    pub max_frame_size: usize,
    /// The most connections of this listener; 0 is no limit but that of all receivers together.
    pub max_connections: usize,
    /// How long a message may take to arrive; 0 is the default.
    pub read_timeout: config::Duration,
    /// How long a connection is kept without a message; 0 is the default.
    pub idle_timeout: config::Duration,
}

/// What the code needs of the config.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameSettings {
    pub(super) max_frame_bytes: usize,
    pub(super) read_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

impl Default for FramesConfig {
    fn default() -> FramesConfig {
        FramesConfig {
            endpoint: None,
            transport: "tcp".to_owned(),
            tls: None,
            max_frame_size: MAX_FRAME_BYTES,
            max_connections: 0,
            read_timeout: config::Duration(READ_TIMEOUT),
            idle_timeout: config::Duration(IDLE_TIMEOUT),
        }
    }
}

impl FramesConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            validate_place(self.endpoint.as_deref(), &self.transport),
            must(self.max_frame_size > 0, "max_frame_size", || {
                "max_frame_size: must be at least 1 byte".to_owned()
            }),
            self.tls.as_ref().map_or(Ok(()), ServerTlsConfig::validate),
        ])
    }

    pub(super) fn settings(&self) -> FrameSettings {
        FrameSettings {
            max_frame_bytes: self.max_frame_size,
            read_timeout: nonzero(Some(self.read_timeout)).unwrap_or(READ_TIMEOUT),
            idle_timeout: nonzero(Some(self.idle_timeout)).unwrap_or(IDLE_TIMEOUT),
        }
    }

    pub(super) fn connections(&self) -> Arc<Connections> {
        match self.max_connections {
            0 => Connections::of_receivers(),
            limit => Connections::new(limit),
        }
    }
}
