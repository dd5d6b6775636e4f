use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use bytes::Bytes;
use serde_json::json;
use wire::RequestWriter;

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

fn open(config: &FileConfig) -> Output {
    Output::open(config.path(), config, false).unwrap()
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
        open(&config(&path, json!({ "append": append }))).write(b"new\n").unwrap();
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
    let mut output = open(&config(&path, rotation));
    for record in 0..5u8 {
        output.write(&[record; 400 << 10]).unwrap();
    }
    let names = files(folder.path());
    let [backup, notes, current] = names.as_slice() else { panic!("{names:?}") };
    assert_eq!((notes.as_str(), current.as_str()), ("spans-notes.json", "spans.json"));
    assert!(backup.starts_with("spans-20") && backup.ends_with("-size.json"), "{backup}");
    assert_eq!(fs::read(folder.path().join(backup)).unwrap(), [[2; 400 << 10], [3; 400 << 10]].concat());
    assert_eq!(fs::read(path).unwrap(), [4; 400 << 10]);
}

/// Scenario: backups of an earlier year exist when the file is opened, under the names of several versions of
/// the Collector, with `max_days` and without.
/// Guarantees: the old backups are removed with `max_days` and stay without.
#[test]
fn backups_older_than_max_days_go() {
    const OLD: [&str; 4] = ["000.json", "001-size.json", "002-time.json", "003-size.json.gz"];
    for (max_days, left) in [(7, 1), (0, 5)] {
        let folder = tempfile::tempdir().unwrap();
        for old in OLD {
            fs::write(folder.path().join(format!("spans-2020-01-01T00-00-00.{old}")), "old").unwrap();
        }
        let rotation = json!({ "rotation": { "max_days": max_days } });
        open(&config(&folder.path().join("spans.json"), rotation)).write(b"2").unwrap();
        assert_eq!(files(folder.path()).len(), left, "{:?}", files(folder.path()));
    }
}

/// Scenario: `max_megabytes` is 0, and a record of more than a MiB is written to a file that is not empty.
/// Guarantees: the file is not rotated: 0 means 100 MiB.
#[test]
fn a_size_of_zero_means_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = json!({ "rotation": { "max_megabytes": 0 } });
    let mut output = open(&config(&folder.path().join("spans.json"), rotation));
    output.write(b"1").unwrap();
    output.write(&[2; 2 << 20]).unwrap();
    assert_eq!(files(folder.path()), ["spans.json"]);
}

/// Scenario: the folder does not exist, and `directory_permissions` says who may look into it.
/// Guarantees: the folder has these permissions.
#[test]
fn new_folders_have_the_permissions_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let more = json!({ "create_directory": true, "directory_permissions": "0700" });
    open(&config(&folder.path().join("new/spans.json"), more));
    let mode = fs::metadata(folder.path().join("new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Scenario: a file with rotation is opened again, as after a restart.
/// Guarantees: writing goes on at its end, and its old length counts.
#[test]
fn a_rotated_file_is_appended_to_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.json");
    let config = config(&path, json!({ "rotation": { "max_megabytes": 1 } }));
    open(&config).write(&[1; 1 << 19]).unwrap();
    open(&config).write(&[2; 1 << 19]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20);
    open(&config).write(b"3").unwrap();
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
    let permissions = json!({ "path": "x", "directory_permissions": "0755" });
    assert!(refusal(permissions).contains("`create_directory: true`"));
    let permissions = json!({ "path": "x", "create_directory": true, "directory_permissions": "0999" });
    assert!(refusal(permissions).contains("`0999` is not a mode"));
    assert!(refusal(json!({ "path": "x", "encoding": "otlp_json" })).contains("`format`"));
    let groups = |path: &str| refusal(json!({ "path": path, "group_by": { "enabled": true } }));
    for path in ["x.json", "*.json", "x/*/*.json"] {
        assert!(groups(path).contains("one `*`"), "{path}");
    }
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

/// Returns a batch with one span for each text, whose resource has the text for the attribute `team`, and one
/// more span without a resource.
fn of_teams(teams: &[&str]) -> wire::Batch {
    let mut request = RequestWriter::traces();
    for team in teams {
        let mut resource = request.resource(|resource| {
            resource.attribute("team", *team);
        });
        resource.scope(|_| ()).span(|span| {
            span.name("a");
        });
    }
    request.resource(|_| ()).scope(|_| ()).span(|span| {
        span.name("nobody's");
    });
    wire::Batch::decode(Signal::Traces, Bytes::from(request.finish())).unwrap()
}

/// Scenario: with `group_by` and one open file, two batches hold spans of two teams and of none; one team's
/// name would lead out of the folder.
/// Guarantees: each team has a file with all of its spans, in the folder, and spans of no team are rejected.
#[tokio::test]
async fn each_value_of_an_attribute_has_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let groups = json!({ "enabled": true, "resource_attribute": "team", "max_open_files": 1 });
    let path = folder.path().join("in/*.json");
    let exporter = FileExporter::open(&config(&path, json!({ "group_by": groups }))).unwrap();
    for _ in 0..2 {
        let exported = exporter.export(&of_teams(&["red", "../../blue", "red"])).await.unwrap();
        assert_eq!((exported.rejected, exported.message.as_str()), (1, "no attribute `team`"));
    }
    exporter.shutdown().await;
    assert_eq!(files(&folder.path().join("in")), ["blue.json", "red.json"]);
    let lines = |name: &str| fs::read_to_string(folder.path().join("in").join(name)).unwrap();
    assert_eq!(lines("blue.json").matches(r#""name":"a""#).count(), 2);
    assert_eq!(
        (lines("red.json").lines().count(), lines("red.json").matches(r#""name":"a""#).count()),
        (2, 4)
    );
}
