//! Log lines with hostile values, as a terminal or a log shipper gets them.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::*;
use crate::config::telemetry::SamplingConfig;
use crate::log_line::clean::VALUE_LIMIT_BYTES;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what `log` writes.
fn written(encoding: LogEncoding, colour: bool, log: impl FnOnce()) -> String {
    written_with(&LogsConfig { encoding, ..LogsConfig::default() }, colour, log)
}

fn written_with(config: &LogsConfig, colour: bool, log: impl FnOnce()) -> String {
    let written = Written::default();
    let to = written.clone();
    tracing::dispatcher::with_default(&lines(config, move || to.clone(), colour), log);
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

const HOSTILE: &str =
    "no\n2026-01-01T00:00:00.000000Z  INFO all is well\r\u{1b}]0;title\u{7}\u{9b}2J\u{202e}";

/// Scenario: a destination's message holds a line break and controls of the terminal, and is logged as text.
/// Guarantees: the message stays within its line, with these characters escaped.
#[test]
fn a_value_stays_within_its_line_of_text() {
    for colour in [false, true] {
        let text = written(LogEncoding::Console, colour, || {
            let (said, number) = (HOSTILE, 7);
            tracing::warn!(said, shown = %said, debugged = ?said, number, "it said: {said}");
        });
        // Colours are the logger's own.
        let own = if colour { text.matches("\u{1b}[").count() } else { 0 };
        let controls = text.chars().filter(|character| character.is_control()).count();
        assert_eq!(controls, own + 1, "{text:?}");
        assert!(text.ends_with('\n') && !text.contains('\u{202e}'), "{text:?}");
        let escaped =
            r"no\n2026-01-01T00:00:00.000000Z  INFO all is well\r\u{1b}]0;title\u{7}\u{9b}2J\u{202e}";
        assert_eq!(text.matches(escaped).count(), 4, "{text:?}");
        if !colour {
            let ends = format!(
                "it said: {escaped} said=\"{escaped}\" shown={escaped} debugged=\"{escaped}\" number=7\n"
            );
            assert!(text.ends_with(&ends) && text.contains(" WARN "), "{text}");
        }
    }
}

/// Scenario: the same message is logged as JSON, with fields of other types.
/// Guarantees: the line is one JSON object, with the message escaped and every field in its type.
#[test]
fn a_value_stays_within_its_line_of_json() {
    let text = written(LogEncoding::Json, true, || {
        let said = HOSTILE;
        tracing::warn!(
            said,
            number = 7_u64,
            is_so = true,
            share = 0.5,
            nothing = None::<u64>,
            "it said: {said}"
        );
    });
    assert_eq!(text.chars().filter(|character| character.is_control()).count(), 1, "{text:?}");
    let line: Value = serde_json::from_str(&text).unwrap();
    let said = line["said"].as_str().unwrap();
    assert!(said.starts_with(r"no\n2026") && said.ends_with(r"\u{202e}"), "{said:?}");
    assert_eq!(line["message"], format!("it said: {said}"));
    assert_eq!((&line["level"], &line["number"]), (&Value::from("WARN"), &Value::from(7)));
    assert_eq!((&line["is_so"], &line["share"]), (&Value::from(true), &Value::from(0.5)));
    assert!(line["timestamp"].as_str().is_some_and(|time| time.starts_with("20")), "{line}");
    assert!(line["target"].as_str().is_some_and(|target| target.starts_with("spanloom")), "{line}");
}

/// Scenario: a value of ten megabytes is logged.
/// Guarantees: the value is cut at its limit, and the line says how much is left out.
#[test]
fn a_value_is_cut_where_it_is_too_long() {
    for encoding in [LogEncoding::Console, LogEncoding::Json] {
        let text = written(encoding, false, || tracing::error!("{}", "x".repeat(10 << 20)));
        assert!(text.len() < VALUE_LIMIT_BYTES + 200, "{} bytes", text.len());
        assert!(text.contains(&format!("x… ({} bytes more)", (10 << 20) - VALUE_LIMIT_BYTES)), "{text}");
    }
}

/// Scenario: the config has fields for every line, one of which has the name of a line's own key.
/// Guarantees: each line has the fields, and its own keys are its own.
#[test]
fn every_line_has_the_initial_fields() {
    let config = |encoding| LogsConfig {
        encoding,
        initial_fields: [("team".to_owned(), "a".into()), ("level".to_owned(), 1.into())].into(),
        ..LogsConfig::default()
    };
    let log = || tracing::warn!(number = 7, "said");
    let text = written_with(&config(LogEncoding::Console), false, log);
    assert!(text.ends_with("said number=7 level=1 team=\"a\"\n"), "{text}");
    let text = written_with(&config(LogEncoding::Json), false, log);
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["team"], &line["level"]), (&Value::from("a"), &Value::from("WARN")));
}

/// Scenario: with sampling, one place of the code logs ten lines, and another one line.
/// Guarantees: of the ten, the first two and then every third are written; the other line is written too.
#[test]
fn repeated_lines_are_sampled() {
    let sampling = SamplingConfig { initial: 2, thereafter: 3, ..SamplingConfig::default() };
    let config = LogsConfig { sampling: Some(sampling), ..LogsConfig::default() };
    let text = written_with(&config, false, || {
        for number in 1..=10 {
            tracing::warn!("repeated {number}.");
        }
        tracing::warn!("other");
    });
    let shown: Vec<u32> = (1..=10).filter(|number| text.contains(&format!("repeated {number}."))).collect();
    assert_eq!(shown, [1, 2, 5, 8], "{text}");
    assert!(text.contains("other"), "{text}");
}

/// Scenario: the log goes to two files, and then to one that refuses to be written to.
/// Guarantees: both files have the line, and the output for errors says what went wrong.
#[cfg(target_os = "linux")]
#[test]
fn lines_go_to_the_outputs_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = |output_paths| LogsConfig {
        output_paths,
        error_output_paths: vec![path("errors")],
        ..LogsConfig::default()
    };
    let log = |config: &LogsConfig| {
        let outputs = open(config).unwrap();
        let lines = lines(config, move || outputs.lines(), false);
        tracing::dispatcher::with_default(&lines, || tracing::warn!("said"));
    };
    log(&config(vec![path("a"), path("b")]));
    for name in ["a", "b"] {
        assert!(std::fs::read_to_string(path(name)).unwrap().ends_with(" WARN said\n"), "{name}");
    }
    log(&config(vec!["/dev/full".to_owned()]));
    let errors = std::fs::read_to_string(path("errors")).unwrap();
    assert!(errors.starts_with("cannot write the log to /dev/full: "), "{errors}");
}
