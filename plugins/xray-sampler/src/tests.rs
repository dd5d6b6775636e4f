mod deciding;
mod matching;
mod service;

use spanloom_plugin::{
    serde_json::{self, Value},
    testing::{self, Spans},
};

use super::*;

type Harness = testing::Sampler<XRaySampler>;

const SERVICE: &str = r#""endpoint": "http://xray.test""#;

fn local(rules: &str) -> Harness {
    Harness::new(&format!(r#"{{"source": "local", "rules": {rules}}}"#)).expect("a config")
}

/// Returns an id that looks random, always the same for a number.
fn id(number: u128) -> u128 {
    (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// Returns traces of one span each.
fn traces(first: u128, count: u128) -> Spans {
    (first..first + count).fold(testing::spans("shop"), |spans, number| spans.trace(id(number)).span("GET"))
}

/// Returns how many traces a batch of decisions keeps, and how many these stand for.
fn kept(decisions: &[Decision]) -> (usize, f64) {
    let rates: Vec<f64> = decisions.iter().filter_map(|decision| decision.rate()).collect();
    (rates.len(), rates.iter().map(|rate| 1.0 / rate).sum())
}

#[test]
fn a_mistake_is_found_at_its_key() {
    let of_rules = |rules: &str| format!(r#"{{"source": "local", "rules": {rules}}}"#);
    let share = r#""default": {"fixed_target": 1, "rate": 0.5}"#;
    for (config, path) in [
        ("{}".to_owned(), "endpoint"),
        (r#"{"source": "proxy", "endpoint": "localhost:2000"}"#.to_owned(), "endpoint"),
        (r#"{"source": "local"}"#.to_owned(), "rules"),
        (r#"{"source": "file"}"#.to_owned(), "source"),
        (format!(r#"{{{SERVICE}, "rules_interval": "0s"}}"#), "rules_interval"),
        (format!(r#"{{{SERVICE}, "targets_interval": 0}}"#), "targets_interval"),
        (format!(r#"{{{SERVICE}, "timeout": "1us"}}"#), "timeout"),
        (format!(r#"{{{SERVICE}, "timeout": "10h"}}"#), "timeout"),
        (of_rules(&format!(r#"{{"version": 1, {share}}}"#)), "rules.version"),
        (of_rules(r#"{"version": 2, "default": {"fixed_target": 1, "rate": 5}}"#), "rules.default.rate"),
        (
            of_rules(r#"{"version": 2, "default": {"fixed_target": -1, "rate": 0}}"#),
            "rules.default.fixed_target",
        ),
        (
            of_rules(&format!(
                r#"{{"version": 2, {share}, "rules": [{{"fixed_target": 1, "rate": -0.1}}]}}"#
            )),
            "rules.rules[0].rate",
        ),
        (
            of_rules(&format!(
                r#"{{"version": 2, {share}, "rules": [{{"service_name": "x", "fixed_target": 1, "rate": 1}}]}}"#
            )),
            "rules.rules[0].service_name",
        ),
    ] {
        assert_eq!(Harness::new(&config).expect_err("a mistake").path, path, "{config}");
    }
    let error = Harness::new(&of_rules(r#""{\"version\": 2}""#)).expect_err("a mistake");
    assert!(error.path == "rules" && error.message.contains("`default`"), "{error:?}");
}

/// Guarantees: the schema has every key, and a config of the schema's defaults is the default config.
#[test]
fn the_schema_says_what_the_config_takes() {
    let schema: Value = serde_json::from_str(include_str!("../config.schema.json")).expect("JSON");
    let properties = schema["properties"].as_object().expect("properties");
    let defaults = properties.iter().filter_map(|(key, of)| Some((key.clone(), of.get("default")?.clone())));
    let config: Config = serde_json::from_value(defaults.collect()).expect("a config");
    assert_eq!(config, Config::default());
    let without_default: Vec<&String> =
        properties.iter().filter(|(_, of)| of.get("default").is_none()).map(|(key, _)| key).collect();
    assert_eq!(without_default, ["rules"]);
}
