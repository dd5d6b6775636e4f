//! How many traces a rule keeps, and what these stand for.

use std::time::Duration;

use super::*;

/// How far a count may be from the expected one, in standard deviations. The ids are always the same.
const SIGMAS: f64 = 3.0;

/// Scenario: for ten seconds, 1,000 traces a second match a rule that keeps 20 a second and 10 % of the others.
/// Guarantees: as many are kept as the rule says, and the kept ones stand for all of them. Those of the reservoir stand for
/// themselves.
#[test]
fn the_reservoir_and_the_rate_are_kept_and_stand_for_all() {
    let mut sampler = local(r#"{"version": 2, "default": {"fixed_target": 20, "rate": 0.1}}"#);
    let (mut all, mut expected) = (Vec::new(), 0.0);
    for second in 0..10 {
        let decisions = sampler.sample(traces(second * 1000, 1000)).expect("decisions");
        assert_eq!(decisions[..20], [Decision::Keep(1.0); 20], "{second}");
        assert!(!decisions[20..].contains(&Decision::Keep(1.0)), "{second}");
        all.extend(decisions);
        expected += 20.0 + 980.0 * 0.1;
        testing::advance(Duration::from_secs(1));
    }
    let (kept, represented) = kept(&all);
    let sigma = (9800.0 * 0.1 * 0.9_f64).sqrt();
    assert!((kept as f64 - expected).abs() < SIGMAS * sigma, "{kept} and not {expected} ± {sigma}");
    assert!((represented - 10_000.0).abs() < SIGMAS * sigma * 10.0, "{represented}");
    assert_eq!(testing::metric("xray_sampler_kept_traces{by=\"reservoir\"}"), Some(200.0));
    let by_rate = testing::metric("xray_sampler_kept_traces{by=\"rate\"}");
    assert_eq!(by_rate, Some(kept as f64 - 200.0));
    // Without X-Ray there is nothing to fall back from.
    assert_eq!(testing::metric("xray_sampler_fallback_traces").unwrap_or_default(), 0.0);
}

/// Guarantees: the traces beyond the reservoir are chosen by their randomness, as every other sampler at this rate
/// chooses them.
#[test]
fn the_rate_is_consistent() {
    let mut sampler = local(r#"{"version": 2, "default": {"fixed_target": 0, "rate": 0.25}}"#);
    let spans = SpanBatch::from(traces(0, 400));
    let decisions = sampler.sample(spans).expect("decisions");
    let threshold = Threshold::of_share(0.25, 4).expect("a share");
    for (number, decision) in decisions.into_iter().enumerate() {
        let keeps = threshold.keeps(Randomness::of_trace_id(&id(number as u128).to_be_bytes()));
        let expected = if keeps { Decision::KeepConsistently(0.25) } else { Decision::Drop };
        assert_eq!(decision, expected, "{number}");
    }
}

#[test]
fn the_ends_of_a_rate_keep_all_and_nothing() {
    for (rate, expected) in [("0", 3), ("1", 100), ("1e-30", 3)] {
        let mut sampler =
            local(&format!(r#"{{"version": 2, "default": {{"fixed_target": 3, "rate": {rate}}}}}"#));
        let decisions = sampler.sample(traces(0, 100)).expect("decisions");
        assert_eq!(kept(&decisions).0, expected, "{rate}");
    }
}

/// Guarantees: rules that are written as a JSON text are the same rules.
#[test]
fn a_text_is_read_as_a_tree_is() {
    let tree = r#"{"version": 2, "default": {"fixed_target": 3, "rate": 0}}"#;
    let mut sampler = local(&serde_json::json!(tree).to_string());
    let decisions = sampler.sample(traces(0, 100)).expect("decisions");
    assert_eq!(kept(&decisions), (3, 3.0));
}

/// Scenario: nobody has answered yet.
/// Guarantees: one trace a second and 5 % of the others are kept, as in the SDKs, and they are counted.
#[test]
fn without_an_answer_one_a_second_and_5_percent_are_kept() {
    let mut sampler = Harness::new(&format!("{{{SERVICE}}}")).expect("a config");
    let mut all = Vec::new();
    for second in 0..5 {
        all.extend(sampler.sample(traces(second * 1000, 1000)).expect("decisions"));
        testing::advance(Duration::from_secs(1));
    }
    assert_eq!(all.iter().filter(|decision| **decision == Decision::Keep(1.0)).count(), 5);
    let sigma = (4995.0 * 0.05 * 0.95_f64).sqrt();
    let by_rate = kept(&all).0 as f64 - 5.0;
    assert!((by_rate - 4995.0 * 0.05).abs() < SIGMAS * sigma, "{by_rate}");
    assert_eq!(testing::metric("xray_sampler_fallback_traces"), Some(5000.0));
    assert_eq!(testing::requests(), []);
}
