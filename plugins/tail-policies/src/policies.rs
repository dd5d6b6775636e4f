//! All policies of a config, and how the decision follows from their votes.

#[cfg(test)]
mod tests;

use crate::{
    columns::{Batch, Trace},
    compile,
    config::{Config, PolicyConfig, Strategy},
    policy::{Memory, Policy, Vote},
};
use serde::{Deserialize, Serialize};
use spanloom_plugin::ConfigError;

/// The policies in the order in which they are asked: those that drop before the others.
#[derive(Debug)]
pub struct Policies {
    policies: Vec<Named>,
    first_match: bool,
    /// Leaves traces undecided that later spans could decide.
    on_ingest: bool,
}

#[derive(Debug)]
struct Named {
    config: PolicyConfig,
    policy: Policy,
}

/// The decision on a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The policy that decided. `None` if no policy wanted the trace.
    pub reason: Option<Reason>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The trace is kept. `share` is the share of such traces that are, by what is known of it.
    Sampled {
        share: f64,
    },
    NotSampled,
    /// A policy of type `drop` forbids the trace.
    Dropped,
    /// More spans may decide.
    Pending,
}

/// The policy that decided, by number; [`Policies::name`] tells its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    pub policy: usize,
    /// The part that decided, if the policy is a composite one.
    pub part: Option<usize>,
}

/// The votes of each policy, in the order of the policies.
#[derive(Debug, Default)]
pub struct Tally {
    pub votes: Vec<Votes>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    pub sampled: u64,
    pub not_sampled: u64,
    pub dropped: u64,
}

/// What a policy remembers of earlier traces. It is of use only to a policy with the same config.
#[derive(Debug, Serialize, Deserialize)]
pub struct Remembered {
    config: PolicyConfig,
    memories: Vec<Memory>,
}

impl Policies {
    pub fn new(config: &Config) -> Result<Policies, ConfigError> {
        let on_ingest = config.sampling_strategy == Strategy::SpanIngest;
        let mut policies: Vec<Named> = Vec::with_capacity(config.policies.len());
        for (number, of) in config.policies.iter().enumerate() {
            let at = format!("policies[{number}]");
            let error = |key: &str, message: String| Err(ConfigError::new(format!("{at}{key}"), message));
            if of.name.is_empty() {
                return error(".name", "is missing: each policy has a name of its own".to_owned());
            }
            if policies.iter().any(|other| other.config.name == of.name) {
                return error(".name", format!("`{}` is the name of another policy", of.name));
            }
            let policy = compile::policy(of, &at)?;
            if on_ingest && policy.is_stateful() {
                let why = "cannot be used with `sampling_strategy: span-ingest`, because its answer may change with more \
                           spans or depends on other traces";
                return error(".type", why.to_owned());
            }
            policies.push(Named { config: of.clone(), policy });
        }
        // Stable, so that the policies of each kind keep their order.
        policies.sort_by_key(|named| !named.is_drop());
        Ok(Policies { policies, first_match: config.sample_on_first_match, on_ingest })
    }

    /// Returns the names of the policies, in the order in which they are asked.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|named| named.config.name.as_str())
    }

    /// Returns the name of the policy that decided, and of the part of it if it is a composite policy.
    pub fn name(&self, reason: Reason) -> Option<(&str, Option<&str>)> {
        let named = self.policies.get(reason.policy)?;
        let part = match (&named.policy, reason.part) {
            (Policy::Composite(composite), Some(part)) => composite.parts().get(part),
            _ => None,
        };
        Some((&named.config.name, part.map(|part| part.name.as_str())))
    }

    /// Decides on the traces of a batch, in their order. Adds the votes to the tally.
    pub fn decide(&mut self, batch: &Batch<'_>, tally: &mut Tally) -> Vec<Decision> {
        tally.votes.resize(self.policies.len(), Votes::default());
        (0..batch.count()).map(|row| self.decide_one(Trace { batch, row }, tally)).collect()
    }

    fn decide_one(&mut self, trace: Trace<'_>, tally: &mut Tally) -> Decision {
        let mut best: Option<(Reason, f64)> = None;
        // Later spans may make a policy drop the trace.
        let mut may_drop = false;
        let votes = self.policies.iter_mut().zip(&mut tally.votes);
        for (policy, (named, votes)) in votes.enumerate() {
            if may_drop && !named.is_drop() {
                break;
            }
            let vote = named.policy.decide(trace);
            votes.add(vote);
            match vote {
                Vote::Dropped => {
                    let reason = Some(Reason { policy, part: None });
                    return Decision { verdict: Verdict::Dropped, reason };
                }
                Vote::Sampled { part } => {
                    let share = named.policy.share(part);
                    let (_, best_share) = best.get_or_insert((Reason { policy, part }, share));
                    *best_share = best_share.max(share);
                    if self.first_match || self.on_ingest {
                        break;
                    }
                }
                Vote::NotSampled => may_drop |= self.on_ingest && named.is_drop(),
            }
        }
        match best {
            Some((reason, share)) => Decision { verdict: Verdict::Sampled { share }, reason: Some(reason) },
            None if self.on_ingest => Decision { verdict: Verdict::Pending, reason: None },
            None => Decision { verdict: Verdict::NotSampled, reason: None },
        }
    }

    /// Returns what the policies remember of earlier traces.
    pub fn save(&self) -> Vec<Remembered> {
        let remembered = self.policies.iter().map(|named| {
            let mut memories = Vec::new();
            named.policy.save(&mut memories);
            Remembered { config: named.config.clone(), memories }
        });
        remembered.filter(|remembered| !remembered.memories.is_empty()).collect()
    }

    /// Takes over what policies of the same name and config remembered.
    pub fn restore(&mut self, saved: Vec<Remembered>) {
        for Remembered { config, memories } in saved {
            if let Some(named) = self.policies.iter_mut().find(|named| named.config == config) {
                named.policy.restore(&mut memories.into_iter());
            }
        }
    }
}

impl Named {
    fn is_drop(&self) -> bool {
        matches!(self.policy, Policy::Drop(_))
    }
}

impl Votes {
    fn add(&mut self, vote: Vote) {
        match vote {
            Vote::Sampled { .. } => self.sampled += 1,
            Vote::NotSampled => self.not_sampled += 1,
            Vote::Dropped => self.dropped += 1,
        }
    }

    /// Returns how often the policy was asked.
    pub fn total(&self) -> u64 {
        self.sampled + self.not_sampled + self.dropped
    }
}
