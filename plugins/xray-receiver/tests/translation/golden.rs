//! Compares segments and their spans, side by side: `golden/NAME.segment.json` and `golden/NAME.otlp.json`.
//!
//! `SPANLOOM_UPDATE_SNAPSHOTS=1 cargo test -p spanloom-xray-receiver --test translation` rewrites the spans.

use std::fs;
use std::path::{Path, PathBuf};

use crate::document::{contains, documents, flat, kept, otlp, spans};

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut inputs: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(".segment.json")).collect();
    inputs.sort();
    assert!(inputs.len() >= 11, "only {} fixtures were found", inputs.len());
    inputs
}

/// Scenario: documents as the SDKs for Python, Node.js, Java and Go send them, and one for each other rule.
/// Guarantees: their spans are those that were once reviewed.
#[test]
fn segments_become_the_spans_beside_them() {
    let update = std::env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for input in inputs() {
        let expected = input.to_string_lossy().replace(".segment.json", ".otlp.json");
        let segment = fs::read_to_string(&input).expect("an input");
        let made = serde_json::to_string_pretty(&otlp(&spans(&segment))).expect("text") + "\n";
        if update {
            fs::write(&expected, made).expect("written");
        } else if fs::read_to_string(&expected).unwrap_or_default() != made {
            wrong.push(format!("{}:\n{made}", input.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Scenario: the spans of each document go on to the exporter `awsxray`. Guarantees: the documents that it sends have
/// all that came in, but for what the README lists.
#[test]
fn the_exporter_sends_what_the_receiver_got() {
    // Values of wrong types are left out.
    for input in inputs().into_iter().filter(|input| !input.ends_with("odd.segment.json")) {
        let segment = fs::read_to_string(&input).expect("an input");
        let expected = flat(&serde_json::from_str(&segment).expect("JSON"));
        let sent = documents(&spans(&segment));
        assert_eq!(sent.len(), expected.len(), "{}", input.display());
        for (sent, expected) in sent.iter().zip(expected) {
            contains(sent, &kept(expected), &input.display().to_string());
        }
    }
}
