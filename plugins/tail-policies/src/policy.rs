//! One policy, as its config was compiled.

use serde::{Deserialize, Serialize};

use crate::{
    columns::Trace,
    composite::{Composite, Second},
    limit::{Levels, Limit},
    test::Tested,
};

#[derive(Debug)]
pub(crate) enum Policy {
    AlwaysSample,
    Test(Tested),
    Limit(Limit),
    /// Samples if all parts do. Parts after one that does not are not asked.
    And(Vec<Policy>),
    Not(Box<Policy>),
    /// Drops the trace if all parts sample it.
    Drop(Vec<Policy>),
    Composite(Composite),
}

/// What one policy says of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    /// `part` is the number of the composite policy's part that decided.
    Sampled {
        part: Option<usize>,
    },
    NotSampled,
    Dropped,
}

/// What a policy remembers of earlier traces, one for each limit and composite policy in it, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Memory {
    Levels(Levels),
    Second(Second),
}

impl Policy {
    pub(crate) fn decide(&mut self, trace: Trace<'_>) -> Vote {
        let sampled = match self {
            Policy::AlwaysSample => true,
            Policy::Test(test) => test.holds(trace),
            Policy::Limit(limit) => limit.admits(trace),
            Policy::And(parts) => all_sample(parts, trace),
            Policy::Not(part) => part.decide(trace) == Vote::NotSampled,
            Policy::Drop(parts) => {
                return if all_sample(parts, trace) { Vote::Dropped } else { Vote::NotSampled };
            }
            Policy::Composite(composite) => return composite.decide(trace),
        };
        if sampled { Vote::Sampled { part: None } } else { Vote::NotSampled }
    }

    /// Returns the share of all traces that such a vote stands for: 1 if it depends on no probability.
    pub(crate) fn share(&self, part: Option<usize>) -> f64 {
        match self {
            Policy::Test(test) => test.test().share(),
            Policy::And(parts) => parts.iter().map(|part| part.share(None)).fold(1.0, f64::min),
            Policy::Not(part) => match part.share(None) {
                share if share < 1.0 => 1.0 - share,
                _ => 1.0,
            },
            Policy::Composite(composite) => {
                let part = part.and_then(|number| composite.parts().get(number));
                part.map_or(1.0, |part| part.policy.share(None))
            }
            Policy::AlwaysSample | Policy::Limit(_) | Policy::Drop(_) => 1.0,
        }
    }

    /// Returns whether the policy's vote may depend on other traces, or change with more spans, as the Collector counts
    /// it for `sampling_strategy: span-ingest`.
    pub(crate) fn is_stateful(&self) -> bool {
        match self {
            Policy::AlwaysSample => false,
            Policy::Test(test) => test.test().is_stateful(),
            Policy::Limit(_) => true,
            Policy::And(parts) | Policy::Drop(parts) => parts.iter().any(Policy::is_stateful),
            Policy::Not(part) => part.is_stateful(),
            Policy::Composite(composite) => composite.parts().iter().any(|part| part.policy.is_stateful()),
        }
    }

    /// Appends what the policy remembers.
    pub(crate) fn save(&self, memories: &mut Vec<Memory>) {
        match self {
            Policy::AlwaysSample | Policy::Test(_) => {}
            Policy::Limit(limit) => memories.push(Memory::Levels(limit.levels())),
            Policy::And(parts) | Policy::Drop(parts) => parts.iter().for_each(|part| part.save(memories)),
            Policy::Not(part) => part.save(memories),
            Policy::Composite(composite) => {
                memories.push(Memory::Second(composite.second()));
                composite.parts().iter().for_each(|part| part.policy.save(memories));
            }
        }
    }

    /// Takes over what a policy of the same config remembered.
    pub(crate) fn restore(&mut self, memories: &mut impl Iterator<Item = Memory>) {
        match self {
            Policy::AlwaysSample | Policy::Test(_) => {}
            Policy::Limit(limit) => {
                if let Some(Memory::Levels(levels)) = memories.next() {
                    limit.set_levels(levels);
                }
            }
            Policy::And(parts) | Policy::Drop(parts) => {
                parts.iter_mut().for_each(|part| part.restore(memories));
            }
            Policy::Not(part) => part.restore(memories),
            Policy::Composite(composite) => {
                if let Some(Memory::Second(second)) = memories.next() {
                    composite.set_second(&second);
                }
                composite.parts_mut().iter_mut().for_each(|part| part.policy.restore(memories));
            }
        }
    }
}

fn all_sample(parts: &mut [Policy], trace: Trace<'_>) -> bool {
    parts.iter_mut().all(|part| part.decide(trace) != Vote::NotSampled)
}
