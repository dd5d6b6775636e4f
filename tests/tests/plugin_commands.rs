//! `spanloom plugin test` and `plugin bench`, run with the example plugins.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use spanloom_tests::{
    command::{assert_snapshot, spanloom},
    skip::skip,
};

/// Finds a component that `cargo xtask plugins` made.
///
/// Returns `None` and notes the test as skipped if the component was not made.
fn component(file: &str) -> Option<String> {
    let built = root().join("target/plugins");
    let component = env::var_os("SPANLOOM_PLUGINS").map_or(built, PathBuf::from).join(file);
    if !component.exists() {
        skip(&format!("no {file}: `cargo xtask plugins` makes it"));
        return None;
    }
    Some(component.to_str().expect("UTF-8").to_owned())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

fn fixtures(plugin: &str) -> String {
    root().join("examples/plugins/fixtures").join(plugin).display().to_string()
}

/// Scenario: `plugin test` runs the example plugins of every language with their fixtures.
/// Guarantees: every plugin gives the golden output.
#[tokio::test]
async fn every_example_passes_its_cases() {
    for language in ["c", "javascript", "python", "rust"] {
        let receiver = (language != "c").then_some(("webhook-receiver", "5 cases, 5 passed"));
        let others = ["redactor", "keep-errors"].map(|plugin| (plugin, "1 case, 1 passed"));
        for (plugin, passed) in others.into_iter().chain(receiver) {
            let Some(component) = component(&format!("{language}-{plugin}.wasm")) else { continue };
            let ended = spanloom(&["plugin", "test", &component, "--fixtures", &fixtures(plugin)]).await;
            assert_eq!(ended.code, 0, "{language} {plugin}: {}{}", ended.stdout, ended.stderr);
            assert!(
                ended.stdout.ends_with(&format!("\n{passed}\n")),
                "{language} {plugin}: {}",
                ended.stdout
            );
        }
    }
}

/// Scenario: `plugin test` runs a processor and a sampler without a golden file.
/// Guarantees: the output shows what happened to each span or trace, as in the snapshot.
#[tokio::test]
async fn without_a_golden_file_it_is_shown_what_the_plugin_does() {
    let shop = fixtures("shop.json");
    for (plugin, config) in [("redactor", "{keys: [card], tag: team}"), ("keep-errors", "{share: 0.05}")] {
        let Some(component) = component(&format!("c-{plugin}.wasm")) else { continue };
        let ended = spanloom(&["plugin", "test", &component, "--fixtures", &shop, "--config", config]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
        assert_snapshot(&format!("plugin-test-{plugin}"), &ended.stdout);
    }
}

/// Scenario: `plugin test` runs an exporter as it is, with `--update`, and with a failing answer.
/// Guarantees: its requests are shown, not sent; the recorded outcome passes, the failing answer does not.
#[tokio::test]
async fn an_exporters_requests_are_shown_and_its_failures_tried() {
    let Some(webhook) = component("rust-webhook.wasm") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(fixtures("shop.json"), folder.path().join("shop.json")).expect("a copy");
    let fixtures = folder.path().to_str().expect("UTF-8");
    let test = [
        "plugin",
        "test",
        &webhook,
        "--config",
        "{url: \"https://hook.example/in\"}",
        "--fixtures",
        fixtures,
    ];
    let shown = spanloom(&[&test[..], &["--format", "json"]].concat()).await;
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{}", shown.stdout);
    let report: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let outcome: Value =
        serde_json::from_str(report["cases"][0]["outcome"].as_str().expect("text")).expect("JSON");
    assert_eq!(outcome["outcome"], "ok");
    assert_eq!(outcome["requests"][0]["url"], "https://hook.example/in");
    let updated = spanloom(&[&test[..], &["--update"]].concat()).await;
    assert_eq!(updated.code, 0, "{}{}", updated.stdout, updated.stderr);
    let again = spanloom(&test).await;
    assert_eq!(again.code, 0, "{}", again.stdout);
    let failing = spanloom(&[&test[..], &["--answer", "503"]].concat()).await;
    assert_eq!(failing.code, 1, "{}", failing.stdout);
    assert!(failing.stdout.contains("- outcome: \"ok\"\n"), "{}", failing.stdout);
    assert!(failing.stdout.contains("retryable"), "{}", failing.stdout);
}

/// Scenario: `plugin test` runs with a config that the plugin refuses.
/// Guarantees: the command exits with 2, and the error points at the value.
#[tokio::test]
async fn a_refused_config_ends_with_2_and_the_place() {
    let Some(component) = component("c-keep-errors.wasm") else { return };
    let shop = fixtures("shop.json");
    let ended =
        spanloom(&["plugin", "test", &component, "--fixtures", &shop, "--config", "{share: 7}"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(
        ended.stderr.starts_with("error: ") && ended.stderr.contains("--> --config:1:9"),
        "{}",
        ended.stderr
    );
}

/// Scenario: `plugin bench` runs an example plugin for a second.
/// Guarantees: the report has figures for no plugin (the cheapest), an idle plugin, and the plugin.
#[tokio::test]
async fn a_bench_holds_the_plugin_against_none_and_one_that_does_nothing() {
    let Some(component) = component("c-redactor.wasm") else { return };
    let bench = ["plugin", "bench", &component, "--spans", "200", "--seconds", "1", "--format", "json"];
    let ended = spanloom(&bench).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let figures = report["subjects"].as_array().expect("figures");
    let names: Vec<&str> = figures.iter().filter_map(|figure| figure["name"].as_str()).collect();
    assert_eq!(names, ["no plugin", "identity plugin", "redactor"]);
    let ns = |place: usize| figures[place]["ns_per_item"].as_f64().expect("a number");
    assert!(0.0 < ns(1) && 0.0 < ns(0) && ns(0) < ns(2), "{figures:?}");
    assert_eq!(report["items"], 200);
}
