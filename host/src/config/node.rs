//! The config as a tree in which each node has its place.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ConfigError, Finding, KeyPath, Location, collector,
    de::{self, Reading},
    keys::keys_of,
    location::Source,
    nearest::did_you_mean,
    parse, redact,
    scalar::{Meaning, Scalar},
};

/// The greatest depth of a tree: in YAML, after merging, and after expanding.
pub(super) const DEPTH_LIMIT: usize = 64;
/// The greatest number of nodes in a tree. An alias counts each time it is used.
pub(super) const NODES_LIMIT: usize = 100_000;

/// A part of the config, with its place in its file. The default is an empty scalar.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub(super) value: Value,
    pub(super) at: Option<Location>,
    pub(super) path: KeyPath,
    /// The text of a reference (`${env:NAME}`) that is the whole value. A field of type text gets this text,
    /// whatever it means as YAML, so that a password may be `0123`.
    pub(super) original: Option<Arc<str>>,
    /// Whether the value is written under a secret's key. An alias may use the value under another key.
    pub(super) secret: bool,
    /// The origin of a value that comes from outside the config's own text, wholly or in part.
    pub(super) outside: Option<Arc<Outside>>,
}

/// The origin of a value that the config only refers to. The value is never shown.
#[derive(Debug)]
pub(super) struct Outside {
    /// The value as the config writes it, such as `${env:HOST}:4317`. Messages show this text.
    pub written: String,
    /// Whether messages may name the value's keys. They may if the value is a YAML file, which is a part of
    /// the config.
    pub names_keys: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// Entries in the order of the file. Their keys are unique.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub(crate) key_at: Option<Location>,
    pub node: Node,
}

impl Node {
    /// Parses YAML without merging or expanding. `name` is the text's name in errors.
    pub fn parse(name: &str, text: &str) -> Result<Node, ConfigError> {
        let source = Source { name: name.to_owned(), text: text.to_owned(), ..Source::default() };
        let mut node = parse::parse(&Arc::new(source))?;
        node.set_paths(KeyPath::default());
        Ok(node)
    }

    /// Builds a node from JSON, for tests.
    pub fn from_json(value: serde_json::Value) -> Node {
        let mut node = from_json(value);
        node.set_paths(KeyPath::default());
        node
    }

    /// Reads the node as a `…Config`. An empty node is read as an empty map. The error lists all keys that
    /// the struct does not have, each with the nearest known key.
    ///
    /// Structs that share keys hold the shared keys as a struct of its own, in a field whose name begins with
    /// `..`: `#[serde(rename = "..server")] server: HttpServerConfig`. The keys then stand in the same map as
    /// those of the other fields. (Avoid `serde(flatten)`, which loses the places below.)
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        de::read(self)
    }

    /// Reads only the keys that the struct has, which holds no other struct's keys. Other code reads the rest
    /// of this map.
    pub(crate) fn read_part<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.only(keys_of::<T>()).read()
    }

    /// Reads the node and validates the parts that could be read, so that wrong values are reported together
    /// with wrong types.
    pub fn read_valid<T: serde::de::DeserializeOwned>(
        &self,
        validate: impl FnOnce(&T) -> Result<(), ConfigError>,
    ) -> Result<T, ConfigError> {
        let Reading { value, mut wrong, .. } = Reading::of(self);
        let invalid = value.as_ref().map_or(Ok(()), validate).map_err(|error| error.within(self));
        // A value that could not be read cannot be valid, so its findings are left out.
        let unread: Vec<String> = wrong.iter().map(|finding| finding.path.to_string()).collect();
        for mut finding in invalid.err().into_iter().flat_map(ConfigError::into_findings) {
            if !unread.contains(&finding.path.to_string()) {
                finding.is_of_value = true;
                wrong.push(finding);
            }
        }
        ConfigError::from_findings(wrong)?;
        value.ok_or_else(|| self.finding("this cannot be read").into())
    }

    /// Returns a warning for each key that a `…Config` knows and that has no effect
    /// ([`Unused`](super::Unused)).
    pub fn unused<T: serde::de::DeserializeOwned>(&self) -> Vec<Finding> {
        Reading::<T>::of(self).unused
    }

    pub fn at(&self) -> Option<&Location> {
        self.at.as_ref()
    }

    pub fn path(&self) -> &KeyPath {
        &self.path
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.meaning() == Meaning::Nothing)
    }

    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(crate) fn is_empty_map(&self) -> bool {
        matches!(&self.value, Value::Map(entries) if entries.is_empty())
    }

    /// Returns whether the value is what the Collector writes for a key that nobody set: nothing, an empty text,
    /// list or map, 0 or `false`.
    pub(crate) fn asks_for_nothing(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Nothing | Meaning::Bool(false) | Meaning::Int(0) => true,
                Meaning::Text => matches!(scalar.text.as_str(), "" | "0s"),
                _ => false,
            },
            Value::List(items) => items.iter().all(Node::asks_for_nothing),
            Value::Map(entries) => entries.iter().all(|entry| entry.node.asks_for_nothing()),
        }
    }

    /// Returns the value of a key, or `None` if this is not a map or lacks the key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Returns the keys and values, or an empty list if this is not a map.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Returns an error or a warning about this node.
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        let mut message = message.into();
        if matches!(self.value, Value::Scalar(_)) {
            message = self.scrub(&message);
        }
        Finding::new(message).at(self.at.clone(), self.path.clone())
    }

    /// Returns a finding about a key of this map that is not one of the known keys.
    pub(crate) fn unknown_key(&self, entry: &Entry, known: &[&str]) -> Finding {
        if let Some(outside) = self.hides_keys() {
            let message = format!("an unknown key in the value of `{}`", outside.written);
            return Finding::new(message).at(entry.key_at.clone(), self.path.clone());
        }
        let mut finding =
            Finding::new(format!("unknown key `{}`", entry.key)).at(entry.key_at.clone(), self.path.clone());
        if let Some(advice) = collector::key(&entry.key) {
            return finding.label("a key of the Collector's that Spanloom does not have").help(advice);
        }
        finding.label = did_you_mean(&entry.key, known.iter().copied());
        match known {
            [] => finding.help("no key is known here"),
            known => finding.help(format!("known keys: {}", known.join(", "))),
        }
    }

    /// Returns a warning that this key has no effect.
    pub(super) fn no_effect(&self) -> Finding {
        let keys = self.path.keys();
        let key = keys.last().copied().unwrap_or_default().to_owned();
        let below = keys.iter().rev().nth(1).map(|above| format!("{above}::{key}"));
        let finding = self.finding(format!("`{key}` has no effect in Spanloom"));
        match below.and_then(|below| collector::key(&below)).or_else(|| collector::key(&key)) {
            Some(advice) => finding.help(advice),
            None => finding,
        }
    }

    /// Follows the keys as far as they lead, and returns the last node reached. A list's item is written
    /// `[0]`.
    pub(crate) fn nearest<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> &Node {
        let mut node = self;
        for key in keys {
            let item = key.strip_prefix('[').and_then(|key| key.strip_suffix(']')?.parse::<usize>().ok());
            let next = match item {
                Some(item) => node.items().get(item),
                None => node.get(key),
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }

    /// Follows a path as plugins write it, such as `keys[2]` or `tls.ca_file`, as far as it leads. Returns
    /// the last node reached and the rest of the path. If several keys match because keys hold dots, the
    /// longest counts.
    pub(crate) fn follow<'a>(&self, path: &'a str) -> (&Node, &'a str) {
        let (mut node, mut rest) = (self, path);
        loop {
            let key = rest.strip_prefix('.').unwrap_or(rest);
            let item = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let next = match item.and_then(|(index, after)| Some((index.parse::<usize>().ok()?, after))) {
                Some((index, after)) => node.items().get(index).map(|item| (item, after)),
                None => (node.entries().iter())
                    .filter_map(|entry| Some((entry, key.strip_prefix(entry.key.as_str())?)))
                    .filter(|(_, after)| after.is_empty() || after.starts_with(['.', '[']))
                    .max_by_key(|(entry, _)| entry.key.len())
                    .map(|(entry, after)| (&entry.node, after)),
            };
            match next {
                // An empty key takes nothing from the path, so following it would never end.
                Some((below, after)) if after.len() < rest.len() => (node, rest) = (below, after),
                _ => return (node, rest),
            }
        }
    }

    /// Returns this map without some of its keys.
    pub(crate) fn without(&self, keys: &[&str]) -> Node {
        self.filtered(|key| !keys.contains(&key))
    }

    /// Returns this map with only some of its keys.
    pub(crate) fn only(&self, keys: &[&str]) -> Node {
        self.filtered(|key| keys.contains(&key))
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Node {
        let mut node = self.clone();
        if let Value::Map(entries) = &mut node.value {
            entries.retain(|entry| keep(&entry.key));
        }
        node
    }

    /// Returns whether both nodes mean the same, whatever their places and the order of their keys.
    pub(crate) fn says_as(&self, other: &Node) -> bool {
        let same = match (&self.value, &other.value) {
            (Value::Scalar(one), Value::Scalar(other)) => one == other,
            (Value::List(one), Value::List(other)) => {
                one.len() == other.len() && std::iter::zip(one, other).all(|(one, other)| one.says_as(other))
            }
            (Value::Map(one), Value::Map(other)) => {
                let known: BTreeMap<&str, &Node> =
                    other.iter().map(|entry| (entry.key.as_str(), &entry.node)).collect();
                let is_known = |entry: &Entry| {
                    known.get(entry.key.as_str()).is_some_and(|node| entry.node.says_as(node))
                };
                one.len() == other.len() && one.iter().all(is_known)
            }
            _ => false,
        };
        same && self.original == other.original
    }

    /// Sets the path of this node and of all below. Call this when the tree is complete.
    pub(super) fn set_paths(&mut self, path: KeyPath) {
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.set_paths(path.join(&format!("[{index}]")));
                }
            }
            Value::Map(entries) => {
                let hides_keys = self.outside.as_ref().is_some_and(|outside| !outside.names_keys);
                for entry in entries {
                    entry.node.set_paths(path.join(if hides_keys { "…" } else { &entry.key }));
                }
            }
        }
        self.path = path;
    }

    /// Sets the origin of this node and of all below that have none yet.
    pub(super) fn set_outside(&mut self, outside: &Arc<Outside>) {
        self.outside.get_or_insert_with(|| outside.clone());
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.set_outside(outside)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.set_outside(outside)),
        }
    }

    /// Marks this node and all below as secret.
    pub(super) fn set_secret(&mut self) {
        self.secret = true;
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(Node::set_secret),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.set_secret()),
        }
    }

    /// Returns the origin of this node if messages must not even name its keys.
    pub(super) fn hides_keys(&self) -> Option<&Arc<Outside>> {
        self.outside.as_ref().filter(|outside| !outside.names_keys)
    }

    /// Gives this node and all below one place: the place of the reference that they stand for.
    pub(super) fn move_to(&mut self, at: &Option<Location>) {
        self.at.clone_from(at);
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.move_to(at)),
            Value::Map(entries) => {
                for entry in entries {
                    entry.key_at.clone_from(at);
                    entry.node.move_to(at);
                }
            }
        }
    }

    /// Describes the value for an error, without secrets and without the value of a reference.
    pub(crate) fn describe(&self) -> String {
        let is_reference = self.original.is_some() || self.outside.is_some();
        match &self.value {
            Value::Map(_) => "a map".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Nothing if is_reference => "nothing (the reference is empty)".to_owned(),
                Meaning::Nothing => "nothing".to_owned(),
                Meaning::Text if is_reference => "text (the value of the reference)".to_owned(),
                _ if is_reference => "another value (that of the reference)".to_owned(),
                Meaning::Text if self.is_secret() => "text (a secret)".to_owned(),
                _ if self.is_secret() => "another value (a secret)".to_owned(),
                Meaning::Text => format!("the text `{}`", abridged(&redact::value(&scalar.text))),
                _ => format!("`{}`", abridged(&scalar.text)),
            },
        }
    }
}

impl Default for Value {
    fn default() -> Value {
        Value::Scalar(Scalar::plain(""))
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Node {
        Node { value, ..Node::default() }
    }
}

fn abridged(text: &str) -> String {
    const LIMIT_CHARS: usize = 60;
    match text.char_indices().nth(LIMIT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn from_json(value: serde_json::Value) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => Value::default(),
        Json::Bool(value) => Value::Scalar(Scalar::plain(value.to_string())),
        Json::Number(value) => Value::Scalar(Scalar::plain(value.to_string())),
        Json::String(text) => Value::Scalar(Scalar::text(text)),
        Json::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        Json::Object(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry { key, key_at: None, node: from_json(value) })
                .collect(),
        ),
    };
    value.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        let [one, other] = [one, other].map(|text| Node::parse("otel.yaml", text).unwrap());
        assert_eq!(one.says_as(&other), expected);
    }

    /// Scenario: values as the Collector prints them for keys that nobody set, and values that mean something.
    /// Guarantees: only the latter ask for anything.
    #[test]
    fn a_default_that_is_written_out_asks_for_nothing() {
        for (text, nothing) in [
            ("a: {b: '', c: 0, d: 0s, e: [], f: {}, g: false, h: null}", true),
            ("a: [1]", false),
            ("a: {b: {c: x}}", false),
            ("a: true", false),
        ] {
            assert_eq!(Node::parse("otel.yaml", text).unwrap().asks_for_nothing(), nothing, "{text}");
        }
    }

    /// Scenario: pairs of configs are compared that differ in layout, in order, or in a value.
    /// Guarantees: only a difference in meaning counts as a change, so a reload ignores a change of layout.
    #[test]
    fn nodes_say_the_same_whatever_their_layout() {
        check("a: 1\nb: [x, {c: 2}]", "# Moved.\nb:\n  - x\n  - c: 2\na: 1", true);
        check("a: 1", "a: 1\nb:", false);
        check("a: [1, 2]", "a: [2, 1]", false);
        check("a: 1", "a: \"1\"", false);
        check("a: {b: 1}", "a: [b, 1]", false);
    }
}
