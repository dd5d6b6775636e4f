//! TLS by rustls, as the Collector's `tls:` sections configure it.

pub mod client;
pub mod server;
