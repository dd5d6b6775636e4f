//! What each policy said of a trace, and what of a rule kept it.
//!
//! A sampler with policies counts what each of them says, as the Collector does, and `xray_sampler` counts what of a rule
//! keeps traces. When the sampler is asked about one trace alone, the counts that change are about this trace. So policies
//! that were not asked are known too.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{config::Node, telemetry::Telemetry};

/// The counter of votes; its labels `policy` and `decision` say who said what.
const VOTES: &str = "otelcol_processor_tail_sampling_count_traces_sampled";

/// The counter of kept traces; its label `by` says what of a rule kept them: `reservoir`, `borrowed` or `rate`.
const KEPT: &str = "xray_sampler_kept_traces";

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Vote {
    pub(super) policy: String,
    /// The type of the policy, if the config names it.
    pub(super) r#type: String,
    /// `sampled`, `not_sampled`, `dropped` or `not_asked`.
    pub(super) vote: String,
}

/// The policies of a sampler, and the votes that were counted before.
pub(super) struct Votes {
    /// The names and types, in the order of the config.
    policies: Vec<(String, String)>,
    counted: BTreeMap<(String, String), u64>,
    kept_by: BTreeMap<String, u64>,
}

impl Votes {
    /// `config` is the sampler's.
    pub(super) fn new(config: &Node) -> Votes {
        let text = |policy: &Node, key| {
            policy.get(key).and_then(|text| text.read::<String>().ok()).unwrap_or_default()
        };
        let policies = config.get("policies").map(Node::items).unwrap_or_default();
        let policies = policies.iter().map(|policy| (text(policy, "name"), text(policy, "type"))).collect();
        Votes { policies, counted: BTreeMap::new(), kept_by: BTreeMap::new() }
    }

    /// Returns the votes since the last call, one for each policy. `telemetry` is this sampler's alone.
    pub(super) fn next(&mut self, telemetry: &Telemetry) -> Vec<Vote> {
        if self.policies.is_empty() {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.counted, counted(telemetry));
        let is_new = |(key, count): &(&(String, String), &u64)| before.get(*key) != Some(*count);
        let votes: BTreeMap<&str, &str> = (self.counted.iter().filter(is_new))
            .map(|((policy, vote), _)| (policy.as_str(), vote.as_str()))
            .collect();
        let vote = |(policy, of_type): &(String, String)| Vote {
            policy: policy.clone(),
            r#type: of_type.clone(),
            vote: votes.get(policy.as_str()).copied().unwrap_or("not_asked").to_owned(),
        };
        self.policies.iter().map(vote).collect()
    }
}

impl Votes {
    /// Returns what of a rule kept the last trace, if the sampler has such rules and kept it. Called once after each trace.
    pub(super) fn kept_by(&mut self, telemetry: &Telemetry) -> Option<String> {
        let of_series = |(labels, count): (Labels, u64)| Some((label(&labels, "by")?, count));
        let now = telemetry.counts(KEPT).into_iter().filter_map(of_series).collect();
        let before = std::mem::replace(&mut self.kept_by, now);
        let is_new = |(by, count): &(&String, &u64)| before.get(*by).copied().unwrap_or_default() < **count;
        self.kept_by.iter().find(is_new).map(|(by, _)| by.clone())
    }
}

type Labels = Vec<(String, String)>;

fn label(labels: &Labels, name: &str) -> Option<String> {
    labels.iter().find(|(label, _)| label.as_str() == name).map(|(_, value)| value.clone())
}

fn counted(telemetry: &Telemetry) -> BTreeMap<(String, String), u64> {
    let of_series = |(labels, count): (Labels, u64)| {
        Some(((label(&labels, "policy")?, label(&labels, "decision")?), count))
    };
    telemetry.counts(VOTES).into_iter().filter_map(of_series).collect()
}
