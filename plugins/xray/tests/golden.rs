//! Compares spans and their documents, side by side: `golden/NAME.otlp.json` and
//! `golden/NAME.documents.json`.
//!
//! `SPANLOOM_UPDATE_SNAPSHOTS=1 cargo test -p spanloom-xray --test golden` rewrites the documents.

#![expect(clippy::expect_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spanloom_plugin::testing;

/// Reads a fixture: the request, and the config if there is one.
fn documents(input: &Path) -> Value {
    let text = fs::read_to_string(input).expect("an input");
    let mut request: Value = serde_json::from_str(&text).expect("JSON");
    let config = request.as_object_mut().expect("an object").remove("config").unwrap_or_else(|| json!({}));
    let spans = testing::from_json(&request.to_string()).expect("OTLP");
    let documents = spanloom_xray::documents(&config.to_string(), &spans).expect("a config");
    documents.iter().map(|document| serde_json::from_str::<Value>(document).expect("JSON")).collect()
}

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut inputs: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(".otlp.json")).collect();
    inputs.sort();
    assert!(inputs.len() >= 25, "only {} fixtures were found", inputs.len());
    inputs
}

/// Scenario: a span for each rule of the translation. Guarantees: its documents are those that were once
/// reviewed.
#[test]
fn spans_become_the_documents_beside_them() {
    let update = std::env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for input in inputs() {
        let expected = input.with_file_name(
            input.file_name().expect("a name").to_string_lossy().replace(".otlp.json", ".documents.json"),
        );
        let made = serde_json::to_string_pretty(&documents(&input)).expect("text") + "\n";
        if update {
            fs::write(&expected, made).expect("written");
        } else if fs::read_to_string(&expected).unwrap_or_default() != made {
            wrong.push(format!("{}:\n{made}", input.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Guarantees: each golden document is valid according to X-Ray's documentation.
#[test]
fn golden_documents_are_what_the_developer_guide_says() {
    let schema = serde_json::from_str(include_str!("segment-document.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for input in inputs() {
        for document in documents(&input).as_array().expect("documents") {
            let errors: Vec<String> = validator
                .iter_errors(document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}\n{document:#}", input.display());
        }
    }
}
