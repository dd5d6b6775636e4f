//! Records in kept traces why they were kept, as `record_reason` asks for: in attributes of the spans or of their scopes.
//!
//! The keys that begin with `tailsampling.` are those of the Collector's `tail_sampling`, which writes them to the scopes
//! (feature gate `processor.tailsamplingprocessor.recordpolicy`).

use serde::Deserialize;
use serde_json::Value as Json;
use wire::{EditError, SpanBatch, Value};

use super::relief;

/// The policy that kept a trace.
const POLICY: &str = "tailsampling.policy";
/// The part that decided, if the policy is a composite one.
const COMPOSITE_POLICY: &str = "tailsampling.composite_policy";
/// True if the spans came after the decision about their trace.
const CACHED_DECISION: &str = "tailsampling.cached_decision";
/// The reason of any other sampler.
const REASON: &str = "spanloom.sampling.reason";
/// The share of such traces that are kept.
const RATE: &str = "spanloom.sampling.rate";

/// The key that every sampler has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingConfig {
    /// Where the reason for keeping a trace is recorded. Nowhere by default.
    pub record_reason: Option<RecordReason>,
}

/// Where reasons are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordReason {
    /// In the attributes of the instrumentation scopes, as the Collector does.
    Scope,
    /// In the attributes of each span.
    Span,
}

/// Attributes that some of the spans get.
pub type Attributes<'a> = Vec<(&'static str, Value<'a>)>;

/// How the reasons of one sampler are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    place: RecordReason,
    keys: Keys,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    /// Reasons are the names of policies; of a composite policy, `policy/part`.
    OfPolicies {
        composites: Vec<String>,
    },
    OfSampler,
}

impl Recording {
    pub fn of_sampler(place: RecordReason) -> Recording {
        Recording { place, keys: Keys::OfSampler }
    }

    /// Returns the recording of a sampler whose `config` has the Collector's `policies`.
    pub fn of_policies(place: RecordReason, config: &Json) -> Recording {
        let text = |policy: &Json, key| policy.get(key).and_then(Json::as_str).map(str::to_owned);
        let policies = config.get("policies").and_then(Json::as_array).into_iter().flatten();
        let composites = policies.filter(|policy| text(policy, "type").as_deref() == Some("composite"));
        let composites = composites.filter_map(|policy| text(policy, "name")).collect();
        Recording { place, keys: Keys::OfPolicies { composites } }
    }

    /// Returns the attributes of the traces that are kept for a reason, at a rate.
    pub fn attributes<'a>(&self, reason: Option<&'a str>, rate: f64) -> Attributes<'a> {
        let mut attributes = Vec::with_capacity(3);
        match (&self.keys, reason) {
            (_, None) => {}
            (Keys::OfSampler, Some(reason)) => attributes.push((REASON, Value::Str(reason))),
            (Keys::OfPolicies { composites }, Some(reason)) => {
                let part =
                    composites.iter().find_map(|name| reason.strip_prefix(name.as_str())?.strip_prefix('/'));
                let policy =
                    part.and_then(|part| reason.strip_suffix(part)?.strip_suffix('/')).unwrap_or(reason);
                attributes.push((POLICY, Value::Str(policy)));
                attributes.extend(part.map(|part| (COMPOSITE_POLICY, Value::Str(part))));
            }
        }
        attributes.push((RATE, Value::Double(rate)));
        attributes
    }

    /// Writes attributes to the spans or their scopes. `set_of` returns the number of a row's attributes in `sets`.
    ///
    /// # Errors
    /// The spans would be larger than a request may be. Those that were not written to stay as they are.
    pub fn write(
        &self,
        spans: &mut SpanBatch,
        sets: &[Attributes<'_>],
        set_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), EditError> {
        self.place.write(spans, sets, set_of)
    }
}

impl RecordReason {
    /// Marks spans of kept traces that were not held: those that came after the decision about their trace, and those of
    /// traces that stress relief kept, for which `relief_of` returns the rate.
    pub(super) fn mark(self, spans: &mut SpanBatch, relief_of: impl Fn(usize) -> Option<f64>) {
        let mut sets = vec![vec![(CACHED_DECISION, Value::Bool(true))]];
        // Nearly always all rates are one.
        let mut rates: Vec<f64> = Vec::new();
        let mut set_of = |rate: f64| {
            let known = rates.iter().position(|known| *known == rate);
            1 + known.unwrap_or_else(|| {
                sets.push(vec![(REASON, Value::Str(relief::REASON)), (RATE, Value::Double(rate))]);
                rates.push(rate);
                rates.len() - 1
            })
        };
        let of_rows: Vec<usize> =
            (0..spans.items()).map(|row| relief_of(row).map_or(0, &mut set_of)).collect();
        // This fails only above 4 GiB, and leaves unmarked spans.
        let _ = self.write(spans, &sets, |row| of_rows.get(row).copied());
    }

    fn write(
        self,
        spans: &mut SpanBatch,
        sets: &[Attributes<'_>],
        set_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<(), EditError> {
        match self {
            RecordReason::Scope => spans.set_scope_attributes(sets, set_of),
            RecordReason::Span => (0..spans.items()).try_for_each(|row| {
                let mut set = set_of(row).and_then(|set| sets.get(set)).into_iter().flatten();
                set.try_for_each(|(key, value)| spans.set(row, key, value))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Scenario: reasons of policies, one of them composite and one whose name only looks so, and of another sampler.
    /// Guarantees: a part is told from its policy by the config, and other samplers' reasons are written as they are.
    #[test]
    fn a_reason_is_split_only_where_the_policy_has_parts() {
        let config = json!({"policies": [{"name": "a/b", "type": "always_sample"}, {"name": "c", "type": "composite"}]});
        let policies = Recording::of_policies(RecordReason::Scope, &config);
        let check = |recording: &Recording, reason, expected: &[(&'static str, &'static str)]| {
            let mut expected: Attributes<'_> =
                expected.iter().map(|(key, text)| (*key, Value::Str(text))).collect();
            expected.push((RATE, Value::Double(0.5)));
            assert_eq!(recording.attributes(reason, 0.5), expected);
        };
        check(&policies, Some("a/b"), &[(POLICY, "a/b")]);
        check(&policies, Some("c/d/e"), &[(POLICY, "c"), (COMPOSITE_POLICY, "d/e")]);
        check(&policies, Some("c"), &[(POLICY, "c")]);
        check(&policies, None, &[]);
        check(&Recording::of_sampler(RecordReason::Span), Some("c/d"), &[(REASON, "c/d")]);
    }
}
