//! Configs that most tests share. The harness gives the addresses by environment variable.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A config file that a test rewrites.
pub struct ConfigFile {
    _folder: TempDir,
    path: PathBuf,
}

impl ConfigFile {
    pub fn new(text: &str) -> ConfigFile {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ConfigFile { path: folder.path().join("otel.yaml"), _folder: folder };
        file.write(text);
        file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file by renaming, so that a reader never finds a part of it.
    pub fn write(&self, text: &str) {
        let whole = self.path.with_extension("new");
        fs::write(&whole, text).expect("the config is written");
        fs::rename(&whole, &self.path).expect("the config is in its place");
    }
}

/// Returns a config that receives OTLP over both protocols and gives all three signals to the exporters.
///
/// `exporters` is the section's YAML, unindented; its top-level keys are the ids.
pub fn relay(exporters: &str) -> String {
    with_receiver("", exporters)
}

/// Returns the config of [`relay`] with more keys of the receiver, such as `acknowledge: delivered`.
pub fn with_receiver(receiver: &str, exporters: &str) -> String {
    let ids: Vec<&str> = exporters
        .lines()
        .filter(|line| !line.starts_with([' ', '#']))
        .filter_map(|line| line.split_once(':'))
        .map(|(id, _)| id)
        .collect();
    let ids = ids.join(", ");
    let pipelines: String = ["traces", "metrics", "logs"]
        .map(|signal| format!("    {signal}: {{receivers: [otlp], exporters: [{ids}]}}\n"))
        .concat();
    format!(
        "receivers:\n  otlp:\n    protocols:\n      grpc: {{endpoint: \"${{env:GRPC}}\"}}\n      http: {{endpoint: \"${{env:HTTP}}\"}}\n{}exporters:\n{}service:\n  pipelines:\n{pipelines}",
        indent(receiver, "    "),
        indent(exporters, "  "),
    )
}

fn indent(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}\n")).collect()
}
