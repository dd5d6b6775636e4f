//! The config that users write. Names and defaults are those of the Collector's `probabilistic_sampler`.

use serde::Deserialize;
use spanloom_plugin::ConfigError;

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The Collector has 32 bits, and the mode `hash_seed` depends on them.
    pub(crate) sampling_percentage: f32,
    pub(crate) hash_seed: u32,
    pub(crate) mode: ModeName,
    pub(crate) fail_closed: bool,
    pub(crate) sampling_precision: u32,
    pub(crate) attribute_source: Source,
    /// Empty: none.
    pub(crate) from_attribute: String,
    /// Empty: none.
    pub(crate) sampling_priority: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeName {
    #[default]
    #[serde(alias = "")]
    HashSeed,
    Proportional,
    Equalizing,
}

/// What of a log record is hashed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) enum Source {
    /// The trace id, else the attribute.
    #[default]
    #[serde(rename = "traceID")]
    TraceId,
    #[serde(rename = "record", alias = "")]
    Record,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            sampling_percentage: 0.0,
            hash_seed: 0,
            mode: ModeName::HashSeed,
            fail_closed: true,
            sampling_precision: 4,
            attribute_source: Source::TraceId,
            from_attribute: String::new(),
            sampling_priority: String::new(),
        }
    }
}

/// The smallest share that a threshold of 56 bits can express.
pub(crate) const MIN_SHARE: f64 = 1.0 / (1_u64 << 56) as f64;

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let percentage = f64::from(self.sampling_percentage);
        if !percentage.is_finite() || percentage < 0.0 {
            return Err(ConfigError::new("sampling_percentage", "must be a number from 0 on"));
        }
        if percentage > 0.0 && percentage / 100.0 < MIN_SHARE {
            let least = MIN_SHARE * 100.0;
            return Err(ConfigError::new("sampling_percentage", format!("must be 0, or {least:e} at least")));
        }
        if !(1..=14).contains(&self.sampling_precision) {
            return Err(ConfigError::new("sampling_precision", "must be from 1 to 14 hex digits"));
        }
        Ok(())
    }
}
