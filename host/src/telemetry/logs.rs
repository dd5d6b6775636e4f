//! Structured logs on standard error, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::telemetry::{LogEncoding, LogLevel, LogsConfig};

/// Sends the process's log lines to standard error. The first call wins.
pub fn init(config: &LogsConfig) {
    let level = match config.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    // The crates below us speak of every frame at debug level.
    let quiet = "aws_=info,h2=info,hyper=info,hyper_util=info,reqwest=info,rustls=info,tonic=info,tower=info,\
        wasmtime=info";
    let filter = EnvFilter::new(format!("{level},{quiet}"));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if config.encoding == LogEncoding::Json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    // A test may have installed its own.
    drop(installed);
}
