//! The keys that bound a receiver's requests, and say when their senders are answered. They are Spanloom's
//! own.

use std::sync::Arc;

use serde::Deserialize;

use super::must;
use crate::{config::ConfigError, memory, pipeline::ingest::Acknowledge, server::request_body::Budget};

const MAX_IN_FLIGHT_MIB: usize = 256;
/// The largest request has as many items of 64 bytes, and real items are larger.
const MAX_REQUEST_ITEMS: usize = 1_000_000;

/// A part of a receiver's config: `#[serde(rename = "..requests")] requests: RequestsConfig`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestsConfig {
    /// When a sender is answered.
    pub acknowledge: Acknowledge,
    /// What the requests that are not yet answered may hold together, over all ports of the receiver. A
    /// request beyond it waits, for `read_timeout` at the most, and is then refused, to be sent again.
    pub max_in_flight_mib: usize,
    /// The most spans, data points or log records of one request. A request of more is refused, not to be
    /// sent again.
    pub max_request_items: usize,
}

impl Default for RequestsConfig {
    fn default() -> RequestsConfig {
        RequestsConfig {
            acknowledge: Acknowledge::default(),
            max_in_flight_mib: MAX_IN_FLIGHT_MIB,
            max_request_items: MAX_REQUEST_ITEMS,
        }
    }
}

impl RequestsConfig {
    /// Checks the keys. `largest_bytes` is the size of the largest request that the receiver takes.
    pub fn validate(&self, largest_bytes: usize) -> Result<(), ConfigError> {
        ConfigError::all([
            must(self.max_request_items > 0, "max_request_items", || {
                "max_request_items: must be at least 1".to_owned()
            }),
            must(self.max_in_flight_mib > 0, "max_in_flight_mib", || {
                "max_in_flight_mib: must be at least 1".to_owned()
            }),
            must(
                self.max_in_flight_mib == 0 || self.in_flight_bytes() >= largest_bytes,
                "max_in_flight_mib",
                || {
                    let largest_mib = largest_bytes.div_ceil(1 << 20);
                    format!("max_in_flight_mib: below the largest request, {largest_mib} MiB")
                },
            ),
        ])
    }

    /// Returns the budget of all requests under way: at most a quarter of the memory that the process may
    /// use, but room for the largest request.
    pub fn budget(&self, largest_bytes: usize) -> Arc<Budget> {
        let share = memory::limit_bytes().map_or(usize::MAX, |bytes| bytes / 4);
        Budget::new(self.in_flight_bytes().min(share.max(largest_bytes)), largest_bytes)
    }

    fn in_flight_bytes(&self) -> usize {
        self.max_in_flight_mib.saturating_mul(1 << 20)
    }
}
