//! The exporter `file` writes requests as lines of OTLP JSON, or as length-prefixed protobuf, with rotation.
//!
//! Each request is written in one write before it counts as delivered. So no request is in a buffer that a
//! crash would lose, and a write that fails half-way is cut off again.

mod backups;
mod config;
mod output;
mod record;

use std::{io, sync::Arc};

use tokio::sync::Mutex;
use wire::Signal;

pub use config::{Compression, FileConfig, Format, RotationConfig};

use self::output::Output;
use crate::{
    component::{
        BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory,
        SendingSettings,
    },
    config::{ConfigError, Node},
};

#[derive(Debug)]
pub struct FileFactory;

/// Writes one request at a time, on a thread for blocking work.
struct FileExporter {
    path: String,
    format: Format,
    compression: Option<Compression>,
    output: Arc<Mutex<Output>>,
}

impl Factory for FileFactory {
    fn name(&self) -> &str {
        "file"
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Metrics, Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        read(config).map(|_| ())
    }
}

#[async_trait::async_trait]
impl ExporterFactory for FileFactory {
    async fn build(&self, config: &Node, _: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let exporter = FileExporter::open(&read(config)?).map_err(ConfigError::new)?;
        Ok(BuiltExporter { exporter: Arc::new(exporter), sending: SendingSettings::direct() })
    }
}

fn read(config: &Node) -> Result<FileConfig, ConfigError> {
    config.read_valid(FileConfig::validate)
}

impl FileExporter {
    fn open(config: &FileConfig) -> Result<FileExporter, String> {
        let output = Output::open(config).map_err(|error| format!("cannot open {}: {error}", config.path))?;
        Ok(FileExporter {
            path: config.path.clone(),
            format: config.format,
            compression: config.compression,
            output: Arc::new(Mutex::new(output)),
        })
    }

    /// Runs `work` on the file, off the async workers. `work` runs to its end even if the caller gives up.
    async fn with_output(
        &self,
        work: impl FnOnce(&mut Output) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let mut output = self.output.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || work(&mut output)).await.map_err(io::Error::other)?
    }
}

#[async_trait::async_trait]
impl Exporter for FileExporter {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        let (data, format, compression) = (data.clone(), self.format, self.compression);
        self.with_output(move |output| output.write(&record::encode(&data, format, compression)?))
            .await
            .map(|()| Exported::default())
            .map_err(|error| ExportError::retryable(format!("cannot write {}: {error}", self.path)))
    }

    async fn shutdown(&self) {
        if let Err(error) = self.with_output(|output| output.sync()).await {
            tracing::error!(path = self.path, "cannot flush the file at shutdown: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
