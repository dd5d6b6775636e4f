//! The exporter `debug` (once `logging`) shows batches on standard output, or writes them to files. It decodes
//! every batch, so it is meant for looking and not for throughput.

mod color;
mod config;
mod data;
mod detailed;
mod metric;
mod normal;
mod output;
mod rate;
mod table;
mod text;
mod tree;
mod value;

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Instant, SystemTime},
};

use tokio::sync::Mutex;
use wire::Signal;

pub use self::{
    color::ColorMode,
    config::{DebugConfig, Verbosity},
};
use self::{
    color::{Paint, Style},
    data::Data,
    rate::Rate,
    text::{bytes, clock},
};
use crate::{
    component::{BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory},
    config::{ConfigError, Finding, Node},
    files,
};

/// Decoding can make two hundred bytes out of two. A batch above these limits is counted and not shown.
const BYTES_LIMIT: usize = 8 << 20;
const ITEMS_LIMIT: usize = 50_000;

#[derive(Debug)]
pub struct DebugFactory;

/// Renders each batch and writes it in one piece.
pub struct DebugExporter {
    verbosity: Verbosity,
    paint: Paint,
    rate: Rate,
    out: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Factory for DebugFactory {
    fn name(&self) -> &str {
        "debug"
    }

    fn aliases(&self) -> &[&str] {
        &["logging"]
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Metrics, Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        read(config).map(|_| ())
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        config.unused::<DebugConfig>()
    }
}

#[async_trait::async_trait]
impl ExporterFactory for DebugFactory {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let config = read(config)?;
        if config.loglevel.is_some() {
            let id = &context.id.component_type;
            tracing::warn!("exporters::{id}: `loglevel` is the old name of `verbosity`");
        }
        let sending = config.sending()?;
        let paths = config.clone();
        let opened = files::in_time(move || output::open(&paths)).await.flatten();
        let outputs = opened.map_err(|error| ConfigError::on("output_paths", error.to_string()))?;
        let exporter = DebugExporter::new(&config, outputs.are_terminals(), Box::new(outputs));
        Ok(BuiltExporter { exporter: Arc::new(exporter), sending })
    }
}

fn read(config: &Node) -> Result<DebugConfig, ConfigError> {
    config.read_valid(DebugConfig::validate)
}

impl DebugExporter {
    /// Creates an exporter that writes to `out`. Colour is on if `is_terminal`, unless the config or the
    /// environment decides.
    pub fn new(config: &DebugConfig, is_terminal: bool, out: Box<dyn Write + Send>) -> DebugExporter {
        let environment = |name: &str| std::env::var(name).ok();
        DebugExporter {
            verbosity: config.verbosity(),
            paint: Paint::new(config.color.is_on(is_terminal, environment)),
            rate: Rate::new(config.sampling_initial, config.sampling_thereafter),
            out: Arc::new(Mutex::new(out)),
        }
    }

    fn render(&self, batch: &wire::Batch) -> Result<String, prost::DecodeError> {
        let line = |counts: &str| basic(batch, counts, SystemTime::now(), self.paint);
        if batch.encoded_len() > BYTES_LIMIT || batch.items() > ITEMS_LIMIT {
            return Ok(line(&format!("{:>7} items, too many to show", batch.items())));
        }
        let data = Data::decode(batch)?;
        Ok(match self.verbosity {
            Verbosity::Basic => line(&data.counts()),
            Verbosity::Normal => normal::render(&data, self.paint),
            Verbosity::Detailed => detailed::render(&data, self.paint),
        })
    }
}

#[async_trait::async_trait]
impl Exporter for DebugExporter {
    async fn export(&self, batch: &wire::Batch) -> Result<Exported, ExportError> {
        if !self.rate.allows(Instant::now()) {
            return Ok(Exported::default());
        }
        let text = self.render(batch);
        let text = text.map_err(|error| ExportError::permanent(format!("cannot be shown: {error}")))?;
        let mut out = self.out.clone().lock_owned().await;
        // Writing blocks while a terminal is paused or a pipe is not read, so it must not run on an async
        // worker.
        let write = move || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match tokio::task::spawn_blocking(write).await.map_err(io::Error::other) {
            Ok(Ok(())) => Ok(Exported::default()),
            Ok(Err(error)) | Err(error) => {
                Err(ExportError::permanent(format!("cannot write what is shown: {error}")))
            }
        }
    }
}

/// Returns one line: the time, the signal, the counts and the size.
fn basic(batch: &wire::Batch, counts: &str, now: SystemTime, paint: Paint) -> String {
    let time = paint.apply(Style::Dim, &clock(now));
    let signal = paint.apply(Style::Bold, &format!("{:<7}", batch.signal().to_string()));
    let size = paint.apply(Style::Dim, &format!("{:>10}", bytes(batch.encoded_len() as u64)));
    format!("{time}  {signal}  {counts}  {size}\n")
}

#[cfg(test)]
mod tests;
