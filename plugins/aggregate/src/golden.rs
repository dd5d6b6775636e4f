//! Golden files: metrics as OTLP/JSON, held against a file that `SPANLOOM_UPDATE_SNAPSHOTS=1` writes anew.

use std::path::Path;

use spanloom_plugin::serde_json::{self, Value};
use spanloom_plugin::wire;

/// Encoded `ExportMetricsServiceRequest`s as one OTLP/JSON document.
///
/// # Panics
/// If they are none.
#[expect(clippy::panic, reason = "a test's own helper")]
pub fn metrics_json(requests: &[Vec<u8>]) -> Value {
    let metrics = wire::Batch::decode(wire::Signal::Metrics, requests.concat().into());
    let metrics = metrics.unwrap_or_else(|error| panic!("no metrics: {error}"));
    serde_json::from_slice(&wire::json::to_json(&metrics)).unwrap_or_else(|error| panic!("no JSON: {error}"))
}

/// Holds metrics against the golden file.
///
/// # Panics
/// If they differ, or the file can't be read.
#[expect(clippy::panic, reason = "a test's own helper")]
pub fn check(path: &Path, metrics: &Value) {
    let made = format!("{metrics:#}\n");
    if std::env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &made).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        golden == made,
        "{} differs; SPANLOOM_UPDATE_SNAPSHOTS=1 writes it anew. Made:\n{made}",
        path.display()
    );
}
