//! Files that are no plugins: each is refused with what is wrong with it, before anything of it is run.

use std::fs;

use spanloom_tests::{command, guests::component};

/// What `run` and `validate` say to a config whose plugin has these bytes.
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

#[tokio::test]
async fn what_is_not_wasm_is_refused() {
    check(b"#!/bin/sh\necho hello\n", &["cannot be used", "bad.wasm"]).await;
    check(b"", &["cannot be used", "bad.wasm"]).await;
}

#[tokio::test]
async fn a_core_module_is_refused_with_how_to_make_a_component_of_it() {
    check(&wat("(module)"), &["component"]).await;
}

#[tokio::test]
async fn half_a_component_is_refused() {
    let Some(path) = component("processor") else { return };
    let bytes = fs::read(path).expect("the component");
    for len in [9, 100, bytes.len() / 2, bytes.len() - 1] {
        check(&bytes[..len], &["misbehave"]).await;
    }
}

#[tokio::test]
async fn a_component_with_damaged_code_is_refused() {
    let Some(path) = component("processor") else { return };
    let mut bytes = fs::read(path).expect("the component");
    let code = bytes.len() / 20;
    bytes[code..code + 64].fill(0xff);
    check(&bytes, &["misbehave"]).await;
}

#[tokio::test]
async fn a_component_without_a_role_is_refused_with_the_roles_there_are() {
    check(&wat("(component)"), &["processing", "sampling", "exporting", "connecting"]).await;
}

#[tokio::test]
async fn a_component_of_another_version_is_refused_with_the_versions_that_would_do() {
    let text = "(component (instance $i) (export \"spanloom:plugin/processing@0.9.0\" (instance $i)))";
    check(&wat(text), &["0.9.0", "0.1.0"]).await;
}

#[tokio::test]
async fn an_import_that_nobody_has_is_refused_by_its_name() {
    let text = "(component (import \"evil:corp/exfiltrate@1.0.0\" (instance)) \
         (instance $i) (export \"spanloom:plugin/processing@0.1.0\" (instance $i)))";
    check(&wat(text), &["evil:corp/exfiltrate@1.0.0"]).await;
}

/// The interface's name is right, and there is nothing in it.
#[tokio::test]
async fn a_role_without_its_functions_is_refused() {
    let text = "(component (instance $i) (export \"spanloom:plugin/processing@0.1.0\" (instance $i)))";
    check(&wat(text), &["misbehave"]).await;
}
