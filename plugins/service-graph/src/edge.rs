//! An edge: a request from one service to another, as far as its spans have been seen.

use prost::{Enumeration, Message};

/// The trace id, then the span id of the client's span.
pub(crate) type Id = [u8; 24];

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Edge {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    #[prost(enumeration = "Connection", tag = "2")]
    pub(crate) connection: i32,
    #[prost(bool, tag = "3")]
    pub(crate) failed: bool,
    #[prost(message, required, tag = "4")]
    pub(crate) client: Side,
    #[prost(message, required, tag = "5")]
    pub(crate) server: Side,
    /// The client's name for the server, or empty.
    #[prost(string, tag = "6")]
    pub(crate) peer: String,
    #[prost(fixed64, tag = "7")]
    pub(crate) expires_unix_nano: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Side {
    /// Empty until it is known.
    #[prost(string, tag = "1")]
    pub(crate) service: String,
    /// `None` if this side has no span.
    #[prost(fixed64, optional, tag = "2")]
    pub(crate) duration_nano: Option<u64>,
    /// The packed values of the dimensions, in the order of the config.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) dimensions: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(crate) enum Connection {
    Unset = 0,
    Messaging = 1,
    Database = 2,
    VirtualNode = 3,
}

impl Connection {
    pub(crate) fn name(symbol: u8) -> &'static str {
        let names = ["", "messaging_system", "database", "virtual_node"];
        names.get(symbol as usize).copied().unwrap_or_default()
    }
}

impl Edge {
    /// Returns whether both sides are known.
    pub(crate) fn is_complete(&self) -> bool {
        !self.client.service.is_empty() && !self.server.service.is_empty()
    }

    /// Returns about how much memory the edge takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let side = |side: &Side| side.service.capacity() + side.dimensions.capacity();
        size_of::<Edge>()
            + self.id.capacity()
            + self.peer.capacity()
            + side(&self.client)
            + side(&self.server)
    }

    /// Clears the edge for reuse. Memory is kept, except for large buffers.
    pub(crate) fn reset(&mut self) {
        const KEPT_BYTES: usize = 256;
        if self.bytes() > size_of::<Edge>() + KEPT_BYTES {
            *self = Edge::default();
            return;
        }
        self.id.clear();
        self.peer.clear();
        (self.connection, self.failed, self.expires_unix_nano) = (0, false, 0);
        for side in [&mut self.client, &mut self.server] {
            side.service.clear();
            side.dimensions.clear();
            side.duration_nano = None;
        }
    }
}
