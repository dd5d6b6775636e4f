//! Tests the command with components that are written as text.

use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::{
    cli::plugin::{
        bench::identity,
        fixture,
        testing::{component, component_with},
    },
    plugin::Role,
};

const PROCESSOR: &str = include_str!("../bench/identity/processor.wat");
const SAMPLER: &str = include_str!("../bench/identity/sampler.wat");
const EXPORTER: &str = include_str!("../bench/identity/exporter.wat");

const SPAN: &str = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [
    {"traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0000000000000001", "name": "GET /"}]}]}]}"#;

/// A processor that holds the batch until it is flushed.
const HOLDER: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "spanloom:plugin/processing@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  (func (export "spanloom:plugin/processing@0.1.0#process") (param $signal i32) (param $batch i32) (result i32)
    (i32.store8 (i32.const 64) (local.get $signal))
    (i32.store (i32.const 68) (local.get $batch))
    (i32.const 0))
  (data (i32.const 40) "\40\00\00\00\01\00\00\00")
  (func (export "spanloom:plugin/flush@0.1.0#flush") (result i32) (i32.const 32)))"#;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: TestArgs,
}

/// Creates a folder with a plugin and files.
fn folder(role: Role, module: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p.wasm"), component(role, module)).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Runs the command, and returns its exit, output and error output.
async fn test(folder: &Path, more: &[&str]) -> (Exit, String, String) {
    // A process has only one tap, so another test would take the lines of this test's plugin.
    static TAP: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _tap = TAP.lock().await;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false };
    let (plugin, fixtures) = (folder.join("p.wasm"), folder.to_owned());
    let args = ["test", plugin.to_str().unwrap(), "--fixtures", fixtures.to_str().unwrap()];
    let args = Command::parse_from(args.iter().chain(more)).args;
    let exit = run(&args, &mut terminal).await.unwrap();
    let said = |bytes| String::from_utf8(bytes).unwrap().replace(folder.to_str().unwrap(), ".");
    (exit, said(out), said(err))
}

/// Scenario: a plugin of each role is tested without a golden file, with `--update`, with the golden file,
/// and with a changed one.
/// Guarantees: the written file passes, and the changed one fails.
#[tokio::test]
async fn a_golden_file_is_written_held_against_and_missed() {
    for (role, module) in [(Role::Processor, PROCESSOR), (Role::Sampler, SAMPLER), (Role::Exporter, EXPORTER)]
    {
        let folder = folder(role, module, &[("shop.json", SPAN)]);
        let folder = folder.path();
        let (exit, out, _) = test(folder, &[]).await;
        assert!(exit == Exit::Done && out.ends_with("1 case, 1 without a golden file\n"), "{out}");
        let (exit, out, _) = test(folder, &["--update"]).await;
        assert!(exit == Exit::Done && out.ends_with("1 case, 1 updated\n"), "{out}");
        let (exit, out, _) = test(folder, &[]).await;
        assert!(exit == Exit::Done && out.ends_with("1 case, 1 passed\n"), "{out}");
        let golden = folder.join("shop.golden.json");
        let changed = fs::read_to_string(&golden).unwrap();
        let changed =
            changed.replace("GET /\", \"dec", "\", \"dec").replace("\"name\": \"GET", "\"name\": \"PUT");
        let changed = changed.replace("keep", "drop").replace("\"ok\"", "{\"permanent\": \"no\"}");
        fs::write(&golden, changed).unwrap();
        let (exit, out, _) = test(folder, &[]).await;
        assert!(exit == Exit::Failed && out.ends_with("1 case, 1 failed\n"), "{out}");
        assert!(out.contains("FAIL  shop  from ./shop.golden.json (-) to the outcome (+)\n"), "{out}");
    }
}

/// Scenario: a plugin traps, and the host starts it again.
/// Guarantees: the case fails with the guest's backtrace, and no golden file is written.
#[tokio::test]
async fn a_plugin_that_traps_fails_the_case_with_its_backtrace() {
    let traps = PROCESSOR.replace(
        "(func (export \"spanloom:plugin/processing@0.1.0#process\")",
        "(func $give_up unreachable)\n (func $take (export \"spanloom:plugin/processing@0.1.0#process\")",
    );
    let traps = traps.replace("(i32.store8 (i32.const 64)", "(call $give_up) (i32.store8 (i32.const 64)");
    let folder = folder(Role::Processor, &traps, &[("shop.json", SPAN)]);
    let (exit, out, _) = test(folder.path(), &["--update"]).await;
    assert_eq!(exit, Exit::Failed, "{out}");
    assert!(out.contains("! 2 calls ended by trap\n") && out.contains("! the plugin trapped: "), "{out}");
    assert!(out.contains("in give_up\n      in take\n"), "{out}");
    assert!(!folder.path().join("shop.golden.json").exists());
}

/// Scenario: a plugin passes its batch on only when it is flushed.
/// Guarantees: the batch is part of the outcome.
#[tokio::test]
async fn a_plugin_that_holds_batches_is_flushed() {
    let folder = folder(Role::Processor, PROCESSOR, &[("shop.json", SPAN)]);
    fs::write(folder.path().join("p.wasm"), component_with(Role::Processor, "flush", HOLDER)).unwrap();
    let (exit, out, _) = test(folder.path(), &[]).await;
    assert_eq!(exit, Exit::Done, "{out}");
    assert!(out.contains("\n    1 the same\n"), "{out}");
}

/// Scenario: an identity plugin is given traces, metrics and logs.
/// Guarantees: each golden file holds all records.
#[tokio::test]
async fn metrics_and_logs_are_tested_as_spans_are() {
    let limits = Limits::from(&LimitsConfig::default());
    let runtime = crate::plugin::Runtime::shared().unwrap();
    let plugin = identity::load(Role::Processor, &runtime, &limits).await.unwrap();
    let trial = Trial { plugin, limits, answer: StatusCode::OK, tap: LogTap::default() };
    for file in ["trace", "metrics", "logs"] {
        let path = format!("{}/../wire/tests/fixtures/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let input = fixture::read(Path::new(&path), wire::Signal::Traces).unwrap();
        let ran = trial.run(&super::trial::Input::Batch(input.clone()), "{}".to_owned()).await.unwrap();
        let outcome = ran.outcome.unwrap();
        let golden = outcome.to_golden().unwrap();
        let kept = Outcome::from_golden(Role::Processor, input.signal(), golden.as_bytes()).unwrap();
        let before = records::of_batch(&input);
        assert!(!before.is_empty() && before.len() <= input.items(), "{file}");
        assert_eq!((&outcome.records(), &kept.records()), (&before, &before), "{file}");
    }
}

/// Scenario: the plugin does not take the signal of one case.
/// Guarantees: that case is skipped, and the others run.
#[tokio::test]
async fn a_signal_that_the_plugin_does_not_take_is_skipped() {
    let files = [("logs.json", r#"{"resourceLogs": []}"#), ("shop.json", SPAN)];
    let folder = folder(Role::Processor, PROCESSOR, &files);
    let (exit, out, _) = test(folder.path(), &[]).await;
    assert!(out.contains("skip  logs  logs: the plugin takes traces\n"), "{out}");
    assert!(exit == Exit::Done && out.ends_with("2 cases, 1 without a golden file, 1 skipped\n"), "{out}");
}

/// Scenario: requests, configs, golden files or the plugin cannot be read.
/// Guarantees: the command exits with 2 and names the file.
#[tokio::test]
async fn what_cannot_be_read_is_an_error_of_usage() {
    for (files, more, expected) in [
        (&[][..], &[][..], "has no request: put one there"),
        (&[("a.json", "{")], &[], "./a.json is not an OTLP request"),
        (&[("a.json", SPAN), ("config.json", "a: [")], &[], "./config.json:"),
        (&[("a.json", SPAN), ("a.golden.json", "[]")], &[], "./a.golden.json is not a valid golden file"),
        (&[("a.json", SPAN)], &["--config", "{a: }}"], "--> --config:"),
    ] {
        let folder = folder(Role::Processor, PROCESSOR, files);
        let (exit, out, err) = test(folder.path(), more).await;
        assert_eq!((exit, out.as_str()), (Exit::Wrong, ""), "{err}");
        assert!(err.contains(expected), "{err}");
    }
    let folder = folder(Role::Processor, PROCESSOR, &[]);
    fs::write(folder.path().join("p.wasm"), "no wasm").unwrap();
    let (exit, _, err) = test(folder.path(), &[]).await;
    assert_eq!(exit, Exit::Wrong);
    assert!(err.starts_with("error: ./p.wasm: a text file"), "{err}");
}

/// Scenario: a case fails, and the report is written as JSON.
/// Guarantees: the report has the plugin, the case and its difference.
#[tokio::test]
async fn the_report_is_to_be_had_as_json() {
    let golden = SPAN.replace("GET", "PUT");
    let folder = folder(Role::Processor, PROCESSOR, &[("a.json", SPAN), ("a.golden.json", &golden)]);
    let (exit, out, _) = test(folder.path(), &["--format", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(exit, Exit::Failed);
    assert_eq!(report["plugin"], "p (processor)");
    let case = &report["cases"][0];
    assert_eq!((&case["case"], &case["status"]), (&"a".into(), &"failed".into()));
    let lines = &case["difference"]["changes"][0]["lines"];
    assert_eq!(lines[0], serde_json::json!({"kind": "removed", "text": "name: \"PUT /\""}));
}
