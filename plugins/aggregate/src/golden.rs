//! Golden files: compares metrics as OTLP/JSON with a file. `SPANLOOM_UPDATE_SNAPSHOTS=1` rewrites the file.

use std::path::Path;

use spanloom_plugin::serde_json::{self, Value};
use spanloom_plugin::wire;

/// Converts encoded `ExportMetricsServiceRequest`s to one OTLP/JSON document.
///
/// # Panics
/// Panics if the bytes are not such requests.
#[expect(clippy::panic, reason = "a test's own helper")]
pub fn metrics_json(requests: &[Vec<u8>]) -> Value {
    let metrics = wire::Batch::decode(wire::Signal::Metrics, requests.concat().into());
    let metrics = metrics.unwrap_or_else(|error| panic!("no metrics: {error}"));
    serde_json::from_slice(&wire::json::to_json(&metrics)).unwrap_or_else(|error| panic!("no JSON: {error}"))
}

/// Compares metrics with the golden file.
///
/// # Panics
/// Panics if they differ, or if the file cannot be read.
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
