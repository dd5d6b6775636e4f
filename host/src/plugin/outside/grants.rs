//! `grants`: the things outside that a config permits a plugin to reach.

use serde::Deserialize;

use super::{
    http::HttpGrantConfig,
    store::{self, StoreGrantConfig},
};

/// What a plugin may reach outside: nothing that is not listed here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrantsConfig {
    /// The origins that the plugin may send requests to.
    pub http: Vec<HttpGrantConfig>,
    /// The store, if it is granted.
    #[serde(deserialize_with = "store::granted")]
    pub store: Option<StoreGrantConfig>,
}

impl GrantsConfig {
    /// Returns true if the store is granted.
    pub fn has_store(&self) -> bool {
        self.store.is_some()
    }
}
