//! Structured logs on standard error, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// How Spanloom logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// `debug`, `info`, `warn` or `error`, or a filter as `RUST_LOG` has it.
    pub level: String,
    pub json: bool,
}

/// Sends the process's log lines to standard error. The first call wins.
pub fn init(settings: &LogSettings) {
    // The crates below us speak of every frame at debug level; ask for them by name to see that.
    let quiet = "h2=info,hyper=info,hyper_util=info,reqwest=info,rustls=info,tonic=info,tower=info";
    let filter =
        EnvFilter::try_new(format!("{quiet},{}", settings.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if settings.json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    // A test may have installed its own.
    drop(installed);
}
