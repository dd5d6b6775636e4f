//! The keys of a port for datagrams.

use serde::Deserialize;

use crate::{config::ConfigError, receiver::http::must, server};

/// The largest datagram that UDP can carry.
const MAX_DATAGRAM_BYTES: usize = 65_535;
const QUEUE_MIB: usize = 32;
const READ_BUFFER_MIB: usize = 16;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatagramsConfig {
    /// `host:port`. `None` stands for the default of the receiver.
    pub endpoint: Option<String>,
    /// `udp`, `udp4` or `udp6`.
    pub transport: String,
    /// The memory of datagrams that wait. Further ones are dropped and counted.
    pub queue_mib: usize,
    /// The kernel's buffer of each socket, which takes a burst until it is read.
    pub read_buffer_mib: usize,
    /// The largest datagram in bytes. Larger ones are dropped and counted.
    pub max_datagram: usize,
}

impl Default for DatagramsConfig {
    fn default() -> DatagramsConfig {
        DatagramsConfig {
            endpoint: None,
            transport: "udp".to_owned(),
            queue_mib: QUEUE_MIB,
            read_buffer_mib: READ_BUFFER_MIB,
            max_datagram: MAX_DATAGRAM_BYTES,
        }
    }
}

/// Which addresses are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

impl DatagramsConfig {
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            must(self.endpoint.as_deref().is_none_or(server::has_port), "endpoint", || {
                format!("endpoint: {:?} is not host:port", self.endpoint.as_deref().unwrap_or_default())
            }),
            must(self.family().is_some(), "transport", || {
                format!("transport: {:?} is not one we have; expected udp, udp4 or udp6", self.transport)
            }),
            must((1..=4096).contains(&self.queue_mib), "queue_mib", || {
                "queue_mib: must be from 1 to 4096".to_owned()
            }),
            must((1..=512).contains(&self.read_buffer_mib), "read_buffer_mib", || {
                "read_buffer_mib: must be from 1 to 512".to_owned()
            }),
            must((1..=MAX_DATAGRAM_BYTES).contains(&self.max_datagram), "max_datagram", || {
                format!("max_datagram: must be from 1 to {MAX_DATAGRAM_BYTES} bytes")
            }),
        ])
    }

    pub(super) fn queue_bytes(&self) -> usize {
        self.queue_mib << 20
    }

    pub(super) fn read_buffer_bytes(&self) -> usize {
        self.read_buffer_mib << 20
    }

    pub(super) fn family(&self) -> Option<Family> {
        match self.transport.as_str() {
            "" | "udp" => Some(Family::Any),
            "udp4" => Some(Family::V4),
            "udp6" => Some(Family::V6),
            _ => None,
        }
    }
}
