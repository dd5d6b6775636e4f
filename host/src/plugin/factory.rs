//! The component types that plugins are.

use crate::{
    component::Registry,
    config::{Config, Finding},
};

/// Loads the plugins of a config and adds their types to the registry. What could not be loaded is not added.
pub async fn register(_config: &Config, _registry: &mut Registry) -> Vec<Finding> {
    Vec::new()
}
