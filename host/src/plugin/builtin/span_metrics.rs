//! `span_metrics`: names the collector that counted, for the dimension `collector.instance.id`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Adapted;
use crate::{config::ConfigError, plugin::outside::GrantsConfig};

const KEY: &str = "collector_instance_id";
/// The id of this process.
static INSTANCE_ID: LazyLock<String> = LazyLock::new(|| format!("{:032x}", rand::random::<u128>()));

pub(super) fn adapt(mut own: Value, _: Option<&str>) -> Result<Adapted, ConfigError> {
    if let Some(own) = own.as_object_mut() {
        own.entry(KEY).or_insert_with(|| json!(*INSTANCE_ID));
    }
    Ok(Adapted::plain(own, GrantsConfig::default()))
}
