//! TLS by rustls, as the Collector's `tls:` sections configure it.

pub mod client;
pub mod server;
mod version;

pub(crate) use version::doubts;

/// The most that a file of certificates or keys may hold.
const FILE_LIMIT_BYTES: usize = 16 << 20;
