//! Where a piece of config stands: in which source, on which line, under which keys.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use super::redact::Masks;

/// One text that config was read from.
#[derive(Debug, Default)]
pub struct Source {
    /// As the user named it: a path, `env:NAME`, `--set`.
    pub name: String,
    pub text: String,
    /// What a relative `${file:…}` in it is relative to.
    pub folder: Option<PathBuf>,
    /// Its lines are never quoted: what a `${file:…}` holds, or the value of a secret's `--set`.
    pub(super) hidden: bool,
    /// What of its lines is not quoted, once that was asked for.
    pub(super) masks: OnceLock<Masks>,
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

    /// From the outermost.
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
