//! Writes structured logs to standard error, as text or JSON. Every value is escaped here, so no value can
//! begin a line of its own or control a terminal.

mod json;
mod text;

use std::{io::IsTerminal, sync::OnceLock};

use tracing::Dispatch;
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{MakeWriter, time::SystemTime},
};

use crate::config::telemetry::{LogEncoding, LogLevel, LogsConfig};

/// The encoding of the process's log.
static ENCODING: OnceLock<LogEncoding> = OnceLock::new();

/// Installs the process's logger. Only the first call has an effect.
pub fn init(config: &LogsConfig) {
    let _ = ENCODING.set(config.encoding);
    let lines = lines(config, std::io::stderr, std::io::stderr().is_terminal());
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
    match config.encoding {
        LogEncoding::Json => Dispatch::new(lines.event_format(json::Lines { clock: SystemTime }).finish()),
        LogEncoding::Console => {
            Dispatch::new(lines.with_target(false).with_ansi(colour).fmt_fields(text::Fields).finish())
        }
    }
}

#[cfg(test)]
mod tests;
