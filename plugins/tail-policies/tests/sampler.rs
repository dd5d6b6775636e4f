//! The sampler over the calls of the host: metrics, limits over time, what an instance hands over, errors.

use std::time::Duration;

use spanloom_plugin::prelude::*;
use spanloom_tail_policies::TailPolicies;

type Sampler = testing::Sampler<TailPolicies>;

/// Returns traces of one span each. Their ids look random.
fn traces(count: u128) -> testing::Spans {
    let id = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (1..=count).fold(testing::spans("shop"), |spans, number| spans.trace(id(number)).span("GET"))
}

fn kept(decisions: &[Decision]) -> usize {
    decisions.iter().filter(|decision| matches!(decision, Decision::Keep(_))).count()
}

const LIMIT: &str =
    r#"{"policies": [{"name": "limit", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 5}}]}"#;

/// Guarantees: the metrics have the Collector's names and labels, and count each policy that was asked.
#[test]
fn votes_are_counted_by_policy() {
    let config = r#"{"sample_on_first_match": true, "policies": [
        {"name": "all", "type": "always_sample"},
        {"name": "never asked", "type": "always_sample"},
        {"name": "health", "type": "drop", "drop": {"drop_sub_policy": [
            {"type": "ottl_condition", "ottl_condition": {"span": ["name == \"/health\""]}}]}}]}"#;
    let mut sampler = Sampler::new(config).expect("a config");
    let spans = testing::spans("shop").trace(1).span("GET").trace(2).span("/health").trace(3).span("GET");
    assert_eq!(sampler.sample(spans), Ok(vec![Decision::Keep(1.0), Decision::Drop, Decision::Keep(1.0)]));
    let count = |policy: &str, decision: &str| {
        let sampled = decision == "sampled";
        testing::metric(&format!(
            "otelcol_processor_tail_sampling_count_traces_sampled{{policy={policy:?},sampled=\"{sampled}\",decision={decision:?}}}"
        ))
    };
    assert_eq!(count("health", "dropped"), Some(1.0));
    assert_eq!(count("health", "not_sampled"), Some(2.0));
    assert_eq!(count("all", "sampled"), Some(2.0));
    assert_eq!(count("all", "not_sampled"), None);
    assert_eq!(count("never asked", "sampled"), None);
    let executions = |policy: &str| {
        let series = "otelcol_processor_tail_sampling_sampling_policy_execution_count";
        testing::metric(&format!("{series}{{policy={policy:?}}}"))
    };
    assert_eq!(executions("health"), Some(3.0));
    assert_eq!(executions("all"), Some(2.0));
}

#[test]
fn a_limit_is_of_spans_a_second_over_all_batches() {
    let mut sampler = Sampler::new(LIMIT).expect("a config");
    let mut sample = || kept(&sampler.sample(traces(8)).expect("decisions"));
    let mut counts = vec![sample(), sample()];
    testing::advance(Duration::from_secs(1));
    counts.extend([sample(), sample()]);
    testing::advance(Duration::from_secs(60));
    counts.extend([sample(), sample()]);
    assert_eq!(counts, [8, 2, 5, 0, 8, 2]);
}

/// Scenario: a loud and a quiet service, each of which may have four spans at once.
/// Guarantees: the loud one takes nothing from the quiet one, also in the next instance.
#[test]
fn a_limit_with_a_key_holds_for_each_value() {
    let config = r#"{"policies": [{"name": "limit", "type": "rate_limiting",
        "rate_limiting": {"spans_per_second": 2, "key": "resource.service.name"}}]}"#;
    let spans = || {
        let loud = (1..=50).fold(testing::spans("loud"), |spans, id| spans.trace(id).span("a"));
        (51..=53).fold(loud.service("quiet"), |spans, id| spans.trace(id).span("b"))
    };
    let mut sampler = Sampler::new(config).expect("a config");
    let decisions = sampler.sample(spans()).expect("decisions");
    assert_eq!((kept(&decisions[..50]), kept(&decisions[50..])), (4, 3));
    let saved = sampler.plugin().save().expect("saved");
    let mut next = Sampler::new(config).expect("a config");
    next.plugin().restore(saved).expect("restored");
    let decisions = next.sample(spans()).expect("decisions");
    assert_eq!((kept(&decisions[..50]), kept(&decisions[50..])), (0, 1));
}

#[test]
fn a_composite_policy_begins_anew_each_second() {
    let config = r#"{"policies": [{"name": "c", "type": "composite", "composite": {"max_total_spans_per_second": 6,
        "composite_sub_policy": [{"name": "slow", "type": "latency", "latency": {"threshold_ms": 100}},
            {"name": "rest", "type": "always_sample"}]}}]}"#;
    let mut sampler = Sampler::new(config).expect("a config");
    let mut sample = || kept(&sampler.sample(traces(5)).expect("decisions"));
    let mut counts = vec![sample(), sample()];
    testing::advance(Duration::from_secs(1));
    counts.push(sample());
    assert_eq!(counts, [3, 0, 3]);
}

/// Guarantees: the share is that of the most generous policy that sampled the trace.
#[test]
fn a_kept_trace_has_the_share_that_is_kept_of_its_like() {
    let config = r#"{"policies": [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "most", "type": "probabilistic", "probabilistic": {"sampling_percentage": 75}},
        {"name": "few", "type": "and", "and": {"and_sub_policy": [{"type": "always_sample"},
            {"type": "probabilistic", "probabilistic": {"sampling_percentage": 25}}]}}]}"#;
    let mut sampler = Sampler::new(config).expect("a config");
    let decisions = sampler.sample(traces(200).error("timeout")).expect("decisions");
    let (failed, rest) = decisions.split_last().expect("traces");
    assert_eq!(*failed, Decision::Keep(1.0));
    assert!(
        rest.iter().all(|decision| matches!(decision, Decision::Keep(0.75) | Decision::Drop)),
        "{rest:?}"
    );
    assert!(rest.contains(&Decision::Keep(0.75)) && rest.contains(&Decision::Drop));
}

/// Scenario: an instance is replaced, and later the config changes, both after a limit was used up.
/// Guarantees: the limit stays used up while its policy stays the same.
#[test]
fn a_limit_outlives_its_instance_and_a_new_config() {
    let mut sampler = Sampler::new(LIMIT).expect("a config");
    assert_eq!(kept(&sampler.sample(traces(12)).expect("decisions")), 10);
    let saved = sampler.plugin().save().expect("saved");

    let more =
        LIMIT.replace("[{", r#"[{"name": "slow", "type": "latency", "latency": {"threshold_ms": 100}}, {"#);
    let other = LIMIT.replace('5', "6");
    for (config, expected) in [(LIMIT, 0), (&more, 0), (&other, 12)] {
        let mut next = Sampler::new(config).expect("a config");
        next.plugin().restore(Saved { state: saved.state.clone(), batches: Vec::new() }).expect("restored");
        assert_eq!(kept(&next.sample(traces(12)).expect("decisions")), expected, "{config}");
    }

    let mut new: TailPolicies = serde_json::from_str(&more).expect("a config");
    spanloom_plugin::Sampler::configure(&mut new).expect("a config");
    spanloom_plugin::Sampler::reconfigure(sampler.plugin(), new).expect("a config");
    assert_eq!(kept(&sampler.sample(traces(12)).expect("decisions")), 0);
}

#[test]
fn a_state_of_another_version_is_left_alone() {
    let mut sampler = Sampler::new(LIMIT).expect("a config");
    let other = Saved { state: b"not ours".to_vec(), batches: Vec::new() };
    assert_eq!(sampler.plugin().restore(other), Ok(()));
    assert_eq!(kept(&sampler.sample(traces(12)).expect("decisions")), 10);
}

/// Scenario: policies are asked while spans still come.
/// Guarantees: only what later spans cannot change is decided.
#[test]
fn with_span_ingest_the_rest_is_undecided() {
    let config = r#"{"sampling_strategy": "span-ingest", "policies": [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]}"#;
    let mut sampler = Sampler::new(config).expect("a config");
    let spans = testing::spans("shop").trace(1).span("a").error("e").trace(2).span("b");
    assert_eq!(sampler.sample(spans), Ok(vec![Decision::Keep(1.0), Decision::Undecided]));
}

/// Guarantees: an error names the key and says what would be right.
#[test]
fn a_mistake_is_found_at_its_key() {
    let part = r#"{"type": "string_attribute", "string_attribute": {"enabled_regex_matching": true, "values": ["a", "("]}}"#;
    for (policy, path) in [
        (r#""type": "latency", "latency": {"threshold": 5}"#.to_owned(), "policies[0].latency.threshold"),
        (r#""type": "nothing""#.to_owned(), "policies[0].type"),
        (
            r#""type": "numeric_attribute", "numeric_attribute": {"key": "x"}"#.to_owned(),
            "policies[0].numeric_attribute",
        ),
        (
            format!(
                r#""type": "drop", "drop": {{"drop_sub_policy": [{{"type": "always_sample"}}, {part}]}}"#
            ),
            "policies[0].drop.drop_sub_policy[1].string_attribute.values[1]",
        ),
        (
            r#""type": "ottl_condition", "ottl_condition": {"span": ["true", "Len(name) > 5"]}"#.to_owned(),
            "policies[0].ottl_condition.span[1]",
        ),
        (
            r#""type": "not", "not": {"not_sub_policy": {"type": "and"}}"#.to_owned(),
            "policies[0].not.not_sub_policy.type",
        ),
    ] {
        let config = format!(r#"{{"policies": [{{"name": "a", {policy}}}]}}"#);
        let error = Sampler::new(&config).expect_err("a mistake");
        assert_eq!(error.path, path, "{}", error.message);
        assert!(!error.message.is_empty());
    }
}

/// Scenario: deep nesting and long texts, as an attacker might put them into a config.
#[test]
fn a_condition_that_nests_too_deep_is_an_error() {
    for condition in ["(".repeat(100_000), "not (".repeat(100_000), format!("{}true", "(".repeat(60))] {
        let condition = serde_json::Value::from(condition);
        let config = format!(
            r#"{{"policies": [{{"name": "a", "type": "ottl_condition", "ottl_condition": {{"span": [{condition}]}}}}]}}"#
        );
        assert!(Sampler::new(&config).is_err());
    }
}

#[test]
fn a_config_without_policies_is_warned_of() {
    Sampler::new("{}").expect("a config");
    assert!(testing::lines()[0].1.contains("no policies"), "{:?}", testing::lines());
}
