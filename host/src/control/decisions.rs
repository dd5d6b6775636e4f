//! What an operator sees of samplers' decisions with `spanloom sampling recent` or `GET /v1/sampling`.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{
    swap::rfc3339,
    telemetry::{Telemetry, decisions},
};

/// The decisions of all samplers that run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SamplingDecisions {
    /// One for each sampler, decision and reason.
    pub decisions: Vec<DecisionsOfKind>,
}

/// The traces that a sampler decided alike for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionsOfKind {
    /// The sampler's component; of `tail_sampling` with policies, `tail_sampling_policies` with the same name.
    pub component: String,
    /// `keep`, `drop` or `undecided`.
    pub decision: String,
    /// Empty if the sampler gave no reason.
    pub reason: String,
    /// How many there were since the sampler runs.
    pub traces: u64,
    /// The last ones, the newest first: a hundred, and no more than that of one second.
    pub recent: Vec<RecentDecision>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecentDecision {
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// In hex.
    pub trace_id: String,
    /// The share of such traces that are kept. `None` if the trace was not.
    pub rate: Option<f64>,
    /// The spans that the sampler saw.
    pub spans: u32,
    /// The name of the root span, which may be cut.
    pub root: String,
}

impl SamplingDecisions {
    pub(super) fn of(telemetry: &Telemetry) -> SamplingDecisions {
        let kinds = telemetry.decisions().into_iter();
        let decisions = kinds.map(|(kind, traces, recent)| DecisionsOfKind {
            component: kind.component,
            decision: kind.decision.to_owned(),
            reason: kind.reason,
            traces,
            recent: recent.into_iter().map(RecentDecision::from).collect(),
        });
        SamplingDecisions { decisions: decisions.collect() }
    }
}

impl From<decisions::RecentDecision> for RecentDecision {
    fn from(noted: decisions::RecentDecision) -> RecentDecision {
        let decisions::RecentDecision { at, trace_id, rate, spans, root } = noted;
        let trace_id = format!("{:032x}", u128::from_be_bytes(trace_id));
        RecentDecision { at, trace_id, rate, spans, root: root.into() }
    }
}
