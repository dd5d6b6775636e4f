//! Structured logs on standard error, as text or JSON. No value can begin a line of its own or reach a terminal: what others
//! chose is made fit for a line here, where every line is written.

mod json;
mod text;

use std::io::IsTerminal;

use tracing::Dispatch;
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{MakeWriter, time::SystemTime},
};

use crate::config::telemetry::{LogEncoding, LogLevel, LogsConfig};

/// Sends the process's log lines to standard error. The first call wins.
pub fn init(config: &LogsConfig) {
    let lines = lines(config, std::io::stderr, std::io::stderr().is_terminal());
    // A test may have installed its own.
    let _ = tracing::dispatcher::set_global_default(lines);
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
    // The crates below us speak of every frame at debug level.
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
