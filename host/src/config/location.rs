//! The place of a part of the config: its source, its line, and its keys.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::redact::Masks;

/// A text that config is read from.
#[derive(Debug, Default)]
pub struct Source {
    /// The name as the user gives it: a path, `env:NAME`, or `--set` with its key.
    pub name: String,
    pub text: String,
    /// The folder that relative paths of plugins start from.
    pub folder: Option<PathBuf>,
    /// Whether messages never quote the lines: true for the content of a `${file:…}` and for a secret's
    /// `--set`.
    pub(super) hidden: bool,
    /// The parts of the lines that messages do not quote, computed on first use.
    pub(super) masks: OnceLock<Masks>,
}

/// A place in a source.
#[derive(Clone)]
pub struct Location {
    pub source: Arc<Source>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The width in characters, on this line.
    pub width: usize,
}

/// The keys that lead to a node, such as `exporters › otlp › sending_queue`. Paths share the part that they
/// have in common.
#[derive(Clone, Default)]
pub struct KeyPath(Option<Arc<Segment>>);

struct Segment {
    parent: KeyPath,
    key: String,
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

impl KeyPath {
    pub fn join(&self, key: &str) -> KeyPath {
        KeyPath(Some(Arc::new(Segment { parent: self.clone(), key: key.to_owned() })))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the keys, outermost first.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> =
            std::iter::successors(self.0.as_deref(), |segment| segment.parent.0.as_deref())
                .map(|segment| segment.key.as_str())
                .collect();
        keys.reverse();
        keys
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(segment) = &self.0 else { return Ok(()) };
        if !segment.parent.is_empty() {
            write!(f, "{} › ", segment.parent)?;
        }
        f.write_str(&segment.key)
    }
}

impl fmt::Debug for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
