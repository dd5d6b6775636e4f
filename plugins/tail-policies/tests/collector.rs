//! Compares the decisions with those of the Collector's `tail_sampling`.
//!
//! `collector.json` holds configs and traces, with what contrib 0.161.0 did with them: the traces that it kept, or that
//! it refused the config.

#![expect(clippy::expect_used, reason = "tests' own helpers")]

#[path = "collector/traces.rs"]
mod traces;

use serde::Deserialize;
use serde_json::{Value, json};
use spanloom_plugin::{Decision, Sampler, SpanBatch, testing};
use spanloom_tail_policies::TailPolicies;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    config: Value,
    /// The spans of each trace.
    #[serde(default)]
    traces: Vec<Vec<Value>>,
    /// Instead, this many traces of one span.
    #[serde(default)]
    plain_traces: usize,
    /// `1` for each trace that was kept, and `0` for each that was not.
    #[serde(default)]
    kept: String,
    #[serde(default)]
    refused: bool,
    /// The Collector takes the config, and we do not.
    #[serde(default)]
    refused_here: bool,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("collector.json")).expect("cases")
}

/// Scenario: each config decides on its traces.
/// Guarantees: the Collector keeps the same traces. Which of several traces fit into a limit is not compared, only
/// how many, because the Collector asks for them in random order.
#[test]
fn the_decisions_are_the_collectors() {
    let mut differences = Vec::new();
    for case in cases() {
        let sampler = testing::Sampler::<TailPolicies>::new(&case.config.to_string());
        let mut sampler = match sampler {
            Err(_) if case.refused || case.refused_here => continue,
            Err(error) => {
                differences.push(format!("{}: refused at {}: {}", case.name, error.path, error.message));
                continue;
            }
            Ok(_) if case.refused || case.refused_here => {
                differences.push(format!("{}: taken", case.name));
                continue;
            }
            Ok(sampler) => sampler,
        };
        let decisions = sampler.sample(batch(&case)).expect("decisions");
        let is_kept = |decision: &Decision| if matches!(decision, Decision::Keep(_)) { '1' } else { '0' };
        let kept: String = decisions.iter().map(is_kept).collect();
        let config = case.config.to_string();
        let is_limited = config.contains("_limiting") || config.contains("composite");
        let count = |kept: &str| kept.matches('1').count();
        let is_same = if is_limited { count(&kept) == count(&case.kept) } else { kept == case.kept };
        if !is_same {
            differences.push(format!("{}: kept {kept}, and the Collector {}", case.name, case.kept));
        }
    }
    assert_eq!(differences, Vec::<String>::new());
}

/// Guarantees: the schema takes every config that the Collector takes.
#[test]
fn the_schema_takes_what_the_collector_takes() {
    let described = TailPolicies::describe(spanloom_plugin::Description::of_crate("", "", ""));
    let schema = serde_json::from_str(&described.config_schema.expect("a schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for case in cases().iter().filter(|case| !case.refused) {
        let errors: Vec<String> =
            validator.iter_errors(&case.config).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", case.name);
    }
}

fn batch(case: &Case) -> SpanBatch {
    let plain = vec![vec![json!({})]; case.plain_traces];
    let traces = case.traces.iter().chain(&plain).enumerate();
    let resources: Vec<Value> =
        traces.flat_map(|(number, spans)| traces::trace(number as u64, spans)).collect();
    testing::from_json(&json!({ "resourceSpans": resources }).to_string()).expect("spans")
}
