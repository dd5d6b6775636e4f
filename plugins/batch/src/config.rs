//! The config keys of the Collector's `batch` processor, with its defaults.

use spanloom_plugin::{ConfigError, Duration, serde::Deserialize};

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BatchConfig {
    pub(crate) timeout: Duration,
    /// In items.
    pub(crate) send_batch_size: u32,
    /// In items; 0 is no limit.
    pub(crate) send_batch_max_size: u32,
    /// The names of request headers.
    pub(crate) metadata_keys: Vec<String>,
    /// The most combinations of header values; 0 is no limit.
    pub(crate) metadata_cardinality_limit: u32,
}

/// Headers that the host hides from plugins. As keys, they could not distinguish senders.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

impl Default for BatchConfig {
    fn default() -> BatchConfig {
        BatchConfig {
            timeout: Duration::from_millis(200),
            send_batch_size: 8192,
            send_batch_max_size: 0,
            metadata_keys: Vec::new(),
            metadata_cardinality_limit: 1000,
        }
    }
}

impl BatchConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (size, max_size) = (self.send_batch_size, self.send_batch_max_size);
        if max_size > 0 && max_size < size {
            return Err(ConfigError::new(
                "send_batch_max_size",
                format!("{max_size} is below `send_batch_size`, {size}: make it as large, or 0 for no limit"),
            ));
        }
        for (index, key) in self.metadata_keys.iter().enumerate() {
            let wrong = |message: String| Err(ConfigError::new(format!("metadata_keys[{index}]"), message));
            if SECRET.iter().any(|secret| key.eq_ignore_ascii_case(secret)) {
                return wrong(format!("`{key}` carries a secret, which no plugin is shown"));
            }
            if self.metadata_keys.iter().take(index).any(|other| other.eq_ignore_ascii_case(key)) {
                return wrong(format!("`{key}` is there twice (case does not count)"));
            }
        }
        Ok(())
    }

    /// Returns whether batches leave without waiting.
    pub(crate) fn sends_at_once(&self) -> bool {
        self.timeout.is_zero() || self.send_batch_size == 0
    }
}
