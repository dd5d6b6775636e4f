//! TLS, as the Collector's `configtls` names its options.

pub mod client;
