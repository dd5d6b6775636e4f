//! The outputs of the log.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::{config::telemetry::LogsConfig, files::outputs::Outputs};

/// Writes to every output of the log. Clones write to the same outputs, one at a time.
#[derive(Clone)]
pub struct LogWriter(Arc<Mutex<Log>>);

/// Writes the logger's own lines. A line that cannot be written is lost, and the outputs for errors are told.
pub(super) struct Lines(LogWriter);

struct Log {
    lines: Outputs,
    /// Where it is said that a line could not be written.
    errors: Outputs,
}

/// The outputs of the process's logger.
static INSTALLED: OnceLock<LogWriter> = OnceLock::new();

/// Returns a writer to the outputs of the process's log: standard error, until the logger is installed.
pub fn writer() -> LogWriter {
    INSTALLED.get().cloned().unwrap_or_default()
}

impl LogWriter {
    pub(super) fn open(config: &LogsConfig) -> io::Result<LogWriter> {
        let open = |key: &str, paths: &[String]| {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{key}: {error}"));
            Outputs::open(paths).map_err(named)
        };
        let lines = open("output_paths", &config.output_paths)?;
        let errors = open("error_output_paths", &config.error_output_paths)?;
        Ok(LogWriter(Arc::new(Mutex::new(Log { lines, errors }))))
    }

    pub(super) fn install(&self) {
        // Only the first logger of a process counts.
        let _ = INSTALLED.set(self.clone());
    }

    pub(super) fn lines(&self) -> Lines {
        Lines(self.clone())
    }

    /// Returns whether everything goes to terminals.
    pub fn is_terminal(&self) -> bool {
        self.with(|log| log.lines.are_terminals())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for LogWriter {
    fn default() -> LogWriter {
        LogWriter(Arc::new(Mutex::new(Log { lines: Outputs::stderr(), errors: Outputs::stderr() })))
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|log| log.lines.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|log| log.lines.flush())
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.with(|log| {
            if let Err(error) = log.lines.write_all(line).and_then(|()| log.lines.flush()) {
                // Nothing is left to tell that this failed too.
                let _ = writeln!(log.errors, "cannot write the log to {}: {error}", log.lines);
            }
        });
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|log| write!(f, "{}", log.lines))
    }
}
