//! From what the command line names to one tree: read, merge in order, set, expand.

use std::{
    collections::HashMap,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    ConfigError, Finding, KeyPath, Node,
    expand::{Env, expand},
    location::{Location, Source},
    node::{DEPTH_LIMIT, Entry, Value},
    parse::{SOURCE_LIMIT_BYTES, parse},
    redact::is_secret_path,
};
use crate::hash::Sha256;

/// The whole config, and what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub root: Node,
    pub warnings: Vec<Finding>,
    pub files: Vec<LoadedFile>,
}

/// A file that a config was read from.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// As `--config` names it.
    pub path: PathBuf,
    /// What was in it.
    pub sha256: Sha256,
}

/// Loads and merges `--config` values in order (`path`, `file:path`, `env:NAME`, `yaml:text`; maps merge, all else is
/// replaced), then applies `--set` values (`a::b::c=value` or `a.b.c=value`; the value is YAML), then expands references.
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
        merge(&mut root, unfold(node)?);
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

/// The file that a `--config` value names, if it names one.
fn file(config: &str) -> Option<PathBuf> {
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
    Source::read(Path::new(path), SOURCE_LIMIT_BYTES).map_err(ConfigError::new)
}

impl Source {
    /// At most `limit_bytes`; an error says what the path is and what is wrong with it.
    pub(super) fn read(path: &Path, limit_bytes: usize) -> Result<Source, String> {
        let name = path.display().to_string();
        let cannot = |error: std::io::Error| format!("cannot read {name}: {error}");
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(cannot)?;
        file.take(limit_bytes as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() > limit_bytes {
            return Err(format!("{name} is larger than {limit_bytes} bytes"));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))?;
        Ok(Source { name, text, folder: path.parent().map(Path::to_owned), ..Source::default() })
    }
}

/// The later map's keys go into the earlier map; anything else replaces what was there.
fn merge(into: &mut Node, from: Node) {
    let Value::Map(known) = &mut into.value else {
        if !from.is_null() || !into.is_null() {
            *into = from;
        }
        return;
    };
    let Value::Map(entries) = from.value else {
        *into = from;
        return;
    };
    let places: HashMap<String, usize> =
        known.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect();
    for entry in entries {
        match places.get(&entry.key).and_then(|place| known.get_mut(*place)) {
            Some(known) => {
                known.key_at = entry.key_at;
                merge(&mut known.node, entry.node);
            }
            None => known.push(entry),
        }
    }
}

/// `processors::batch::timeout=2s` as a tree of one branch.
fn setting(set: &str) -> Result<Node, ConfigError> {
    let usage = "`--set` takes `key=value`, as `processors::batch::timeout=2s`";
    // What has no `=` may be a secret as well as a key.
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

/// A tree of one branch; its keys stand at the same place.
fn branch(keys: &[&str], at: Option<Location>, leaf: Node) -> Node {
    keys.iter().rev().fold(leaf, |node, key| {
        let entry = Entry { key: (*key).to_owned(), key_at: at.clone(), node };
        Node { at: at.clone(), ..Value::Map(vec![entry]).into() }
    })
}

/// The outermost keys of a config may be several joined by `::`, as in the Collector.
fn unfold(mut node: Node) -> Result<Node, ConfigError> {
    let Value::Map(entries) = &mut node.value else { return Ok(node) };
    if !entries.iter().any(|entry| entry.key.contains("::")) {
        return Ok(node);
    }
    let entries = std::mem::take(entries);
    for Entry { key, key_at, node: value } in entries {
        let keys: Vec<&str> = key.split("::").collect();
        if keys.iter().any(|key| key.is_empty()) || keys.len() > DEPTH_LIMIT {
            let finding = Finding::new(format!("of the keys of `{key}` one is empty"));
            return Err(finding.at(key_at, KeyPath::default()).into());
        }
        merge(&mut node, branch(&keys, key_at, value));
    }
    Ok(node)
}
