//! The config that users write.

use serde::Deserialize;
use spanloom_plugin::{ConfigError, Duration};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) traces_per_second: f64,
    pub(crate) keys: Vec<String>,
    pub(crate) interval: Duration,
    pub(crate) weight: f64,
    pub(crate) initial_percentage: f64,
    pub(crate) keep_errors: bool,
    /// Zero: none.
    pub(crate) keep_slower_than: Duration,
    pub(crate) max_keys: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            traces_per_second: 10.0,
            keys: vec!["resource.service.name".to_owned(), "root.name".to_owned()],
            interval: Duration::from_secs(15),
            weight: 0.5,
            initial_percentage: 10.0,
            keep_errors: true,
            keep_slower_than: Duration::ZERO,
            max_keys: 500,
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let check = |key: &str, holds: bool, due: &str| {
            if holds { Ok(()) } else { Err(ConfigError::new(key, format!("has to be {due}"))) }
        };
        let finite = self.traces_per_second.is_finite();
        check("traces_per_second", self.traces_per_second > 0.0 && finite, "above 0")?;
        check("keys", !self.keys.is_empty(), "a list of at least one key")?;
        check("interval", !self.interval.is_zero(), "above 0")?;
        check("weight", self.weight > 0.0 && self.weight <= 1.0, "above 0 and up to 1")?;
        let share = self.initial_percentage / 100.0;
        check("initial_percentage", share > 0.0 && share <= 1.0, "above 0 and up to 100")?;
        check("max_keys", (1..=100_000).contains(&self.max_keys), "from 1 to 100000")
    }

    /// Returns how many traces are kept in an interval.
    pub(crate) fn goal(&self) -> f64 {
        self.traces_per_second * self.interval.as_secs_f64()
    }
}
