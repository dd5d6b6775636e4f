//! The keys of `tail_sampling`: the Collector's, and a few of ours.

mod stress_relief;

use std::time::Duration;

use serde::{Deserialize, de::IgnoredAny};

use stress_relief::StressReliefConfig;

use crate::{
    config::{self, ConfigError, Finding, Node, Unused},
    id::ComponentId,
    sampling::{
        assembly::Settings,
        decisions::Sizes,
        recording::RecordReason,
        workers::{self, MAX_WORKERS},
    },
};

/// How many decisions are remembered unless the config says it.
const USUAL_SIZES: Sizes = Sizes { kept: 100_000, not_sampled: 1_000_000 };
const MAX_CACHE_SIZE: usize = 1 << 30;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TailSamplingConfig {
    /// The sampler that decides: a component in `processors`.
    sampler: Option<ComponentId>,
    /// The policies by which a built-in sampler decides. It reads them.
    policies: Option<IgnoredAny>,
    /// Whether the policies decide with the first that matches. The built-in sampler's too.
    sample_on_first_match: bool,
    /// When the Collector decides. Here it is always about whole traces.
    sampling_strategy: SamplingStrategy,
    /// How long a trace is held, from its first span on.
    decision_wait: config::Duration,
    /// How long a trace is held once its root has come, if that is less. 0 means that roots do not matter.
    decision_wait_after_root_received: config::Duration,
    /// How many traces are held. The oldest are decided early to make room for others.
    num_traces: usize,
    /// How much memory the held traces take. The oldest are decided early to make room for others.
    max_mib: usize,
    /// Whether senders wait for room, instead of the oldest traces being decided early.
    block_on_overflow: bool,
    /// Traces that grow larger are dropped. 0 means that no trace is too large.
    maximum_trace_size_bytes: usize,
    decision_cache: DecisionCacheConfig,
    /// When new traces are decided by their ids instead of being held. Without it they never are.
    stress_relief: Option<StressReliefConfig>,
    /// Whether traces that are held at the end are dropped instead of decided.
    drop_pending_traces_on_shutdown: bool,
    /// Where the reason for keeping a trace is recorded: by the built-in sampler, and here for spans that come after the
    /// decision.
    pub(super) record_reason: Option<RecordReason>,
    /// How many tasks decide. The default is one for each core, and at most 8.
    num_workers: Option<usize>,
    /// The Collector's key for the same. Its default, 1, asks for nothing.
    num_shards: usize,
    expected_new_traces_per_sec: Unused,
}

/// How many decisions are remembered. 0 means as many as usual.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DecisionCacheConfig {
    sampled_cache_size: usize,
    non_sampled_cache_size: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SamplingStrategy {
    #[default]
    TraceComplete,
    SpanIngest,
}

impl Default for TailSamplingConfig {
    fn default() -> TailSamplingConfig {
        TailSamplingConfig {
            sampler: None,
            policies: None,
            sampling_strategy: SamplingStrategy::default(),
            sample_on_first_match: false,
            decision_wait: config::Duration::from_secs(30),
            decision_wait_after_root_received: config::Duration::default(),
            num_traces: 50_000,
            max_mib: 256,
            block_on_overflow: false,
            maximum_trace_size_bytes: 0,
            decision_cache: DecisionCacheConfig::default(),
            stress_relief: None,
            drop_pending_traces_on_shutdown: false,
            record_reason: None,
            num_workers: None,
            num_shards: 1,
            expected_new_traces_per_sec: Unused,
        }
    }
}

impl TailSamplingConfig {
    /// # Errors
    /// Returns an error that names each key that is out of its range.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let must = |holds: bool, key: &str, message: &str| match holds {
            true => Ok(()),
            false => Err(ConfigError::on(key, format!("{}: {message}", key.replace("::", ".")))),
        };
        let cache = self.decision_cache;
        let fits = |size: usize| size <= MAX_CACHE_SIZE;
        ConfigError::all([
            match (&self.sampler, &self.policies) {
                (Some(_), None) | (None, Some(_)) => Ok(()),
                (Some(_), Some(_)) => must(false, "policies", "a `sampler` decides here: write one of both"),
                (None, None) => Err(ConfigError::new(
                    "nothing decides: write `policies`, or `sampler` with the id of a sampler",
                )),
            },
            must(!self.decision_wait.0.is_zero(), "decision_wait", "must be above 0"),
            must(self.num_traces > 0, "num_traces", "must be at least 1"),
            must(self.max_mib > 0, "max_mib", "must be at least 1"),
            must(workers::are_possible(self.num_workers), "num_workers", workers::POSSIBLE),
            self.stress_relief.as_ref().map_or(Ok(()), StressReliefConfig::validate),
            must(self.num_shards <= MAX_WORKERS, "num_shards", "must be at most 256"),
            must(fits(cache.sampled_cache_size), "decision_cache::sampled_cache_size", "is too large"),
            must(
                fits(cache.non_sampled_cache_size),
                "decision_cache::non_sampled_cache_size",
                "is too large",
            ),
        ])
    }

    /// Returns warnings about keys that do not do here what they do in the Collector.
    pub(super) fn doubts(&self, node: &Node) -> Vec<Finding> {
        let mut doubts = Vec::new();
        if self.sampling_strategy == SamplingStrategy::SpanIngest {
            let place = node.nearest(["sampling_strategy"]);
            doubts.push(
                place
                    .finding("Spanloom decides about whole traces, as with `trace-complete`")
                    .label("decisions come later than with the Collector"),
            );
        }
        if self.sampler.is_some() && self.sample_on_first_match {
            let place = node.nearest(["sample_on_first_match"]);
            doubts.push(place.finding("`sample_on_first_match` has no effect with `sampler`"));
        }
        if self.sampler.is_some() && self.record_reason.is_some() {
            let place = node.nearest(["record_reason"]);
            let message = "with `sampler`, `record_reason` marks only the spans that come after the decision";
            doubts
                .push(place.finding(message).label("give the sampler the key too, which records the reason"));
        }
        doubts
    }

    pub(super) fn settings(&self) -> Settings {
        let after_root = self.decision_wait_after_root_received.0;
        Settings {
            wait: self.decision_wait.0,
            wait_after_root: (!after_root.is_zero()).then_some(after_root),
            max_traces: self.num_traces,
            max_bytes: self.max_mib.saturating_mul(1 << 20),
            max_trace_bytes: (self.maximum_trace_size_bytes > 0).then_some(self.maximum_trace_size_bytes),
            blocks: self.block_on_overflow,
            drops_at_end: self.drop_pending_traces_on_shutdown,
            relief: self.stress_relief.as_ref().map(StressReliefConfig::settings),
        }
    }

    /// Returns how long a trace is held from its first span on and, if that is less, from its root on.
    pub fn waits(&self) -> (Duration, Option<Duration>) {
        let Settings { wait, wait_after_root, .. } = self.settings();
        (wait, wait_after_root)
    }

    pub(super) fn sizes(&self) -> Sizes {
        let DecisionCacheConfig { sampled_cache_size, non_sampled_cache_size } = self.decision_cache;
        let or = |size: usize, usual: usize| if size > 0 { size } else { usual };
        Sizes {
            kept: or(sampled_cache_size, USUAL_SIZES.kept),
            not_sampled: or(non_sampled_cache_size, USUAL_SIZES.not_sampled),
        }
    }

    pub(super) fn workers(&self) -> usize {
        workers::count(self.num_workers.or(Some(self.num_shards).filter(|shards| *shards > 1)))
    }
}
