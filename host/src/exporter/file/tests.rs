use std::{fs, path::Path};

use bytes::Bytes;
use serde_json::json;

use super::*;

/// Returns a batch of this many empty `ResourceSpans`: two bytes each, valid OTLP.
fn batch(resource_spans: usize) -> wire::Batch {
    wire::Batch::decode(Signal::Traces, Bytes::from([0x0a, 0x00].repeat(resource_spans))).unwrap()
}

fn config(path: &Path, more: serde_json::Value) -> FileConfig {
    let mut config = json!({ "path": path });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read(&Node::from_json(config)).unwrap()
}

fn refusal(config: serde_json::Value) -> String {
    FileFactory.check(&Node::from_json(config)).unwrap_err().to_string()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Scenario: two requests are written as protobuf, in a folder that does not exist yet.
/// Guarantees: each is its length and its bytes, exactly as received.
#[tokio::test]
async fn protobuf_requests_are_prefixed_with_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/spans.pb");
    let config = config(&path, json!({ "format": "proto", "create_directory": true }));
    let exporter = FileExporter::open(&config).unwrap();
    exporter.export(&batch(1)).await.unwrap();
    exporter.export(&batch(2)).await.unwrap();
    exporter.shutdown().await;
    assert_eq!(fs::read(&path).unwrap(), b"\0\0\0\x02\x0a\0\0\0\0\x04\x0a\0\x0a\0");
}

/// Scenario: two requests are written as JSON.
/// Guarantees: each is a line, and a line reads back as the bytes received.
#[tokio::test]
async fn json_requests_are_lines_that_read_back_as_what_was_received() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    let exporter = FileExporter::open(&config(&path, json!({}))).unwrap();
    exporter.export(&batch(1)).await.unwrap();
    exporter.export(&batch(2)).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines, [r#"{"resourceSpans":[{}]}"#, r#"{"resourceSpans":[{},{}]}"#]);
    let read = wire::json::from_json(Signal::Traces, lines[1].as_bytes()).unwrap();
    assert_eq!(read, b"\x0a\x00\x0a\x00");
}

/// Scenario: a request is written with compression.
/// Guarantees: it decompresses to the bytes received.
#[tokio::test]
async fn zstd_requests_unpack_to_the_bytes_received() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.zst");
    let config = config(&path, json!({ "format": "proto", "compression": "zstd" }));
    FileExporter::open(&config).unwrap().export(&batch(1_000)).await.unwrap();
    let written = fs::read(&path).unwrap();
    let (length, frame) = written.split_at(4);
    assert_eq!(u32::from_be_bytes(length.try_into().unwrap()) as usize, frame.len());
    assert_eq!(zstd::bulk::decompress(frame, 10_000).unwrap(), [0x0a, 0x00].repeat(1_000));
}

/// Scenario: a file from an earlier run exists, with `append` and without.
/// Guarantees: the file is kept with `append` and emptied without.
#[test]
fn an_old_file_is_emptied_unless_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    for (append, expected) in [(true, "old\nnew\n"), (false, "new\n")] {
        fs::write(&path, "old\n").unwrap();
        Output::open(&config(&path, json!({ "append": append }))).unwrap().write(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}

/// Scenario: five records of 0.4 MiB are written, with 1 MiB for each file and one backup.
/// Guarantees: each file has two whole records, the oldest file is gone, and other files stay.
#[test]
fn a_full_file_is_set_aside_and_old_backups_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    fs::write(folder.path().join("spans-notes.json"), "not a backup").unwrap();
    let rotation = json!({ "rotation": { "max_megabytes": 1, "max_backups": 1 } });
    let mut output = Output::open(&config(&path, rotation)).unwrap();
    for record in 0..5u8 {
        output.write(&[record; 400 << 10]).unwrap();
    }
    let names = files(folder.path());
    let [backup, notes, current] = names.as_slice() else { panic!("{names:?}") };
    assert_eq!((notes.as_str(), current.as_str()), ("spans-notes.json", "spans.json"));
    assert_eq!(fs::read(folder.path().join(backup)).unwrap(), [[2; 400 << 10], [3; 400 << 10]].concat());
    assert_eq!(fs::read(path).unwrap(), [4; 400 << 10]);
}

/// Scenario: a backup of an earlier year exists when the file is rotated, with `max_days` and without.
/// Guarantees: the old backup is removed with `max_days` and stays without.
#[test]
fn backups_older_than_max_days_go() {
    for (max_days, left) in [(7, 2), (0, 3)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spans-2020-01-01T00-00-00.000.json"), "old").unwrap();
        let rotation = json!({ "rotation": { "max_megabytes": 1, "max_days": max_days } });
        let mut output = Output::open(&config(&folder.path().join("spans.json"), rotation)).unwrap();
        output.write(&[1; 1 << 20]).unwrap();
        output.write(b"2").unwrap();
        assert_eq!(files(folder.path()).len(), left, "{:?}", files(folder.path()));
    }
}

/// Scenario: a file with rotation is opened again, as after a restart.
/// Guarantees: writing goes on at its end, and its old length counts.
#[test]
fn a_rotated_file_is_appended_to_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    let config = config(&path, json!({ "rotation": { "max_megabytes": 1 } }));
    Output::open(&config).unwrap().write(&[1; 1 << 19]).unwrap();
    Output::open(&config).unwrap().write(&[2; 1 << 19]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20);
    Output::open(&config).unwrap().write(b"3").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"3");
}

/// Scenario: the disk is full; `/dev/full` refuses every write.
/// Guarantees: the failure is retryable, and its message names the file.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_worth_another_try() {
    let config = config(Path::new("/dev/full"), json!({ "format": "proto" }));
    let exporter = FileExporter::open(&config).unwrap();
    match exporter.export(&batch(1)).await {
        Err(ExportError::Retryable { message, .. }) => {
            assert_eq!(message, "cannot write /dev/full: No space left on device (os error 28)");
        }
        other => panic!("{other:?}"),
    }
}

/// Scenario: configs have values that contradict one another or cannot work.
/// Guarantees: each error names the key.
#[test]
fn a_config_that_cannot_work_says_why() {
    assert!(refusal(json!({ "path": "" })).contains("`path`"));
    assert!(refusal(json!({ "path": "x", "append": true, "rotation": {} })).contains("`rotation`"));
    assert!(refusal(json!({ "path": "x", "append": true, "compression": "zstd" })).contains("`compression`"));
    assert!(refusal(json!({ "path": "x", "rotation": { "max_megabytes": 0 } })).contains("max_megabytes"));
    assert!(refusal(json!({ "path": "x", "compression": "gzip" })).contains("zstd"));
    assert!(refusal(json!({ "path": "x", "rotations": {} })).contains("rotations"));
}

/// Scenario: the file's folder does not exist.
/// Guarantees: the error names the path.
#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/spans.json");
    let error = FileExporter::open(&config(&path, json!({}))).err().unwrap();
    assert!(error.contains("missing/spans.json"), "{error}");
}
