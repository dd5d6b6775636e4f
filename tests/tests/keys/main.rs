//! Every key that a component has, native or built in, is accepted in a config, by `validate` and by a start.
//!
//! The tests ask the binary for the keys. They list only the keys that need a particular value.

mod cases;
mod readme;
mod tree;
mod x_ray;

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use spanloom_tests::{Spanloom, guests::built};

use cases::{Case, Files};
use tree::Type;

/// Scenario: `validate` reads a config that has a component for each key of each type.
/// Guarantees: the config is valid. A component with a refused key is refused for that key, not as unknown.
#[tokio::test]
async fn every_key_of_every_component_is_taken_by_validate() {
    let files = Files::new();
    let (refused, taken): (Vec<Case>, Vec<Case>) =
        every_case(&files).await.into_iter().partition(|case| case.is_refused);
    assert!(taken.len() > 200, "only {} keys were found", taken.len());
    let ended = tree::validate(&with(&taken)).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for case in refused {
        let ended = tree::validate(&with(std::slice::from_ref(&case))).await;
        assert_eq!(ended.code, 2, "{} is refused no more: take it from the list", case.id);
        assert!(ended.stderr.contains(&case.id) && !ended.stderr.contains("unknown key"), "{}", ended.stderr);
    }
}

/// Scenario: for each type, a process starts with one component for each key.
/// Guarantees: the process starts and ends without an error.
#[tokio::test]
async fn a_start_takes_every_key_of_every_component() {
    let files = Files::new();
    let mut cases = every_case(&files).await;
    cases.retain(|case| !case.is_refused);
    let types: BTreeSet<&Type> = cases.iter().map(|case| &case.of).collect();
    for of in types {
        let cases: Vec<Case> = cases.iter().filter(|case| case.of == *of).cloned().collect();
        let path = files.folder().join(format!("{}.yaml", of.name));
        fs::write(&path, running(of, &cases).to_string()).expect("a config");
        let ids: Vec<&str> =
            cases.iter().filter(|_| of.section == "extensions").map(|case| case.id.as_str()).collect();
        let extensions = format!(
            "service::extensions=[{}]",
            [&["health_check", "bearertokenauth", "memory_limiter"], ids.as_slice()].concat().join(", ")
        );
        println!("{} with {} keys", of.name, cases.len());
        Spanloom::start_file_with(&path, &["--set", &extensions], &cases::CREDENTIALS).await.finish().await;
    }
}

/// Scenario: the README of each built-in component is compared with the keys that the binary knows.
/// Guarantees: the README has every key of the component and no others.
#[tokio::test]
async fn the_readme_of_a_built_in_component_has_its_keys_and_no_others() {
    let types = tree::types().await;
    let keys = tree::keys(&types).await;
    let mut wrong = Vec::new();
    for readme in readme::all() {
        // A receiver and an exporter may have one name.
        let named = types.iter().filter(|of| of.name == readme.component);
        let of = named.min_by_key(|of| !readme.is_of(&of.section));
        let of = of.unwrap_or_else(|| panic!("no component is called {}", readme.component));
        let known: BTreeSet<&str> = keys[of].iter().flat_map(|key| tree::prefixes(&key.path)).collect();
        let unknown = readme.documented.iter().filter(|key| !known.contains(key.as_str()));
        wrong.extend(unknown.map(|key| format!("{}: `{key}` is documented, and no key", of.name)));
        let silent = keys[of].iter().filter(|key| !readme.mentions(&key.path));
        wrong.extend(silent.map(|key| format!("{}: `{}` is not in the README", of.name, key.path)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn every_case(files: &Files) -> Vec<Case> {
    let types = tree::types().await;
    let keys = tree::keys(&types).await;
    let can_run = |of: &Type| of.name != "tail_sampling" || built("rust-keep-errors.wasm").is_some();
    keys.iter().filter(|(of, _)| can_run(of)).flat_map(|(of, keys)| cases::of(of, keys, files)).collect()
}

/// Returns a config with a pipeline and these components.
fn with(cases: &[Case]) -> Value {
    let mut config = json!({
        "receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
        "exporters": {"nop": {}},
        "extensions": {"bearertokenauth": {"token": "t"}, "memory_limiter": cases::limits()},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["nop"]}}},
    });
    if cases.iter().any(|case| case.of.name == "tail_sampling") {
        config["plugins"] = json!({"keep_errors": {"path": built("rust-keep-errors.wasm")}});
        config["processors"]["keep_errors"] = json!({});
    }
    for case in cases {
        config[&case.of.section][&case.id] = case.config.clone();
    }
    config
}

/// Returns a config in which each component (all have one type) is part of a pipeline.
fn running(of: &Type, cases: &[Case]) -> Value {
    let mut config = with(cases);
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    let mut pipeline = |id: &str, receivers: &[&str], processors: &[&str], exporters: &[&str]| {
        config["service"]["pipelines"][id] =
            json!({"receivers": receivers, "processors": processors, "exporters": exporters});
    };
    match of.section.as_str() {
        "receivers" => of.signals.iter().for_each(|signal| pipeline(signal, &ids, &[], &["nop"])),
        "processors" => of.signals.iter().for_each(|signal| pipeline(signal, &["otlp"], &ids, &["nop"])),
        "exporters" => of.signals.iter().for_each(|signal| pipeline(signal, &["otlp"], &[], &ids)),
        "connectors" => {
            pipeline(&of.signals[0], &["otlp"], &[], &ids);
            pipeline(&format!("{}/out", of.emits[0]), &ids, &[], &["nop"]);
        }
        _ => {}
    }
    config
}
