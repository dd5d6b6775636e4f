//! Stands in until `plugin::http` and `plugin::store` bring theirs.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct HttpGrantConfig(pub serde_json::Value);

#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct StoreGrantConfig(pub serde_json::Value);
