//! `groupbytrace`: passes the spans of a trace on together. The Collector's keys, and a bound in bytes.

use std::sync::{Arc, Weak};

use serde::Deserialize;
use tokio::time::Instant;
use wire::Signal;

use super::{
    assembly::{Assembly, Settings, To},
    metrics::AssemblyMetrics,
    workers,
};
use crate::{
    component::{BuildContext, Factory, Processor, ProcessorFactory, Revise},
    config::{self, ConfigError, Node},
    pipeline::{Batch, Consumer, Refused},
    receipt::ledger::Account,
};

pub struct GroupByTraceFactory;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupByTraceConfig {
    /// How long a trace is held, from its first span on.
    pub wait_duration: config::Duration,
    /// How many traces are held. The oldest leave early to make room for others.
    pub num_traces: usize,
    /// How much memory the held traces take. The oldest leave early to make room for others.
    pub max_mib: usize,
    /// How many tasks let traces go. The default is one for each core, and at most 8.
    pub num_workers: Option<usize>,
    /// Only `false` is possible, as in the Collector.
    pub discard_orphans: bool,
    /// Only `false` is possible, as in the Collector.
    pub store_on_disk: bool,
}

impl Default for GroupByTraceConfig {
    fn default() -> GroupByTraceConfig {
        GroupByTraceConfig {
            wait_duration: config::Duration::from_secs(1),
            num_traces: 1_000_000,
            max_mib: 256,
            num_workers: None,
            discard_orphans: false,
            store_on_disk: false,
        }
    }
}

impl GroupByTraceConfig {
    /// # Errors
    /// Returns an error that names each key that is out of its range.
    fn validate(&self) -> Result<(), ConfigError> {
        let must = |holds: bool, key: &str, message: &str| match holds {
            true => Ok(()),
            false => Err(ConfigError::on(key, format!("{key}: {message}"))),
        };
        ConfigError::all([
            must(self.num_traces > 0, "num_traces", "must be at least 1"),
            must(self.max_mib > 0, "max_mib", "must be at least 1"),
            must(workers::are_possible(self.num_workers), "num_workers", workers::POSSIBLE),
            must(
                !self.discard_orphans,
                "discard_orphans",
                "orphans are never discarded; the Collector refuses this too",
            ),
            must(
                !self.store_on_disk,
                "store_on_disk",
                "traces are held in memory; the Collector refuses this too",
            ),
        ])
    }

    fn settings(&self) -> Settings {
        Settings {
            wait: self.wait_duration.0,
            wait_after_root: None,
            max_traces: self.num_traces,
            max_bytes: self.max_mib.saturating_mul(1 << 20),
            max_trace_bytes: None,
            blocks: false,
            drops_at_end: false,
            relief: None,
        }
    }

    fn workers(&self) -> usize {
        workers::count(self.num_workers)
    }
}

impl Factory for GroupByTraceFactory {
    fn name(&self) -> &str {
        "groupbytrace"
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(GroupByTraceConfig::validate).map(drop)
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for GroupByTraceFactory {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        let config = config.read_valid(GroupByTraceConfig::validate)?;
        let metrics = AssemblyMetrics::of_group_by_trace(context.telemetry, &context.id.to_string());
        let to = To::Next(next.clone());
        let assembly = Assembly::start(config.settings(), config.workers(), to, metrics, Weak::new());
        Ok(Arc::new(GroupByTrace { assembly, next, workers: config.workers() }))
    }
}

struct GroupByTrace {
    assembly: Arc<Assembly>,
    next: Arc<dyn Consumer>,
    workers: usize,
}

#[async_trait::async_trait]
impl Consumer for GroupByTrace {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        self.assembly.add(batch).await
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        self.next.accounts()
    }
}

#[async_trait::async_trait]
impl Processor for GroupByTrace {
    async fn shutdown(&self, deadline: Instant) {
        self.assembly.shutdown(deadline).await;
    }

    /// Other waits and limits hold for the traces that are held already.
    fn revise(&self, config: &Node) -> Option<Revise> {
        let config = config.read_valid(GroupByTraceConfig::validate).ok()?;
        if config.workers() != self.workers {
            return None;
        }
        let assembly = self.assembly.clone();
        Some(Box::new(move || assembly.set(config.settings())))
    }
}
