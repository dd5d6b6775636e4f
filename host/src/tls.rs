//! TLS by rustls, as the Collector's `tls:` sections configure it.

mod algorithms;
pub mod client;
pub mod server;
mod version;

use crate::config::{Finding, Node};

/// The most that a file of certificates or keys may hold.
const FILE_LIMIT_BYTES: usize = 16 << 20;

/// Returns the warnings about the values of a `tls` section that Spanloom cannot do all of.
pub(crate) fn doubts(tls: &Node) -> Vec<Finding> {
    let mut doubts = version::doubts(tls);
    doubts.extend(algorithms::doubts(tls));
    doubts
}
