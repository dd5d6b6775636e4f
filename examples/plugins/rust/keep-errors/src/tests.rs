use std::time::Duration;

use super::*;

fn sampled(config: &str, spans: impl Into<SpanBatch>) -> Vec<Decision> {
    let mut sampler = testing::Sampler::<KeepErrors>::new(config).expect("a config");
    sampler.sample(spans).expect("decisions")
}

#[test]
fn errors_and_slow_traces_are_kept_and_stand_for_themselves() {
    let spans = testing::spans("shop").trace(1).span("a").span("b").error("declined");
    let spans = spans.trace(2).span("c").lasting(Duration::from_millis(501)).trace(3).span("d");
    assert_eq!(sampled("{}", spans), [Decision::Keep(1.0), Decision::Keep(1.0), Decision::Drop]);
}

#[test]
fn a_share_of_the_others_is_kept_by_the_end_of_their_ids() {
    let spans = |id| testing::spans("shop").trace(id).span("a");
    let high = 0x01_00ff_ffff_ffff_ffff;
    assert_eq!(sampled(r#"{"share": 0.05}"#, spans(high)), [Decision::KeepConsistently(0.05)]);
    assert_eq!(sampled(r#"{"share": 0.05}"#, spans(high - (1 << 55))), [Decision::Drop]);
    assert_eq!(sampled(r#"{"share": 0.5}"#, spans(high - (1 << 55) + 1)), [Decision::KeepConsistently(0.5)]);
    assert_eq!(sampled(r#"{"share": 0}"#, spans(high)), [Decision::Drop]);
    assert_eq!(sampled(r#"{"share": 1}"#, spans(0x0100_0000_0000_0000)), [Decision::KeepConsistently(1.0)]);
}

#[test]
fn every_language_keeps_the_same_of_the_fixture() {
    let file = |name: &str| {
        let path = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("a fixture")
    };
    let shop = testing::from_json(&file("shop.json")).expect("spans");
    let decisions = sampled(&file("keep-errors/config.json"), shop);
    let golden: Vec<serde_json::Value> =
        serde_json::from_str(&file("keep-errors/shop.golden.json")).expect("decisions");
    assert_eq!(decisions.len(), golden.len());
    for (golden, decision) in golden.iter().zip(decisions) {
        assert_eq!(decision.rate(), golden["rate"].as_f64(), "{golden}");
    }
}

#[test]
fn a_share_above_one_is_refused() {
    let error = testing::Sampler::<KeepErrors>::new(r#"{"share": 5}"#).expect_err("a percentage");
    assert_eq!(error, ConfigError::new("share", "5 is no share: it is from 0 to 1"));
}
