//! Limits what a plugin may use.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::config::{ConfigError, Duration};

/// `plugins.NAME.limits`. Every limit always applies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The memory of one instance. An instance never gives memory back, so it is replaced when it has three
    /// quarters of this. 1 to 1024.
    pub memory_mib: u32,
    /// The time of one call, without the time of HTTP requests under way. 1 ms to 1 h.
    pub call_timeout: Duration,
    /// The instances of each component. 0: as many as the machine has cores. Up to 1000.
    pub instances: u32,
    /// The elements of each table of an instance. 1 to 100,000.
    pub table_elements: u32,
    /// The batches that one instance holds from call to call, in the host's memory, with their indexes. At
    /// this limit an instance is given no more batches until it has passed some on. One call may make the
    /// host hold this much in addition; a call that goes further is ended. 1 to 65,536.
    pub held_mib: u32,
    /// The calls after which an instance is replaced. 0: never.
    pub max_calls: u64,
    /// The age at which an instance is replaced. 0: never.
    pub max_age: Duration,
    /// The log lines of each component. Further lines are counted and left out. 0: no lines are written.
    pub log_lines_per_second: u32,
    /// The series of each component. Further series are counted and left out. 0: the component has no
    /// metrics.
    pub metric_series: u32,
    /// The HTTP requests of each component that are under way. Others wait. 1 to 10,000.
    pub http_requests: u32,
}

impl LimitsConfig {
    pub(in crate::plugin) fn validate(&self) -> Result<(), ConfigError> {
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
