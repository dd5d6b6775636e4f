//! The sampler `xray_sampler`: keeps traces by the sampling rules of AWS X-Ray, which come from X-Ray or from the
//! config. The first rule that matches a trace decides (`rules`, `facts`, `pattern`): it keeps a number of traces a
//! second (`reservoir`), and of the others a share. What it has kept is reported to X-Ray, which divides the reservoirs
//! between all clients (`remote`, `service`).

mod client_id;
mod config;
mod facts;
mod local;
mod metrics;
mod pattern;
mod remote;
mod reservoir;
mod rule;
mod rules;
mod service;

use serde::{Deserialize, Serialize};
use spanloom_plugin::{clock, prelude::*, serde_json};

use config::{Config, Source};
use facts::Facts;
use metrics::Metrics;
use remote::Remote;
use rules::Rules;

/// The sampler `xray_sampler`.
#[derive(Debug, Deserialize)]
#[serde(from = "Config")]
pub struct XRaySampler {
    config: Config,
    /// The rules of the config, or the SDKs' fallback.
    local: Rules,
    /// `None` if the rules are only in the config.
    remote: Option<Remote>,
    metrics: Option<Metrics>,
}

/// What an instance leaves to the next.
#[derive(Serialize, Deserialize)]
struct State {
    remote: Option<remote::Saved>,
}

impl From<Config> for XRaySampler {
    fn from(config: Config) -> XRaySampler {
        let local = Rules::local(&config.rules.clone().unwrap_or_default());
        let remote = (config.source != Source::Local).then(|| Remote::new(&config));
        XRaySampler { local, remote, metrics: None, config }
    }
}

impl Sampler for XRaySampler {
    /// One instance takes every batch: a reservoir is a number of traces a second, and each of several instances would
    /// keep the whole number. A store that they share could be read by two before either of them writes.
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { name: "xray_sampler".to_owned(), concurrency: Concurrency::Single, ..described }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.validate()?;
        self.metrics = Some(Metrics::new());
        if let Some(remote) = &mut self.remote {
            remote.start();
        }
        Ok(())
    }

    /// Keeps X-Ray's rules if they come from the same place.
    fn reconfigure(&mut self, new: XRaySampler) -> Result<(), ConfigError> {
        let saved = self.remote.as_ref().map(Remote::save);
        *self = new;
        if let (Some(remote), Some(saved)) = (&mut self.remote, saved) {
            remote.restore(saved);
        }
        Ok(())
    }

    fn sample(&mut self, traces: &TraceBatch) -> Result<Vec<Decision>, Failure> {
        Ok(self.sample_with_reasons(traces)?.into())
    }

    fn sample_with_reasons(&mut self, traces: &TraceBatch) -> Result<Decisions, Failure> {
        let now = clock::monotonic();
        let mut facts = Facts::default();
        if let Some(remote) = &mut self.remote {
            remote.meet(traces, now);
        }
        let mut rules = self.remote.as_mut().and_then(|remote| remote.rules(now));
        if let Some(rules) = &rules {
            rules.read(traces, &mut facts);
        }
        let mut decisions = Decisions::with_capacity(traces.len());
        let mut fallback = 0;
        for (row, randomness) in traces.randomness().into_iter().enumerate() {
            let decided = rules.as_mut().and_then(|rules| rules.decide(&facts, row, randomness, now));
            let decided = decided.or_else(|| {
                if fallback == 0 {
                    self.local.read(traces, &mut facts);
                }
                fallback += 1;
                self.local.decide(&facts, row, randomness, now)
            });
            let Some(decided) = decided else {
                return Err(Failure::permanent("no sampling rule matches, not even the last"));
            };
            decisions.push_because(decided.decision, decided.rule);
            if let (Some(why), Some(metrics)) = (decided.why, &self.metrics) {
                metrics.kept(why);
            }
        }
        if let (Some(metrics), Some(_)) = (&self.metrics, &self.remote) {
            metrics.fell_back(fallback);
        }
        Ok(decisions)
    }
}

impl Timer for XRaySampler {
    fn wake(&mut self, _out: &mut Output) -> Result<(), Failure> {
        if let (Some(remote), Some(metrics)) = (&mut self.remote, &self.metrics) {
            remote.poll(metrics);
        }
        Ok(())
    }
}

impl Handover for XRaySampler {
    fn save(&mut self) -> Result<Saved, Failure> {
        let state = State { remote: self.remote.as_ref().map(Remote::save) };
        let state = serde_json::to_vec(&state).map_err(|error| Failure::permanent(error.to_string()))?;
        Ok(Saved { state, batches: Vec::new() })
    }

    /// Begins anew if the state is of another version.
    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        if let (Some(remote), Ok(State { remote: Some(saved) })) =
            (&mut self.remote, serde_json::from_slice(&saved.state))
        {
            remote.restore(saved);
        }
        Ok(())
    }
}

spanloom_plugin::sampler!(XRaySampler: Timer, Handover);

#[cfg(test)]
mod tests;
