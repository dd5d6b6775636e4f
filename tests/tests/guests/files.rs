//! Files that are no plugins: each is refused with a reason before any of its code runs.

use std::fs;

use spanloom_tests::{command, guests::component};

/// Checks that `run` and `validate` refuse a config whose plugin has these bytes, with these texts.
async fn check(bytes: &[u8], says: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("bad.wasm"), bytes).expect("a file");
    let config = "plugins: {misbehave: {path: ./bad.wasm}}\n\
         receivers: {otlp: {protocols: {http: {endpoint: \"127.0.0.1:0\"}}}}\n\
         processors: {misbehave: }\n\
         exporters: {debug: }\n\
         service: {pipelines: {traces: {receivers: [otlp], processors: [misbehave], exporters: [debug]}}}\n";
    let path = folder.path().join("config.yaml");
    fs::write(&path, config).expect("a file");
    for command in ["run", "validate"] {
        let ended = command::spanloom(&[command, "--config", path.to_str().expect("text")]).await;
        let output = ended.stdout + &ended.stderr;
        assert_eq!(ended.code, 2, "{command}:\n{output}");
        for part in says {
            assert!(output.contains(part), "{command}: no `{part}` in\n{output}");
        }
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

/// Scenario: the file of a plugin is a shell script, or is empty.
/// Guarantees: the file is refused by its name.
#[tokio::test]
async fn what_is_not_wasm_is_refused() {
    check(b"#!/bin/sh\necho hello\n", &["cannot be used", "bad.wasm"]).await;
    check(b"", &["cannot be used", "bad.wasm"]).await;
}

/// Scenario: the file of a plugin is a core module.
/// Guarantees: the file is refused, and the error speaks of a component.
#[tokio::test]
async fn a_core_module_is_refused_with_how_to_make_a_component_of_it() {
    check(&wat("(module)"), &["component"]).await;
}

/// Scenario: the file of a plugin lacks its end.
/// Guarantees: the file is refused, wherever it is cut.
#[tokio::test]
async fn half_a_component_is_refused() {
    let Some(path) = component("processor") else { return };
    let bytes = fs::read(path).expect("the component");
    for len in [9, 100, bytes.len() / 2, bytes.len() - 1] {
        check(&bytes[..len], &["misbehave"]).await;
    }
}

/// Scenario: the file of a plugin has 64 overwritten bytes of code.
/// Guarantees: the file is refused.
#[tokio::test]
async fn a_component_with_damaged_code_is_refused() {
    let Some(path) = component("processor") else { return };
    let mut bytes = fs::read(path).expect("the component");
    let code = bytes.len() / 20;
    bytes[code..code + 64].fill(0xff);
    check(&bytes, &["misbehave"]).await;
}

/// Scenario: the file of a plugin is a component that exports nothing.
/// Guarantees: the file is refused, and the error lists the roles.
#[tokio::test]
async fn a_component_without_a_role_is_refused_with_the_roles_there_are() {
    check(&wat("(component)"), &["processing", "sampling", "exporting", "connecting"]).await;
}

/// Scenario: a component exports a version of the interface that this host does not have.
/// Guarantees: the file is refused, and the error names this version and the supported ones.
#[tokio::test]
async fn a_component_of_another_version_is_refused_with_the_versions_that_would_do() {
    let text = "(component (instance $i) (export \"spanloom:plugin/processing@0.9.0\" (instance $i)))";
    check(&wat(text), &["0.9.0", "0.1.0"]).await;
}

/// Scenario: a component imports an interface that this host does not have.
/// Guarantees: the file is refused, and the error names the import.
#[tokio::test]
async fn an_import_that_nobody_has_is_refused_by_its_name() {
    let text = "(component (import \"evil:corp/exfiltrate@1.0.0\" (instance)) \
         (instance $i) (export \"spanloom:plugin/processing@0.1.0\" (instance $i)))";
    check(&wat(text), &["evil:corp/exfiltrate@1.0.0"]).await;
}

/// Scenario: a component exports the interface of a role without its functions.
/// Guarantees: the file is refused.
#[tokio::test]
async fn a_role_without_its_functions_is_refused() {
    let text = "(component (instance $i) (export \"spanloom:plugin/processing@0.1.0\" (instance $i)))";
    check(&wat(text), &["misbehave"]).await;
}
