//! Tests: policies whose answer follows from the trace alone. A test runs once for all traces of a batch.

mod attribute;
mod latency;
mod probability;
mod trace_state;

pub(crate) use attribute::{AttributeTest, Matcher};
pub(crate) use latency::LatencyTest;
pub(crate) use probability::ProbabilityTest;
pub(crate) use trace_state::TraceStateTest;

use crate::columns::{Batch, Trace};
use crate::condition::Conditions;

#[derive(Debug)]
pub(crate) enum Test {
    Attribute(AttributeTest),
    Latency(LatencyTest),
    Probability(ProbabilityTest),
    TraceState(TraceStateTest),
    /// Whether a span has the W3C flag `sampled`.
    TraceFlags,
    /// Whether a span has one of these codes: unset, ok, error.
    StatusCode([bool; 3]),
    /// Whether the trace has at least `min` and at most `max` spans.
    SpanCount {
        min: i64,
        max: Option<i64>,
    },
    Conditions(Conditions),
}

/// A test with its answers for one batch.
#[derive(Debug)]
pub(crate) struct Tested {
    test: Test,
    /// One entry per trace of the batch with the number `of_batch`.
    answers: Vec<bool>,
    of_batch: Option<u64>,
}

const SAMPLED: u32 = 1;

impl Test {
    /// Returns the answer for each trace of a batch.
    pub(crate) fn run(&mut self, batch: &Batch<'_>) -> Vec<bool> {
        match self {
            Test::Attribute(test) => test.run(batch),
            Test::Latency(test) => test.run(batch),
            Test::Probability(test) => batch.ids().iter().map(|id| test.holds(id)).collect(),
            Test::TraceState(test) => test.run(batch),
            Test::TraceFlags => batch.any_span(batch.flags().iter().map(|flags| flags & SAMPLED != 0)),
            Test::StatusCode(codes) => {
                let holds = |code: &u8| codes.get(usize::from(*code)) == Some(&true);
                batch.any_span(batch.status_codes().iter().map(holds))
            }
            Test::SpanCount { min, max } => {
                let holds = |count: i64| count >= *min && max.is_none_or(|max| count <= max);
                batch.span_counts().iter().map(|count| holds(i64::from(*count))).collect()
            }
            Test::Conditions(conditions) => conditions.run(batch),
        }
    }

    /// Returns the share of all traces for which the test holds, if it is known.
    pub(crate) fn share(&self) -> f64 {
        match self {
            Test::Probability(test) => test.share(),
            _ => 1.0,
        }
    }

    /// Returns whether more spans may turn a trace for which the test holds into one for which it does not, in the
    /// Collector's opinion.
    pub(crate) fn is_stateful(&self) -> bool {
        match self {
            Test::Latency(test) => test.has_upper_bound(),
            Test::SpanCount { max, .. } => max.is_some_and(|max| max > 0),
            _ => false,
        }
    }
}

impl Tested {
    pub(crate) fn new(test: Test) -> Tested {
        Tested { test, answers: Vec::new(), of_batch: None }
    }

    pub(crate) fn test(&self) -> &Test {
        &self.test
    }

    /// Returns the answer for one trace. The first call for a batch runs the test for all of its traces.
    pub(crate) fn holds(&mut self, trace: Trace<'_>) -> bool {
        if self.of_batch != Some(trace.batch.number) {
            self.answers = self.test.run(trace.batch);
            self.of_batch = Some(trace.batch.number);
        }
        self.answers.get(trace.row) == Some(&true)
    }
}
