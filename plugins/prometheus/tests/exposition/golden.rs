//! Compares scrapes with golden files. `tests/golden/NAME.otlp.json`, with the config `NAME.config.json` if
//! there is one, becomes `NAME.txt`, `NAME.openmetrics.txt` and `NAME.proto.txt`. `NAME.dropped.txt` lists
//! the points that are not shown, with reasons.
//!
//! `SPANLOOM_UPDATE_SNAPSHOTS=1 cargo test -p spanloom-prometheus` rewrites these files.

use std::{env, fs, path::Path};

use similar::TextDiff;
use spanloom_plugin::{ExportError, Exporter, log::Level, testing};

use crate::{
    client_model::{dump, families},
    scrape::{self, OPEN_METRICS, PROTOBUF, TEXT, TEXT_UTF8},
};

/// Scenario: the metrics of each file arrive in one batch, and are scraped in each format. Guarantees that
/// every rule of names, labels, types and values is shown as in the files.
#[test]
fn metrics_are_shown_as_the_golden_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the golden files")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".otlp.json").map(String::from))
        .collect();
    names.sort();
    assert!(names.len() > 15, "golden files are missing: {names:?}");
    let wrong: Vec<String> = names.iter().flat_map(|name| check(&folder, name)).collect();
    assert!(
        wrong.is_empty(),
        "{}\nnot as the golden files have it (if it is right now, run the test with SPANLOOM_UPDATE_SNAPSHOTS=1)",
        wrong.join("\n")
    );
}

/// Returns the differences from the golden files.
fn check(folder: &Path, name: &str) -> Vec<String> {
    let read = |suffix: &str| fs::read_to_string(folder.join(format!("{name}.{suffix}"))).unwrap_or_default();
    let config = read("config.json");
    let mut exporter = scrape::exporter(if config.is_empty() { "{}" } else { &config });
    let metrics = testing::metrics_from_json(&read("otlp.json")).expect(name);
    let exported: Result<(), ExportError> = exporter.plugin().export_metrics(metrics);
    exported.expect(name);
    let mut shown = vec![
        ("txt", scrape::text(&mut exporter, TEXT)),
        ("openmetrics.txt", scrape::text(&mut exporter, OPEN_METRICS)),
        ("proto.txt", dump(&families(&scrape::scrape(&mut exporter, PROTOBUF).body))),
        ("dropped.txt", dropped()),
    ];
    if config.contains("NoUTF8") || config.contains("NoTranslation") {
        shown.push(("utf8.txt", scrape::text(&mut exporter, TEXT_UTF8)));
    }
    let differs = |(suffix, actual): (&str, String)| {
        let expected = read(suffix);
        if env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some() {
            update(&folder.join(format!("{name}.{suffix}")), &actual);
            return None;
        }
        let diff = TextDiff::from_lines(&expected, &actual);
        let header = format!("{name}.{suffix}");
        (expected != actual).then(|| diff.unified_diff().header(&header, "now").to_string())
    };
    shown.into_iter().filter_map(differs).collect()
}

fn update(file: &Path, text: &str) {
    match text.is_empty() {
        true if file.exists() => fs::remove_file(file).expect("removed"),
        true => {}
        false => fs::write(file, text).expect("written"),
    }
}

fn dropped() -> String {
    let warnings = testing::lines().into_iter().filter(|(level, _)| *level == Level::Warn);
    warnings.map(|(_, line)| line + "\n").collect()
}
