//! The metrics of single requests, as the Collector's HTTP and gRPC libraries have them: at the level `detailed`
//! alone. Below it, nothing here takes time.
//!
//! The values of labels are from fixed sets, or from the config. So a peer adds no series by what it sends.

mod http;
mod rpc;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

pub use self::{
    http::{HttpCall, HttpRequests},
    rpc::{RpcCall, RpcRequests, method as rpc_method, method_of as rpc_method_of},
};

/// The most combinations of labels of one port or destination. Further ones are not recorded.
const SERIES_LIMIT: usize = 1000;

/// Histograms by the labels that differ from request to request.
struct ByLabels<K, V>(Mutex<BTreeMap<K, V>>);

impl<K, V> Default for ByLabels<K, V> {
    fn default() -> ByLabels<K, V> {
        ByLabels(Mutex::default())
    }
}

impl<K: Ord, V: Clone> ByLabels<K, V> {
    /// Returns the histograms of these labels, and makes them first if they are new. Returns `None` if there
    /// are too many.
    fn get(&self, key: K, make: impl FnOnce(&K) -> V) -> Option<V> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(&key) {
            return Some(value.clone());
        }
        if known.len() >= SERIES_LIMIT {
            return None;
        }
        let value = make(&key);
        known.insert(key, value.clone());
        Some(value)
    }
}
