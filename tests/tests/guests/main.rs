//! Plugins that misbehave: each costs only the call that it was in. Senders are answered as `on_failure`
//! says, the other pipelines do not notice, and every span is accounted for.

mod answers;
mod connectors;
mod edits;
mod exporters;
mod failing;
mod files;
mod floods;
mod handles;
mod heirs;
mod holding;
mod outside;
mod samplers;

use std::{fs, path::Path};

/// Scenario: the sources of the guests and of their tests are read.
/// Guarantees: each behaviour of a guest is named by a test.
#[test]
fn every_behaviour_of_the_guests_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(here.join(path)).expect("a source file");
    let guests =
        ["src/behaviours.rs", "examples/sampler.rs", "examples/exporter.rs", "examples/connector.rs"];
    let tests: String = fs::read_dir(here.join("tests/guests"))
        .expect("the tests")
        .map(|entry| fs::read_to_string(entry.expect("a file").path()).expect("a source file"))
        .collect();
    let mut behaviours = 0;
    for line in guests.map(|guest| read(&format!("guests/{guest}"))).concat().lines() {
        let Some((name, _)) = line.strip_prefix("    (\"").and_then(|rest| rest.split_once("\", ")) else {
            continue;
        };
        behaviours += 1;
        assert!(tests.contains(&format!("\"{name}\"")), "no test for the guest that does `{name}`");
    }
    assert!(behaviours > 50, "{behaviours} were found");
}
