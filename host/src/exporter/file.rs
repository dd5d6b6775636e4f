//! The exporter `file` writes requests as lines of OTLP JSON, or as length-prefixed protobuf, with rotation,
//! to one file or to one for each value of a resource attribute.
//!
//! Each request is written in one write before it counts as delivered. So no request is in a buffer that a
//! crash would lose, and a write that fails half-way is cut off again.

mod backups;
mod config;
mod groups;
mod output;
mod record;

use std::{io, sync::Arc};

use tokio::sync::Mutex;
use wire::Signal;

pub use config::{
    Compression, CompressionParamsConfig, FileConfig, Format, GroupByConfig, Mode, RotationConfig,
};

use self::{groups::Groups, output::Output, record::Encoding};
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
    files: Arc<Mutex<Files>>,
}

enum Files {
    One { output: Output, encoding: Encoding },
    Groups(Box<Groups>),
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
        let files = Files::open(config).map_err(|error| format!("cannot open {}: {error}", config.path))?;
        Ok(FileExporter { path: config.path.clone(), files: Arc::new(Mutex::new(files)) })
    }

    /// Runs `work` on the files, off the async workers. `work` runs to its end even if the caller gives up.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Files) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let mut files = self.files.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || work(&mut files)).await.map_err(io::Error::other)?
    }
}

impl Files {
    fn open(config: &FileConfig) -> io::Result<Files> {
        if config.group_by.enabled {
            return Ok(Files::Groups(Box::new(Groups::new(config))));
        }
        let output = Output::open(config.path(), config, false)?;
        Ok(Files::One { output, encoding: Encoding::of(config) })
    }

    fn write(&mut self, data: &wire::Batch) -> io::Result<Exported> {
        match self {
            Files::One { output, encoding } => {
                output.write(&record::encode(data, *encoding)?).map(|()| Exported::default())
            }
            Files::Groups(groups) => groups.write(data),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self {
            Files::One { output, .. } => output.sync(),
            Files::Groups(groups) => groups.sync(),
        }
    }
}

#[async_trait::async_trait]
impl Exporter for FileExporter {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        let data = data.clone();
        self.with_files(move |files| files.write(&data))
            .await
            .map_err(|error| ExportError::retryable(format!("cannot write {}: {error}", self.path)))
    }

    async fn shutdown(&self) {
        if let Err(error) = self.with_files(Files::sync).await {
            tracing::error!(path = self.path, "cannot flush the file at shutdown: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
