//! Policies that share a number of spans a second.

use serde::{Deserialize, Serialize};

use crate::{
    columns::Trace,
    policy::{Policy, Vote},
};

/// Asks its parts in order. The first that would sample the trace decides: the trace is sampled if the part has spans
/// left in this second.
#[derive(Debug)]
pub(crate) struct Composite {
    parts: Vec<Part>,
    max_total: i64,
    second: u64,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// The spans a second that the part may sample.
    pub(crate) allocated: i64,
    /// The spans of this second.
    sampled: i64,
}

/// The counts of the current second. An instance hands them over to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Second {
    second: u64,
    sampled: Vec<i64>,
}

impl Part {
    pub(crate) fn new(name: &str, policy: Policy, allocated: i64) -> Part {
        Part { name: name.to_owned(), policy, allocated, sampled: 0 }
    }
}

impl Composite {
    pub(crate) fn new(max_total: i64, parts: Vec<Part>) -> Composite {
        Composite { parts, max_total, second: 0 }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    pub(crate) fn decide(&mut self, trace: Trace<'_>) -> Vote {
        let now = trace.batch.now.unix_seconds;
        if self.second != now {
            self.second = now;
            self.parts.iter_mut().for_each(|part| part.sampled = 0);
        }
        for (number, part) in self.parts.iter_mut().enumerate() {
            if !matches!(part.policy.decide(trace), Vote::Sampled { .. }) {
                continue;
            }
            let spans = trace.batch.span_counts().get(trace.row).copied().unwrap_or_default();
            let sampled = part.sampled.saturating_add(i64::from(spans));
            // The Collector compares each part with the total by itself.
            if sampled > part.allocated || sampled > self.max_total {
                return Vote::NotSampled;
            }
            part.sampled = sampled;
            return Vote::Sampled { part: Some(number) };
        }
        Vote::NotSampled
    }

    pub(crate) fn second(&self) -> Second {
        Second { second: self.second, sampled: self.parts.iter().map(|part| part.sampled).collect() }
    }

    pub(crate) fn set_second(&mut self, second: &Second) {
        self.second = second.second;
        for (part, sampled) in self.parts.iter_mut().zip(&second.sampled) {
            part.sampled = *sampled;
        }
    }
}
