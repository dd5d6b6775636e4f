//! Where a piece of config stands: in which source, on which line, under which keys.

use std::{fmt, path::PathBuf, sync::Arc};

/// One text that config was read from.
#[derive(Debug, Default)]
pub struct Source {
    /// As the user named it: a path, `env:NAME`, `--set`.
    pub name: String,
    pub text: String,
    /// What a relative `${file:…}` in it is relative to.
    pub folder: Option<PathBuf>,
}

/// A place in a source.
#[derive(Clone)]
pub struct Location {
    pub source: Arc<Source>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// In characters, on this line.
    pub width: usize,
}

/// The keys that lead to a node: `exporters › otlp › sending_queue`. Shared with the paths of its siblings.
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
