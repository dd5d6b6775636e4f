//! Decisions over columns that no host provides.

use spanloom_plugin::{NumberColumn, TextColumn, serde_json};

use super::*;
use crate::columns::{Moment, TraceColumns};

/// Traces of one span each, of which only the status is known.
struct Statuses(&'static [u8]);

impl TraceColumns for Statuses {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn status_codes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn traces_of_spans(&self) -> Vec<u32> {
        (0..self.0.len() as u32).collect()
    }

    fn span_counts(&self) -> Vec<u32> {
        vec![1; self.0.len()]
    }

    fn ids(&self) -> Vec<[u8; 16]> {
        panic!("no policy needs ids")
    }

    fn lengths_bytes(&self) -> Vec<u64> {
        panic!("no policy needs lengths")
    }

    fn values(&self, key: &str) -> Vec<String> {
        panic!("no policy needs the value of {key}")
    }

    fn resources_of_spans(&self) -> Vec<u32> {
        Vec::new()
    }

    fn start_times_unix_nano(&self) -> Vec<u64> {
        Vec::new()
    }

    fn end_times_unix_nano(&self) -> Vec<u64> {
        Vec::new()
    }

    fn kinds(&self) -> Vec<u8> {
        Vec::new()
    }

    fn flags(&self) -> Vec<u32> {
        Vec::new()
    }

    fn roots(&self) -> Vec<bool> {
        Vec::new()
    }

    fn names(&self) -> TextColumn {
        TextColumn::with_capacity(0, 0)
    }

    fn trace_states(&self) -> TextColumn {
        TextColumn::with_capacity(0, 0)
    }

    fn text(&self, key: &str) -> TextColumn {
        panic!("no policy needs the attribute {key}")
    }

    fn numbers(&self, key: &str) -> NumberColumn {
        panic!("no policy needs the attribute {key}")
    }

    fn resource_text(&self, key: &str) -> TextColumn {
        panic!("no policy needs the attribute {key}")
    }

    fn resource_numbers(&self, key: &str) -> NumberColumn {
        panic!("no policy needs the attribute {key}")
    }

    fn spans_of_events(&self) -> Vec<u32> {
        Vec::new()
    }

    fn event_names(&self) -> TextColumn {
        TextColumn::with_capacity(0, 0)
    }

    fn event_text(&self, key: &str) -> TextColumn {
        panic!("no policy needs the attribute {key}")
    }

    fn event_numbers(&self, key: &str) -> NumberColumn {
        panic!("no policy needs the attribute {key}")
    }
}

fn policies(json: &str) -> Policies {
    let config: Config = serde_json::from_str(json).expect("a config");
    Policies::new(&config).expect("a config")
}

/// Scenario: errors, traces with the status ok, and others.
/// Guarantees: the decision tells the first policy that wanted the trace, and the part of a composite policy; columns
/// that no policy needs are not fetched.
#[test]
fn a_decision_knows_its_policy() {
    let mut policies = policies(
        r#"{"policies": [
            {"name": "shared", "type": "composite", "composite": {"max_total_spans_per_second": 100,
                "composite_sub_policy": [
                    {"name": "nothing", "type": "span_count", "span_count": {"min_spans": 5}},
                    {"name": "fine", "type": "status_code", "status_code": {"status_codes": ["OK"]}}]}},
            {"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR", "OK"]}},
            {"name": "not unset", "type": "drop", "drop": {"drop_sub_policy": [
                {"type": "status_code", "status_code": {"status_codes": ["UNSET"]}},
                {"type": "span_count", "span_count": {"min_spans": 1}},
                {"type": "not", "not": {"not_sub_policy":
                    {"type": "string_attribute", "string_attribute": {"key": "x", "values": ["y"]}}}}]}}]}"#,
    );
    let columns = Statuses(&[2, 1]);
    let batch = Batch::new(&columns, Moment::default(), 1);
    let mut tally = Tally::default();
    let decisions = policies.decide(&batch, &mut tally);
    let why = |decision: &Decision| policies.name(decision.reason.expect("a reason"));
    assert_eq!(why(&decisions[0]), Some(("failed", None)));
    assert_eq!(why(&decisions[1]), Some(("shared", Some("fine"))));
    assert_eq!(policies.names().collect::<Vec<_>>(), ["not unset", "shared", "failed"]);
    assert_eq!(tally.votes[0], Votes { not_sampled: 2, ..Votes::default() });
    assert_eq!(tally.votes[1], Votes { sampled: 1, not_sampled: 1, dropped: 0 });
}

#[test]
fn a_trace_that_no_policy_wants_has_no_reason() {
    let mut policies = policies(
        r#"{"policies": [{"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]}"#,
    );
    let columns = Statuses(&[1]);
    let decisions = policies.decide(&Batch::new(&columns, Moment::default(), 1), &mut Tally::default());
    assert_eq!(decisions, [Decision { verdict: Verdict::NotSampled, reason: None }]);
}
