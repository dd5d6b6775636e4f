//! What a plugin may use up.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::config::{ConfigError, Duration};

/// `plugins.NAME.limits`. Every one of them is on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Of one instance, which is replaced when it has three quarters of it: it never gives memory back. 1 to 1024.
    pub memory_mib: u32,
    /// Of one call, HTTP requests under way not counted. 1 ms to 1 h.
    pub call_timeout: Duration,
    /// Of each component. 0: as many as the machine has cores. Up to 1000.
    pub instances: u32,
    /// Of each table of an instance. 1 to 100,000.
    pub table_elements: u32,
    /// Of batches that one instance holds from call to call, which are in the host's memory, their indexes included: it is given
    /// no more until it has passed some on. What one call makes the host hold beyond that is bounded by the same; a call that
    /// goes further is ended. 1 to 65,536.
    pub held_mib: u32,
    /// After so many calls an instance is replaced. 0: never.
    pub max_calls: u64,
    /// At this age an instance is replaced. 0: never.
    pub max_age: Duration,
    /// Of each component; what is above is counted and left out. 0: none is written.
    pub log_lines_per_second: u32,
    /// Of each component; what is above is counted and left out. 0: it has no metrics.
    pub metric_series: u32,
    /// Under way at a time, of each component; others wait. 1 to 10,000.
    pub http_requests: u32,
}

impl LimitsConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let wrong = [
            outside("memory_mib", self.memory_mib, 1..=1024),
            outside("instances", self.instances, 0..=1000),
            outside("table_elements", self.table_elements, 1..=100_000),
            outside("held_mib", self.held_mib, 1..=65_536),
            outside("http_requests", self.http_requests, 1..=10_000),
            outside("call_timeout", self.call_timeout, Duration::from_millis(1)..=Duration::from_secs(3600)),
        ];
        let findings = wrong.into_iter().flatten().flat_map(ConfigError::into_findings);
        ConfigError::from_findings(findings.collect())
    }
}

fn outside<T: PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Option<ConfigError> {
    let (least, most) = (range.start(), range.end());
    let message = format!("`{key}` is from {least} to {most}, not {value}");
    (!range.contains(&value)).then(|| ConfigError::on(&format!("limits::{key}"), message))
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            memory_mib: 64,
            call_timeout: Duration::from_secs(1),
            instances: 0,
            table_elements: 20_000,
            held_mib: 256,
            max_calls: 1_000_000,
            max_age: Duration::from_secs(3600),
            log_lines_per_second: 100,
            metric_series: 1000,
            http_requests: 32,
        }
    }
}
