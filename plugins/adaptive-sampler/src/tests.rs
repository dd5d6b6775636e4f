use std::time::Duration;

use spanloom_plugin::testing::{self, Spans};

use super::*;

type Harness = testing::Sampler<AdaptiveSampler>;

/// Adds traces of one span each. Their ids look random.
fn traces(spans: Spans, first: u128, count: u128, name: &str) -> Spans {
    let id = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (first..first + count).fold(spans, |spans, number| spans.trace(id(number)).span(name))
}

fn kept(decisions: &[Decision]) -> usize {
    decisions.iter().filter(|decision| decision.rate().is_some()).count()
}

/// Scenario: a service sends 2,000 health checks and 20 orders an interval.
/// Guarantees: after the first interval, all orders are kept, and about as many traces as were asked for.
#[test]
fn rare_traces_are_kept_and_common_ones_thinned() {
    let mut sampler = Harness::new(r#"{"traces_per_second": 10, "interval": "10s"}"#).expect("a config");
    let mut last = Vec::new();
    for round in 0..4 {
        let spans = traces(testing::spans("shop"), round * 10_000 + 1, 20, "POST /order");
        let spans = traces(spans, round * 10_000 + 100, 2000, "GET /health");
        last = sampler.sample(spans).expect("decisions");
        testing::advance(Duration::from_secs(10));
    }
    let (orders, checks) = last.split_at(20);
    assert_eq!(kept(orders), 20);
    assert!((50..110).contains(&kept(checks)), "{}", kept(checks));
    assert_eq!(testing::metric("adaptive_sampler_kinds"), Some(2.0));
}

/// Guarantees: errors and slow traces are kept, whatever their kind.
#[test]
fn errors_and_slow_traces_are_exempt() {
    let config = r#"{"traces_per_second": 0.1, "initial_percentage": 0.0001, "keep_slower_than": "1s"}"#;
    let mut sampler = Harness::new(config).expect("a config");
    let spans = traces(testing::spans("shop"), 1, 1, "a").error("e");
    let spans = traces(spans, 2, 1, "a").lasting(Duration::from_secs(2));
    let spans = traces(spans, 3, 1, "a");
    let decisions = sampler.sample(spans).expect("decisions");
    assert_eq!(decisions, [Decision::Keep(1.0), Decision::Keep(1.0), Decision::Drop]);
}

#[test]
fn kinds_are_told_apart_by_the_keys() {
    let config = r#"{"keys": ["resource.service.name", "tenant", "size"]}"#;
    let mut sampler = Harness::new(config).expect("a config");
    let spans = testing::spans("shop")
        .trace(1)
        .span("a")
        .attribute("tenant", "x")
        .trace(2)
        .span("b")
        .attribute("tenant", "x");
    let spans = spans
        .trace(3)
        .span("c")
        .attribute("size", 5)
        .service("cart")
        .trace(4)
        .span("d")
        .attribute("tenant", "x");
    sampler.sample(spans).expect("decisions");
    sampler.sample(testing::spans("shop").span("a")).expect("decisions");
    assert_eq!(testing::metric("adaptive_sampler_kinds"), Some(3.0));
}

/// Guarantees: an instance goes on with what the last one knew, unless the config tells other kinds apart.
#[test]
fn what_is_known_is_handed_over() {
    let mut sampler = Harness::new("{}").expect("a config");
    sampler.sample(traces(testing::spans("shop"), 1, 50, "a")).expect("decisions");
    let state = sampler.plugin().save().expect("saved").state;
    for (config, kinds) in [("{}", 2.0), (r#"{"keys": ["root.name"]}"#, 1.0)] {
        let mut next = Harness::new(config).expect("a config");
        next.plugin().restore(Saved { state: state.clone(), batches: Vec::new() }).expect("restored");
        next.sample(testing::spans("shop").span("b")).expect("decisions");
        next.sample(testing::spans("shop").span("b")).expect("decisions");
        assert_eq!(testing::metric("adaptive_sampler_kinds"), Some(kinds), "{config}");
    }
}

#[test]
fn a_mistake_is_found_at_its_key() {
    for (config, path) in [
        (r#"{"traces_per_second": 0}"#, "traces_per_second"),
        (r#"{"keys": []}"#, "keys"),
        (r#"{"interval": "0s"}"#, "interval"),
        (r#"{"weight": 1.5}"#, "weight"),
        (r#"{"initial_percentage": 0}"#, "initial_percentage"),
        (r#"{"max_keys": 0}"#, "max_keys"),
        (r#"{"key": "x"}"#, "key"),
    ] {
        assert_eq!(Harness::new(config).expect_err("a mistake").path, path, "{config}");
    }
}

/// Guarantees: the schema has every key, and a config of the schema's defaults is the default config.
#[test]
fn the_schema_says_what_the_config_takes() {
    let schema: spanloom_plugin::serde_json::Value =
        spanloom_plugin::serde_json::from_str(include_str!("../config.schema.json")).expect("JSON");
    let properties = schema["properties"].as_object().expect("properties");
    let defaults = properties.iter().map(|(key, of)| (key.clone(), of["default"].clone())).collect();
    let config = spanloom_plugin::serde_json::Value::Object(defaults);
    let config: Config = spanloom_plugin::serde_json::from_value(config).expect("a config");
    assert_eq!(config, Config::default());
}
