//! Where a config sends lines of text: standard output, standard error, and files.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
};

/// The outputs that a list of paths names. What is written goes to all of them.
#[derive(Debug)]
pub(crate) struct Outputs(Vec<Output>);

#[derive(Debug)]
enum Output {
    Stdout,
    Stderr,
    File { path: String, file: File },
}

impl Outputs {
    /// Opens what the paths name, as the Collector's logger reads them: `stdout`, `stderr`, a path of a file,
    /// or `file://` before one. A file is appended to. Opening may block.
    ///
    /// # Errors
    /// A file cannot be opened. The error names the path.
    pub(crate) fn open(paths: &[String]) -> io::Result<Outputs> {
        paths.iter().map(|path| Output::open(path)).collect::<io::Result<_>>().map(Outputs)
    }

    pub(crate) fn stderr() -> Outputs {
        Outputs(vec![Output::Stderr])
    }

    /// Returns whether everything goes to terminals.
    pub(crate) fn are_terminals(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Output::is_terminal)
    }
}

impl Output {
    fn open(path: &str) -> io::Result<Output> {
        let name = match path {
            "stdout" => return Ok(Output::Stdout),
            "stderr" => return Ok(Output::Stderr),
            path => path.strip_prefix("file://").unwrap_or(path),
        };
        let file = OpenOptions::new().create(true).append(true).open(name);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot open {path}: {error}"));
        Ok(Output::File { path: name.to_owned(), file: file.map_err(named)? })
    }

    fn is_terminal(&self) -> bool {
        match self {
            Output::Stdout => io::stdout().is_terminal(),
            Output::Stderr => io::stderr().is_terminal(),
            Output::File { file, .. } => file.is_terminal(),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Stdout => io::stdout().write_all(bytes),
            Output::Stderr => io::stderr().write_all(bytes),
            Output::File { file, .. } => file.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Stdout => io::stdout().flush(),
            Output::Stderr => io::stderr().flush(),
            Output::File { file, .. } => file.flush(),
        }
    }
}

impl Write for Outputs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    /// Writes to every output. The error is that of the first output that failed.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.iter_mut().map(|output| output.write_all(bytes)).fold(Ok(()), Result::and)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.iter_mut().map(Output::flush).fold(Ok(()), Result::and)
    }
}

impl fmt::Display for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, output) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(match output {
                Output::Stdout => "standard output",
                Output::Stderr => "standard error",
                Output::File { path, .. } => path,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: two files are named, one of which exists, and lines are written; then a file in a folder that
    /// does not exist is named.
    /// Guarantees: each file gets every line, behind what it had. The error names the path.
    #[test]
    fn every_output_gets_every_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("a"), "before\n").unwrap();
        let mut outputs = Outputs::open(&[path("a"), format!("file://{}", path("b"))]).unwrap();
        writeln!(outputs, "line").unwrap();
        assert_eq!(std::fs::read_to_string(path("a")).unwrap(), "before\nline\n");
        assert_eq!(std::fs::read_to_string(path("b")).unwrap(), "line\n");
        assert_eq!(outputs.to_string(), format!("{}, {}", path("a"), path("b")));
        let error = Outputs::open(&[path("no/c")]).unwrap_err().to_string();
        assert!(error.contains("no/c"), "{error}");
    }
}
