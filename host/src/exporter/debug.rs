//! The exporter `debug` (once `logging`) shows batches: as the Collector prints them, or with `format: pretty`
//! for people at a terminal. It is meant for looking and not for throughput.

mod config;
mod detailed;
mod lines;
mod metric;
mod normal;
mod number;
mod output;
mod pieces;
mod pretty;
mod rate;
mod value;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::Mutex;
use wire::{MessageView, Signal};

pub use self::{
    config::{DebugConfig, Format, Verbosity},
    pretty::ColorMode,
};
use self::{lines::Lines, pretty::Paint, rate::Rate};
use crate::{
    component::{BuildContext, BuiltExporter, ExportError, Exported, Exporter, ExporterFactory, Factory},
    config::{ConfigError, Finding, Node},
    files,
    telemetry::logs,
};

#[derive(Debug)]
pub struct DebugFactory;

/// Writes one batch at a time, on a thread for blocking work.
struct DebugExporter {
    verbosity: Verbosity,
    form: Form,
    /// One for each signal.
    rates: [Rate; 3],
    out: Arc<Mutex<Box<dyn Write + Send>>>,
}

#[derive(Clone)]
enum Form {
    Collectors(Lines),
    Pretty(Paint),
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
        let (sending, id) = (config.sending()?, context.id.to_string());
        if config.is_of_log() {
            let exporter = DebugExporter::new(&config, &id, false, Box::new(logs::writer()));
            return Ok(BuiltExporter { exporter: Arc::new(exporter), sending });
        }
        let paths = config.clone();
        let opened = files::in_time(move || output::open(&paths)).await.flatten();
        let outputs = opened.map_err(|error| ConfigError::on("output_paths", error.to_string()))?;
        let exporter = DebugExporter::new(&config, &id, outputs.are_terminals(), Box::new(outputs));
        Ok(BuiltExporter { exporter: Arc::new(exporter), sending })
    }
}

fn read(config: &Node) -> Result<DebugConfig, ConfigError> {
    config.read_valid(DebugConfig::validate)
}

impl DebugExporter {
    /// Creates an exporter that writes to `out`. With `format: pretty`, colour is on if `out` is a terminal, unless
    /// the config or the environment decides.
    fn new(config: &DebugConfig, id: &str, is_terminal: bool, out: Box<dyn Write + Send>) -> DebugExporter {
        let environment = |name: &str| std::env::var(name).ok();
        let form = match config.format {
            Format::Pretty => Form::Pretty(Paint::new(config.color.is_on(is_terminal, environment))),
            Format::Collector if config.use_internal_logger => {
                Form::Collectors(Lines::OfLog { encoding: logs::encoding(), id: id.to_owned() })
            }
            Format::Collector => Form::Collectors(Lines::Bare),
        };
        DebugExporter {
            verbosity: config.verbosity(),
            form,
            rates: Signal::ALL.map(|_| Rate::new(config.sampling_initial, config.sampling_thereafter)),
            out: Arc::new(Mutex::new(out)),
        }
    }

    /// Returns whether the next batch is shown: if the log shows what is of interest, and if the sampling does.
    fn shows(&self, signal: Signal) -> bool {
        let is_logged = match &self.form {
            Form::Collectors(Lines::OfLog { .. }) => tracing::enabled!(tracing::Level::INFO),
            Form::Collectors(Lines::Bare) | Form::Pretty(_) => true,
        };
        let rate = std::iter::zip(Signal::ALL, &self.rates).find(|(of, _)| *of == signal);
        is_logged && rate.is_some_and(|(_, rate)| rate.allows(Instant::now()))
    }
}

#[async_trait::async_trait]
impl Exporter for DebugExporter {
    async fn export(&self, batch: &wire::Batch) -> Result<Exported, ExportError> {
        if !self.shows(batch.signal()) {
            return Ok(Exported::default());
        }
        let (batch, verbosity, form) = (batch.clone(), self.verbosity, self.form.clone());
        let mut out = self.out.clone().lock_owned().await;
        // Writing blocks while a terminal is paused or a pipe is not read, so it must not run on an async
        // worker.
        let write = move || write(&mut **out, &batch, verbosity, &form);
        match tokio::task::spawn_blocking(write).await.map_err(io::Error::other) {
            Ok(Ok(())) => Ok(Exported::default()),
            Ok(Err(error)) | Err(error) => Err(ExportError::permanent(format!("cannot be shown: {error}"))),
        }
    }
}

fn write(out: &mut dyn Write, batch: &wire::Batch, verbosity: Verbosity, form: &Form) -> io::Result<()> {
    match form {
        Form::Pretty(paint) => {
            let text = pretty::render(batch, verbosity, *paint).map_err(io::Error::other)?;
            out.write_all(text.as_bytes())?;
            out.flush()
        }
        Form::Collectors(lines) => write_lines(out, batch, verbosity, lines),
    }
}

/// Writes a line with counts, and unless the verbosity is basic another with the content.
fn write_lines(
    out: &mut dyn Write,
    batch: &wire::Batch,
    verbosity: Verbosity,
    lines: &Lines,
) -> io::Result<()> {
    let (signal, requests) = (batch.signal(), batch.requests());
    let (resources, items) = (count(&requests, 0), batch.items());
    let (name, counts) = match signal {
        Signal::Traces => ("Traces", vec![("resource spans", resources), ("spans", items)]),
        Signal::Metrics => {
            let metrics = count(&requests, 2);
            ("Metrics", vec![("resource metrics", resources), ("metrics", metrics), ("data points", items)])
        }
        Signal::Logs => ("Logs", vec![("resource logs", resources), ("log records", items)]),
    };
    lines.write(out, signal, &counts, |to| to.plain(name))?;
    match verbosity {
        Verbosity::Basic => Ok(()),
        Verbosity::Normal => lines.write(out, signal, &[], |to| normal::write(to, signal, &requests)),
        Verbosity::Detailed => lines.write(out, signal, &[], |to| detailed::write(to, signal, &requests)),
    }
}

/// Counts the resources of requests, or so many levels below them: 2 for spans, metrics and log records.
fn count(requests: &[Bytes], levels: usize) -> usize {
    fn below(message: &MessageView<'_>, levels: usize) -> usize {
        match levels.checked_sub(1) {
            None => 1,
            Some(levels) => message.messages(2).map(|message| below(&message, levels)).sum(),
        }
    }
    let resources = requests.iter().flat_map(|request| MessageView::of(request).messages(1));
    resources.map(|resource| below(&resource, levels)).sum()
}

#[cfg(test)]
mod tests;
