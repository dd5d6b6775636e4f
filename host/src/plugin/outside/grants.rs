//! `grants`: what a config lets a plugin reach.

use serde::Deserialize;

use super::{
    http::HttpGrantConfig,
    store::{self, StoreGrantConfig},
};

/// What of the outside a plugin may reach: nothing, unless it stands here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrantsConfig {
    /// The origins that it may send requests to.
    pub http: Vec<HttpGrantConfig>,
    /// How much it may keep, if anything.
    #[serde(deserialize_with = "store::granted")]
    pub store: Option<StoreGrantConfig>,
}

impl GrantsConfig {
    /// Whether there is a store.
    pub fn has_store(&self) -> bool {
        self.store.is_some()
    }
}
