//! Stands in until `plugin::store` brings its own.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct StoreGrantConfig(pub serde_json::Value);
