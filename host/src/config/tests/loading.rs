//! Merging several sources into one config.

use serde_json::{Value, json};

use super::{Files, env};
use crate::config::load::load;

fn loaded(configs: &[&str], sets: &[&str]) -> Value {
    let configs: Vec<String> = configs.iter().map(|config| format!("yaml:{config}")).collect();
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    load(&configs, &sets, &env).unwrap().root.read().unwrap()
}

/// Scenario: two configs have the same keys, with values of several types.
/// Guarantees: maps merge, and any other value is replaced by the later one.
#[test]
fn maps_merge_and_all_else_is_replaced() {
    let base = "a: {x: 1, y: [1, 2]}\nb: text\nc:\nd: {z: 1}";
    let site = "a: {y: [3], w: 2}\nb: {now: map}\nc: {k: v}\nd:";
    assert_eq!(
        loaded(&[base, site], &[]),
        json!({"a": {"x": 1, "y": [3], "w": 2}, "b": {"now": "map"}, "c": {"k": "v"}, "d": null})
    );
}

/// Scenario: a later config is empty, a comment, or null; keys within a map and a list are joined by `::`.
/// Guarantees: the config is as without it, and the keys are nested.
#[test]
fn an_empty_config_changes_nothing() {
    let base = "a: {b::c: 1, b: {d: 2}}\nl: [{x::y: 3}]";
    let nested = json!({"a": {"b": {"c": 1, "d": 2}}, "l": [{"x": {"y": 3}}]});
    for later in ["", "# nothing", "null", "~"] {
        assert_eq!(loaded(&[base, later], &[]), nested, "{later:?}");
    }
}

/// Scenario: `--set` changes values of a config, with keys in both notations.
/// Guarantees: each value is set, with references expanded.
#[test]
fn what_is_set_goes_over_every_config() {
    let config = "processors: {batch: {timeout: 1s}}";
    let sets = [
        "processors::batch::timeout=2s",
        "processors.batch.sizes=[1, 2]",
        "exporters::otlp/a.b::endpoint=${HOST}:${PORT}",
        "service.x=",
        "processors::batch::eq=a=b",
    ];
    assert_eq!(
        loaded(&[config], &sets),
        json!({
            "processors": {"batch": {"timeout": "2s", "sizes": [1, 2], "eq": "a=b"}},
            "exporters": {"otlp/a.b": {"endpoint": "backend:4317"}},
            "service": {"x": null},
        })
    );
}

/// Scenario: keys are joined by `::`, as users of the Collector write on the command line:
/// `--config "yaml:exporters::file::path: x"`.
/// Guarantees: each leads to its nested map, and an empty key is an error.
#[test]
fn keys_joined_by_colons_lead_to_their_branch() {
    let joined = "exporters::file::path: x\nexporters: {file: {append: true}}\nexporters::file/2::path: y";
    assert_eq!(
        loaded(&["exporters: {file: {path: w, format: json}}", joined], &[]),
        json!({"exporters": {
            "file": {"path": "x", "format": "json", "append": true},
            "file/2": {"path": "y"},
        }})
    );
    let error = load(&["yaml:a::: 1".to_owned()], &[], &env).unwrap_err();
    assert!(
        error.to_string().starts_with("error: of the keys of `a::` one is empty\n --> yaml::1:1"),
        "{error}"
    );
}

/// Scenario: two files and a `--set` are merged.
/// Guarantees: each value has the place in its own source.
#[test]
fn a_value_keeps_the_place_it_came_from() {
    let files = Files::new(&[("base.yaml", "a:\n  x: 1\n  y: 2\n"), ("site.yaml", "# here\na: { x: 3 }\n")]);
    let configs = [files.path("base.yaml"), format!("file:{}", files.path("site.yaml"))];
    let root = load(&configs, &["a.z=4".to_owned()], &env).unwrap().root;
    let place = |key| files.strip(&root.nearest(["a", key]).at().unwrap().to_string());
    assert_eq!(place("x"), "site.yaml:2:9");
    assert_eq!(place("y"), "base.yaml:3:6");
    assert_eq!(place("z"), "--set a.z:1:1");
}

/// Scenario: `--config` names an environment variable.
/// Guarantees: the variable's text is the config.
#[test]
fn a_config_may_stand_in_the_environment() {
    let root = load(&["env:MAP".to_owned()], &[], &env).unwrap().root;
    assert_eq!(root.read::<Value>().unwrap(), json!({"a": 1, "b": ["x", "y"]}));
}

/// Scenario: sources are missing, not UTF-8, too large, or on the web.
/// Guarantees: each error names the source and the problem.
#[test]
fn a_source_that_cannot_be_had_is_named() {
    let files = Files::new(&[("latin1.yaml", "")]);
    std::fs::write(files.path("latin1.yaml"), b"a: \xe9").unwrap();
    let cases = [
        (
            files.path("missing.yaml"),
            "error: cannot read missing.yaml: No such file or directory (os error 2)",
        ),
        (files.path("latin1.yaml"), "error: latin1.yaml is not UTF-8 text"),
        ("/dev/zero".to_owned(), "error: /dev/zero is larger than 4194304 bytes"),
        ("env:NONE".to_owned(), "error: the environment variable `NONE` is not set"),
        (
            "https://example.com/otel.yaml".to_owned(),
            "error: a config is not read over https; `--config` takes a path, `file:`, `env:` or `yaml:`",
        ),
    ];
    for (config, expected) in cases {
        let error = load(&[config], &[], &env).unwrap_err();
        assert_eq!(files.strip(&error.to_string()), expected);
    }
}

/// Scenario: `--set` values lack a key or a value, or hold broken YAML.
/// Guarantees: each is an error that says how to write a setting, or where the YAML breaks.
#[test]
fn a_setting_is_a_key_and_a_value() {
    for set in ["a", "=5", "a..b=5", "a::=5", "::a=5"] {
        let error = load(&[], &[set.to_owned()], &env).unwrap_err();
        assert!(error.to_string().contains("`--set` takes `key=value`"), "{error}");
    }
    let error = load(&[], &["a.b=[".to_owned()], &env).unwrap_err();
    assert!(error.to_string().contains("--> --set a.b:"), "{error}");
}
