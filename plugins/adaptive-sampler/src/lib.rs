//! The sampler `adaptive_sampler`: keeps about a number of traces a second. Traces are of the same kind if they have the
//! same service and root, say. Rare kinds are kept whole, and common ones in part (`kinds`).

mod config;
mod kinds;

use serde::{Deserialize, Serialize};
use spanloom_plugin::{clock, metrics::Gauge, prelude::*, serde_json};

use config::Config;
use kinds::Kinds;

/// The sampler `adaptive_sampler`.
#[derive(Debug, Deserialize)]
#[serde(from = "Config")]
pub struct AdaptiveSampler {
    config: Config,
    kinds: Kinds,
    known_kinds: Option<Gauge>,
    /// The kind of a trace, written anew for each.
    name: String,
}

/// What an instance leaves to the next: the kinds, and what tells them apart.
#[derive(Serialize, Deserialize)]
struct State {
    keys: Vec<String>,
    interval: std::time::Duration,
    kinds: Kinds,
}

/// The hex digits of a threshold.
const PRECISION: u32 = 4;
/// Separates the values in the name of a kind.
const SEPARATOR: char = '\u{1f}';

impl From<Config> for AdaptiveSampler {
    fn from(config: Config) -> AdaptiveSampler {
        AdaptiveSampler { config, kinds: Kinds::default(), known_kinds: None, name: String::new() }
    }
}

impl Sampler for AdaptiveSampler {
    /// One instance takes every batch: several would each keep the whole number of traces.
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { concurrency: Concurrency::Single, ..described }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        self.config.validate()?;
        self.known_kinds =
            Some(Gauge::new("adaptive_sampler_kinds", "Kinds of traces that are told apart", &[]));
        Ok(())
    }

    /// Keeps what is known of the kinds if they are told apart in the same way.
    fn reconfigure(&mut self, new: AdaptiveSampler) -> Result<(), ConfigError> {
        let same_kinds = new.config.keys == self.config.keys && new.config.interval == self.config.interval;
        let kinds = std::mem::take(&mut self.kinds);
        *self = new;
        if same_kinds {
            self.kinds = kinds;
        }
        Ok(())
    }

    fn sample(&mut self, traces: &TraceBatch) -> Result<Vec<Decision>, Failure> {
        Ok(self.sample_with_reasons(traces)?.into())
    }

    fn sample_with_reasons(&mut self, traces: &TraceBatch) -> Result<Decisions, Failure> {
        self.kinds.turn(clock::monotonic(), &self.config);
        if let Some(known_kinds) = &self.known_kinds {
            known_kinds.set(self.kinds.len() as f64);
        }
        let columns: Vec<Vec<String>> = self.config.keys.iter().map(|key| column(traces, key)).collect();
        let exempt = self.exempt(traces);
        let mut decisions = Decisions::with_capacity(traces.len());
        for (row, (randomness, exempt)) in traces.randomness().into_iter().zip(exempt).enumerate() {
            match exempt {
                Some(reason) => decisions.push_because(Decision::Keep(1.0), reason),
                None => decisions.push(self.decide(randomness, row, &columns)),
            }
        }
        Ok(decisions)
    }
}

impl Handover for AdaptiveSampler {
    fn save(&mut self) -> Result<Saved, Failure> {
        let (keys, interval) = (self.config.keys.clone(), *self.config.interval);
        let state = State { keys, interval, kinds: std::mem::take(&mut self.kinds) };
        let saved = serde_json::to_vec(&state).map_err(|error| Failure::permanent(error.to_string()));
        // The next instance may refuse the state; then this instance continues.
        self.kinds = state.kinds;
        Ok(Saved { state: saved?, batches: Vec::new() })
    }

    /// Begins anew if the state is of another version or other kinds.
    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        if let Ok(State { keys, interval, kinds }) = serde_json::from_slice(&saved.state)
            && keys == self.config.keys
            && interval == *self.config.interval
        {
            self.kinds = kinds;
        }
        Ok(())
    }
}

impl AdaptiveSampler {
    /// Returns why traces are kept in any case.
    fn exempt(&self, traces: &TraceBatch) -> Vec<Option<&'static str>> {
        let mut exempt = vec![None; traces.len()];
        let slow = *self.config.keep_slower_than;
        if !slow.is_zero() {
            let slow_nano = u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX);
            let slow = traces.durations_nano().into_iter().map(|nano| nano > slow_nano);
            exempt.iter_mut().zip(slow).filter(|(_, slow)| *slow).for_each(|(why, _)| *why = Some("slow"));
        }
        if self.config.keep_errors {
            let failed = traces.errors();
            exempt
                .iter_mut()
                .zip(failed)
                .filter(|(_, failed)| *failed)
                .for_each(|(why, _)| *why = Some("error"));
        }
        exempt
    }

    fn decide(&mut self, randomness: Randomness, row: usize, columns: &[Vec<String>]) -> Decision {
        self.name.clear();
        for column in columns {
            self.name.push_str(column.get(row).map_or("", String::as_str));
            self.name.push(SEPARATOR);
        }
        let share = self.kinds.count(&self.name, &self.config);
        match Threshold::of_share(share, PRECISION) {
            // The share is that of the rounded threshold, so that what the kept traces stand for is exact.
            Some(threshold) if threshold.keeps(randomness) => Decision::KeepConsistently(threshold.share()),
            _ => Decision::Drop,
        }
    }
}

/// Returns a value for each trace, empty for those that have none.
fn column(traces: &TraceBatch, key: &str) -> Vec<String> {
    let mut values = vec![String::new(); traces.len()];
    let mut set = |row: u32, value: String| {
        if let Some(place) = values.get_mut(row as usize) {
            *place = value;
        }
    };
    if key == "root.name" {
        traces.root_names().iter().for_each(|(row, name)| set(row, name.to_owned()));
    } else if let Some(key) = key.strip_prefix("resource.") {
        let texts = (0..).zip(traces.resource_texts(key));
        texts.for_each(|(row, text)| set(row, text.unwrap_or_default()));
    } else {
        traces.text(key).iter().for_each(|(row, text)| set(row, text.to_owned()));
        traces.numbers(key).iter().for_each(|(row, number)| set(row, number.as_f64().to_string()));
    }
    values
}

spanloom_plugin::sampler!(AdaptiveSampler: Handover);

#[cfg(test)]
mod tests;
