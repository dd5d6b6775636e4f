//! Values by key that outlive the instance, in the host's memory, shared by all instances of one component. Needs
//! `grants.store` in the config.

use crate::host;

pub use crate::bindings::spanloom::plugin::store::StoreError;

pub fn get(key: &str) -> Option<Vec<u8>> {
    host::store::get(key)
}

pub fn set(key: &str, value: &[u8]) -> Result<(), StoreError> {
    host::store::set(key, value)
}

pub fn delete(key: &str) {
    host::store::delete(key);
}

/// The keys that start so, in order; at most 10,000.
pub fn keys(prefix: &str) -> Vec<String> {
    host::store::keys(prefix)
}
