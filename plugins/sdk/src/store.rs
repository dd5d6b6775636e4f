//! A key-value store in the host's memory, which outlives the instance and is shared by all instances of one
//! component. Needs `grants.store` in the config.

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

/// Returns the keys with this prefix in ascending order, at most 10,000.
pub fn keys(prefix: &str) -> Vec<String> {
    host::store::keys(prefix)
}
