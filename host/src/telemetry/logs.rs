//! Writes structured logs, as text or JSON, to the outputs of the config. Every value is escaped here, so no
//! value can begin a line of its own or control a terminal.

mod json;
mod sampling;
mod text;
mod writer;

use std::{io, sync::OnceLock};

use tracing::Dispatch;
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{MakeWriter, time::SystemTime},
    layer::SubscriberExt as _,
};

use self::sampling::Sampling;
pub use self::writer::{LogWriter, writer};
use crate::config::telemetry::{LogEncoding, LogLevel, LogsConfig};

/// The encoding of the process's log.
static ENCODING: OnceLock<LogEncoding> = OnceLock::new();

/// Opens the outputs of the log, which may block.
///
/// # Errors
/// A file cannot be opened. The error names the key and the path.
pub fn open(config: &LogsConfig) -> io::Result<LogWriter> {
    LogWriter::open(config)
}

/// Installs the process's logger. Only the first call has an effect.
pub fn init(config: &LogsConfig, outputs: &LogWriter) {
    let _ = ENCODING.set(config.encoding);
    outputs.install();
    let to = outputs.clone();
    let lines = lines(config, move || to.lines(), outputs.is_terminal());
    // A test may have installed its own logger.
    let _ = tracing::dispatcher::set_global_default(lines);
}

/// Returns how the process's log is encoded.
pub fn encoding() -> LogEncoding {
    ENCODING.get().copied().unwrap_or_default()
}

fn lines<W>(config: &LogsConfig, writer: W, colour: bool) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match config.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    // The dependencies log every frame at debug level.
    let quiet = "aws_=info,h2=error,hyper=info,hyper_util=info,reqwest=info,rustls=info,tonic=info,tower=info,\
        wasmtime=info";
    let lines = fmt().with_env_filter(EnvFilter::new(format!("{level},{quiet}"))).with_writer(writer);
    let sampling = Sampling::new(config.sampling.filter(|sampling| sampling.enabled));
    match config.encoding {
        LogEncoding::Json => {
            let format = json::Lines { clock: SystemTime, initial: json::initial(&config.initial_fields) };
            Dispatch::new(lines.event_format(format).finish().with(sampling))
        }
        LogEncoding::Console => {
            let fields = text::Fields { initial: text::initial(&config.initial_fields) };
            let lines = lines.with_target(false).with_ansi(colour).fmt_fields(fields);
            Dispatch::new(lines.finish().with(sampling))
        }
    }
}

#[cfg(test)]
mod tests;
