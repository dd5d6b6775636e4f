//! Loads a config from the command line's arguments into one tree: reads, merges in order, applies `--set`,
//! expands.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    ConfigError, Finding, KeyPath, Node,
    expand::{Env, expand},
    location::Source,
    merge::{branch, merge, unfold},
    node::{DEPTH_LIMIT, Value},
    parse::{SOURCE_LIMIT_BYTES, parse},
    redact::is_secret_path,
};
use crate::{files, hash::Sha256};

/// A loaded config and the warnings about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub root: Node,
    pub warnings: Vec<Finding>,
    pub files: Vec<LoadedFile>,
}

/// A file that a config was read from.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// The path as `--config` names it.
    pub path: PathBuf,
    /// The hash of the file's content.
    pub sha256: Sha256,
}

/// Loads the `--config` values (`path`, `file:path`, `env:NAME`, `yaml:text`) and merges them in order: maps
/// are merged, and a later value replaces any other. Then applies the `--set` values (`a::b::c=value` or
/// `a.b.c=value`; the value is YAML). Then expands references.
pub fn load(configs: &[String], sets: &[String], env: Env<'_>) -> Result<Loaded, ConfigError> {
    let mut root = Node::default();
    let mut files = Vec::new();
    for config in configs {
        let source = source(config, env)?;
        let sha256 = Sha256::of(source.text.as_bytes());
        files.extend(file(config).map(|path| LoadedFile { path, sha256 }));
        let node = parse(&Arc::new(source))?;
        if !matches!(node.value, Value::Map(_)) && !node.is_null() {
            return Err(node
                .finding("a config is a map of sections (receivers, exporters, service, …)")
                .into());
        }
        // An empty file changes nothing.
        if !node.is_null() {
            merge(&mut root, unfold(node)?);
        }
    }
    for set in sets {
        merge(&mut root, setting(set)?);
    }
    let mut warnings = Vec::new();
    root.set_paths(KeyPath::default());
    let mut root = expand(root, env, &mut warnings)?;
    root.set_paths(KeyPath::default());
    Ok(Loaded { root, warnings, files })
}

/// Returns the file that a `--config` value names, or `None` if the value does not name a file.
pub(crate) fn file(config: &str) -> Option<PathBuf> {
    match config.split_once(':') {
        Some(("yaml" | "env" | "http" | "https", _)) => None,
        Some(("file", path)) => Some(path.into()),
        _ => Some(config.into()),
    }
}

fn source(config: &str, env: Env<'_>) -> Result<Source, ConfigError> {
    let path = match config.split_once(':') {
        Some(("file", path)) => path,
        Some(("yaml", text)) => {
            return Ok(Source { name: "yaml:".to_owned(), text: text.to_owned(), ..Source::default() });
        }
        Some(("env", name)) => {
            let missing = || ConfigError::new(format!("the environment variable `{name}` is not set"));
            let text = env(name).ok_or_else(missing)?;
            return Ok(Source { name: config.to_owned(), text, ..Source::default() });
        }
        Some((scheme @ ("http" | "https"), _)) => {
            return Err(ConfigError::new(format!(
                "a config is not read over {scheme}; `--config` takes a path, `file:`, `env:` or `yaml:`"
            )));
        }
        _ => config,
    };
    Source::await_whole(Path::new(path), SOURCE_LIMIT_BYTES).map_err(ConfigError::new)
}

impl Source {
    /// Reads a regular file of at most `limit_bytes`. An error names the path and the problem.
    pub(super) fn read(path: &Path, limit_bytes: usize) -> Result<Source, String> {
        let open = files::open(path).map(|(file, _)| file);
        Source::of(open, path, limit_bytes)
    }

    /// Does the same as [`Source::read`], and also reads a pipe to its end.
    fn await_whole(path: &Path, limit_bytes: usize) -> Result<Source, String> {
        Source::of(File::open(path), path, limit_bytes)
    }

    fn of(file: io::Result<File>, path: &Path, limit_bytes: usize) -> Result<Source, String> {
        let name = path.display().to_string();
        let cannot = |error: io::Error| format!("cannot read {name}: {error}");
        let mut bytes = Vec::new();
        let file = file.map_err(cannot)?;
        file.take(limit_bytes as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() > limit_bytes {
            return Err(format!("{name} is larger than {limit_bytes} bytes"));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))?;
        Ok(Source { name, text, folder: path.parent().map(Path::to_owned), ..Source::default() })
    }
}

/// Parses a `--set` value such as `processors::batch::timeout=2s` to a tree with one branch.
fn setting(set: &str) -> Result<Node, ConfigError> {
    let usage = "`--set` takes `key=value`, as `processors::batch::timeout=2s`";
    // The message does not repeat a value without `=`, because it may be a secret.
    let (name, value) = set
        .split_once('=')
        .ok_or_else(|| ConfigError::new(format!("{usage}; what is given to one has no `=`")))?;
    let separator = if name.contains("::") { "::" } else { "." };
    let keys: Vec<&str> = name.split(separator).map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) || keys.len() > DEPTH_LIMIT {
        return Err(ConfigError::new(format!("`--set {name}=…`: a key is empty; {usage}")));
    }
    let hidden = is_secret_path(keys.iter().copied());
    let source =
        Source { name: format!("--set {name}"), text: value.to_owned(), hidden, ..Source::default() };
    let node = parse(&Arc::new(source))?;
    let at = node.at.clone();
    Ok(branch(&keys, at, node))
}
