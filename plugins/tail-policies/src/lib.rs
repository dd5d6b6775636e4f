//! The sampler `tail_sampling_policies`: the policies of the Collector's `tail_sampling`, without the assembly of
//! traces, which is the host's.
//!
//! A policy votes on each trace (`policy`), and the decision follows from the votes (`policies`). Policies whose answer
//! depends on the trace alone are tests (`test`), which run once over the columns of a batch (`columns`); limits and
//! composite policies go from trace to trace.

pub mod columns;
mod compile;
mod composite;
mod condition;
pub mod config;
mod host;
mod limit;
mod metrics;
mod pattern;
pub mod policies;
mod policy;
mod test;

use serde::Deserialize;
use spanloom_plugin::prelude::*;
use spanloom_plugin::{clock, serde_json};

use columns::{Batch, Moment};
use config::Config;
use host::Host;
use metrics::Metrics;
use policies::{Policies, Tally, Verdict};

/// The sampler `tail_sampling_policies`.
#[derive(Debug, Deserialize)]
#[serde(from = "Config")]
pub struct TailPolicies {
    config: Config,
    /// `None` until the config was compiled.
    policies: Option<Policies>,
    metrics: Metrics,
    /// The number of batches so far.
    batches: u64,
}

impl From<Config> for TailPolicies {
    fn from(config: Config) -> TailPolicies {
        TailPolicies { config, policies: None, metrics: Metrics::default(), batches: 0 }
    }
}

impl Sampler for TailPolicies {
    /// One instance takes every batch: limits are of spans a second in all, and several instances would each grant
    /// them.
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { concurrency: Concurrency::Single, ..described }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        let policies = Policies::new(&self.config)?;
        self.metrics = Metrics::new(&policies);
        self.policies = Some(policies);
        if self.config.policies.is_empty() {
            warn!("there are no policies, so no trace is kept");
        }
        Ok(())
    }

    /// Keeps what the policies that stay the same remember of earlier traces.
    fn reconfigure(&mut self, new: TailPolicies) -> Result<(), ConfigError> {
        let saved = self.policies.as_ref().map(Policies::save).unwrap_or_default();
        let batches = self.batches;
        *self = TailPolicies { batches, ..new };
        if let Some(policies) = &mut self.policies {
            policies.restore(saved);
        }
        Ok(())
    }

    fn sample(&mut self, traces: &TraceBatch) -> Result<Vec<Decision>, Failure> {
        Ok(self.sample_with_reasons(traces)?.into())
    }

    /// The reason for a decision is the name of the policy that made it, with that of its part if it has parts.
    fn sample_with_reasons(&mut self, traces: &TraceBatch) -> Result<Decisions, Failure> {
        let Some(policies) = &mut self.policies else {
            return Err(Failure::permanent("called before it was configured"));
        };
        self.batches += 1;
        let now = Moment {
            monotonic_nano: u64::try_from(clock::monotonic().as_nanos()).unwrap_or(u64::MAX),
            unix_seconds: clock::now_unix_nano() / 1_000_000_000,
        };
        let host = Host::new(traces);
        let mut tally = Tally::default();
        let decided = policies.decide(&Batch::new(&host, now, self.batches), &mut tally);
        self.metrics.add(&tally);
        let mut decisions = Decisions::with_capacity(decided.len());
        for policies::Decision { verdict, reason } in decided {
            match reason.and_then(|reason| policies.name(reason)) {
                None => decisions.push(verdict.into()),
                Some((policy, None)) => decisions.push_because(verdict.into(), policy),
                Some((policy, Some(part))) => {
                    decisions.push_because(verdict.into(), &format!("{policy}/{part}"));
                }
            }
        }
        Ok(decisions)
    }
}

impl Handover for TailPolicies {
    fn save(&mut self) -> Result<Saved, Failure> {
        let saved = self.policies.as_ref().map(Policies::save).unwrap_or_default();
        let state = serde_json::to_vec(&saved).map_err(|error| Failure::permanent(error.to_string()))?;
        Ok(Saved { state, batches: Vec::new() })
    }

    /// Starts with full buckets if the state is of another version.
    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        if let (Some(policies), Ok(saved)) = (&mut self.policies, serde_json::from_slice(&saved.state)) {
            policies.restore(saved);
        }
        Ok(())
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Decision {
        match verdict {
            Verdict::Sampled { share } => Decision::Keep(share),
            Verdict::NotSampled | Verdict::Dropped => Decision::Drop,
            Verdict::Pending => Decision::Undecided,
        }
    }
}

spanloom_plugin::sampler!(TailPolicies: Handover);
