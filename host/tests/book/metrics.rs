//! Metrics that a page names are metrics that the code has.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    assert_none,
    pages::{self, root},
};

/// The beginnings of the names of own metrics.
const OURS: [&str; 2] = ["spanloom_", "otelcol_"];

/// Endings that the exposition adds to a name.
const ENDINGS: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];

/// The crate of the SDK, whose name begins in the same way.
const SDK: &str = "spanloom_plugin";

/// Scenario: every name of a metric on the pages of the book and in the READMEs.
/// Guarantees: the source of the host or of a built-in plugin has the name.
#[test]
fn every_metric_is_in_the_code() {
    let mut known = BTreeSet::new();
    for folder in ["host/src", "plugins"] {
        gather(&root().join(folder), &mut known);
    }
    let mut complaints = Vec::new();
    let mut checked = 0;
    for page in pages::all() {
        for (number, line) in (1..).zip(page.text.lines()) {
            for name in names(line).into_iter().filter(|name| name != SDK) {
                checked += 1;
                if !is_known(&name, &known) {
                    complaints.push(format!("{}:{number}: no metric `{name}`", page.path));
                }
            }
        }
    }
    assert!(checked > 50, "{checked}");
    assert_none(&complaints);
}

/// Returns whether the code has the name, or makes it of a beginning such as `otelcol_connector_servicegraph_{name}`.
fn is_known(name: &str, known: &BTreeSet<String>) -> bool {
    let plain = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let is_beginning = |known: &&String| known.ends_with('_') && known.matches('_').count() > 2;
    known.contains(name)
        || known.contains(plain)
        || known.iter().filter(is_beginning).any(|known| name.starts_with(known.as_str()))
        // `otelcol_receiver_*` stands for several.
        || (name.ends_with('_') && known.iter().any(|known| known.starts_with(name)))
}

/// Returns the words of a text that look like own metrics.
fn names(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    // A package's file is called `spanloom_0.1.0_amd64.deb`.
    let is_named =
        |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.contains(char::is_uppercase);
    let is_name = |word: &&str| OURS.iter().any(|start| word.strip_prefix(start).is_some_and(is_named));
    words.filter(is_name).map(str::to_owned).collect()
}

fn gather(folder: &Path, known: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            gather(&path, known);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            known.extend(names(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Scenario: the metrics of the host, which all have a help text, and the page about metrics.
/// Guarantees: the page names each.
#[test]
fn the_page_has_every_metric_of_the_host() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let page: BTreeSet<String> = names(&read("docs/metrics.md")).into_iter().collect();
    let of_host = names(&read("host/src/telemetry/help.rs"));
    assert!(of_host.len() > 50, "{of_host:?}");
    let missing: Vec<String> = of_host.into_iter().filter(|name| !page.contains(name)).collect();
    assert_none(&missing);
}
