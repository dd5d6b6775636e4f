//! The key `sending_queue.batch.partition`.

use serde::Deserialize;

use crate::{config::ConfigError, pipeline::Metadata};

/// Which requests are not gathered together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PartitionConfig {
    /// The names of request headers. Requests with different values of one of them go into different batches.
    pub(super) metadata_keys: Vec<String>,
}

impl PartitionConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |name: &str, why: &str| {
            let message = format!("sending_queue.batch.partition.metadata_keys: `{name}` {why}");
            Err(ConfigError::new(message))
        };
        for (index, name) in self.metadata_keys.iter().enumerate() {
            if Metadata::is_secret(name) {
                return wrong(name, "carries a secret, which is not kept with the data");
            }
            let mut before = self.metadata_keys.iter().take(index);
            if before.any(|other| other.eq_ignore_ascii_case(name)) {
                return wrong(name, "is there twice (case does not count)");
            }
        }
        Ok(())
    }
}
