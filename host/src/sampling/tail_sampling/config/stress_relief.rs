//! The keys of `stress_relief`.

use serde::Deserialize;

use crate::{
    config::{self, ConfigError},
    sampling::relief::{ReliefSettings, Share},
};

/// The levels are percentages: how much of `max_mib` or `num_traces` is used, or how late decisions are.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StressReliefConfig {
    /// The level from which on new traces are decided by their ids.
    activation_level: u32,
    /// The level below which new traces are held again.
    deactivation_level: u32,
    /// The share of the new traces that is kept meanwhile.
    sampling_percentage: f64,
    /// How long it lasts at the least.
    minimum_activation_duration: config::Duration,
}

impl Default for StressReliefConfig {
    fn default() -> StressReliefConfig {
        StressReliefConfig {
            activation_level: 90,
            deactivation_level: 75,
            sampling_percentage: 1.0,
            minimum_activation_duration: config::Duration::from_secs(10),
        }
    }
}

impl StressReliefConfig {
    /// # Errors
    /// Returns an error that names each key that is out of its range.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let must = |holds: bool, key: &str, message: &str| match holds {
            true => Ok(()),
            false => {
                let message = format!("stress_relief.{key}: {message}");
                Err(ConfigError::on(&format!("stress_relief::{key}"), message))
            }
        };
        ConfigError::all([
            must((1..=100).contains(&self.activation_level), "activation_level", "must be from 1 to 100"),
            must(
                (1..=self.activation_level).contains(&self.deactivation_level),
                "deactivation_level",
                "must be from 1 to `activation_level`",
            ),
            must(
                (0.0..=100.0).contains(&self.sampling_percentage),
                "sampling_percentage",
                "must be from 0 to 100",
            ),
            must(
                self.minimum_activation_duration.0.as_secs() >= 1,
                "minimum_activation_duration",
                "must be at least 1s",
            ),
        ])
    }

    pub(super) fn settings(&self) -> ReliefSettings {
        ReliefSettings {
            activation_level: self.activation_level,
            deactivation_level: self.deactivation_level,
            minimum: self.minimum_activation_duration.0,
            share: Share::of_percent(self.sampling_percentage),
        }
    }
}
