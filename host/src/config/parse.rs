//! Parses YAML text to nodes. Resolves anchors, aliases and merge keys, refuses duplicate keys, and limits
//! size and depth.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{
    ConfigError, Finding, KeyPath, Location, Node,
    location::Source,
    node::{DEPTH_LIMIT, Entry, NODES_LIMIT, Value},
    redact::is_secret_path,
    scalar::Scalar,
};

pub(super) const SOURCE_LIMIT_BYTES: usize = 4 << 20;

/// Parses the one document of a source. An empty source gives an empty node.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, ConfigError> {
    if source.text.len() > SOURCE_LIMIT_BYTES {
        return Err(ConfigError::new(format!(
            "{} has {} bytes; a config may have {SOURCE_LIMIT_BYTES}",
            source.name,
            source.text.len()
        )));
    }
    let mut builder = Builder { source, nodes: 0, open: Vec::new(), anchors: HashMap::new(), root: None };
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|error| builder.no_yaml(&error))?;
        builder.event(event, span)?;
    }
    Ok(builder.root.unwrap_or_default())
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    nodes: usize,
    /// The collections that are not closed yet, outermost first.
    open: Vec<Open>,
    /// Each finished node that has an anchor, with the number of nodes in it.
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
}

struct Open {
    collection: Collection,
    at: Location,
    anchor: usize,
    /// The number of nodes that were counted before this collection began.
    nodes: usize,
}

enum Collection {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// A key whose value is not parsed yet.
    key: Option<(Scalar, Location)>,
    /// The maps that `<<` names.
    merged: Vec<Node>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ConfigError> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.error(span, "a config is one YAML document; another begins here"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_only = style != ScalarStyle::Plain
                    || is_text(tag.as_deref()).map_err(|tag| self.error(span, self.unknown_tag(&tag)))?;
                let scalar = Scalar { text: text.into_owned(), plain: !text_only };
                self.count(span, 1)?;
                let node = self.place(Value::Scalar(scalar).into(), span);
                self.finish(node, anchor, 1, span)
            }
            Event::SequenceStart(anchor, _) => self.begin(Collection::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => self.begin(Collection::Map(OpenMap::default()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.error(span, "this alias stands inside of what it names"));
                };
                self.count(span, size)?;
                self.finish(node, 0, size, span)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, collection: Collection, anchor: usize, span: Span) -> Result<(), ConfigError> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(self.error(span, format!("nested more than {DEPTH_LIMIT} deep")));
        }
        let nodes = self.nodes;
        self.count(span, 1)?;
        let at = self.location(span);
        self.open.push(Open { collection, at, anchor, nodes });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), ConfigError> {
        let Some(Open { collection, at, anchor, nodes }) = self.open.pop() else { return Ok(()) };
        let value = match collection {
            Collection::List(items) => Value::List(items),
            Collection::Map(map) => Value::Map(map.close()?),
        };
        let node = Node { at: Some(at), ..value.into() };
        self.finish(node, anchor, self.nodes - nodes, span)
    }

    /// Puts a finished node into the innermost open collection, or at the root.
    fn finish(&mut self, node: Node, anchor: usize, size: usize, span: Span) -> Result<(), ConfigError> {
        let mut node = node;
        if anchor > 0 {
            if is_secret_path(self.keys()) {
                node.set_secret();
            }
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.collection {
            Collection::List(items) => {
                items.push(node);
                Ok(())
            }
            Collection::Map(map) => match map.key.take() {
                None => {
                    let Value::Scalar(word) = node.value else {
                        return Err(self.error(span, "a key is text, not a list or a map"));
                    };
                    map.key = Some((word, locate(self.source, span)));
                    Ok(())
                }
                Some((word, at)) => map.insert(word, at, node),
            },
        }
    }

    fn count(&mut self, span: Span, nodes: usize) -> Result<(), ConfigError> {
        self.nodes += nodes;
        if self.nodes > NODES_LIMIT {
            return Err(self.error(span, format!("more than {NODES_LIMIT} values, aliases included")));
        }
        Ok(())
    }

    fn place(&self, node: Node, span: Span) -> Node {
        Node { at: Some(self.location(span)), ..node }
    }

    fn location(&self, span: Span) -> Location {
        locate(self.source, span)
    }

    /// The keys whose values are still open, outermost first.
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.open.iter().filter_map(|open| match &open.collection {
            Collection::Map(map) => map.key.as_ref().map(|(word, _)| word.text.as_str()),
            Collection::List(_) => None,
        })
    }

    /// Describes an unknown tag. Under a secret's key the tag is not shown, because it may be the beginning
    /// of a password.
    fn unknown_tag(&self, tag: &str) -> String {
        match is_secret_path(self.keys()) {
            true => "this begins with a YAML tag that is not known; put text in quotes".to_owned(),
            false => format!("the YAML tag `{tag}` is not known"),
        }
    }

    fn no_yaml(&self, error: &ScanError) -> ConfigError {
        let mark = *error.marker();
        let mut finding = Finding::new(format!("this is not YAML: {}", error.info()))
            .at(Some(self.location(Span::empty(mark))), KeyPath::default());
        let line = self.source.text.lines().nth(mark.line().saturating_sub(1)).unwrap_or_default();
        if line.contains("${") {
            finding.help = Some("inside of `[…]` or `{…}` a reference is put in quotes: '${…}'".to_owned());
        }
        finding.into()
    }

    fn error(&self, span: Span, message: impl Into<String>) -> ConfigError {
        Finding::new(message).at(Some(self.location(span)), KeyPath::default()).into()
    }
}

impl OpenMap {
    fn insert(&mut self, word: Scalar, at: Location, mut node: Node) -> Result<(), ConfigError> {
        // The place of a map or of an empty value is its key, because the key shows the user which one is
        // meant.
        if !matches!(&node.value, Value::Scalar(scalar) if !(scalar.plain && scalar.text.is_empty())) {
            node.at = Some(at.clone());
        }
        if !(word.plain && word.text == "<<") {
            self.entries.push(Entry { key: word.text, key_at: Some(at), node });
            return Ok(());
        }
        let sources = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for source in sources {
            if !matches!(source.value, Value::Map(_)) {
                return Err(source.finding("`<<` takes a map, or a list of maps").into());
            }
            self.merged.push(source);
        }
        Ok(())
    }

    /// Returns the entries of the map. An entry of the map itself takes precedence over a merged entry, and
    /// the first merged map over the later ones.
    fn close(mut self) -> Result<Vec<Entry>, ConfigError> {
        let mut places: HashMap<&str, &Entry> = HashMap::new();
        for entry in &self.entries {
            if let Some(first) = places.insert(&entry.key, entry) {
                let message = format!("the key `{}` stands here twice", entry.key);
                let first = first.key_at.as_ref().map(|at| format!("first at {at}")).unwrap_or_default();
                let again = Finding::new(message).at(entry.key_at.clone(), KeyPath::default());
                return Err(again.label("again here").help(first).into());
            }
        }
        if self.merged.is_empty() {
            return Ok(self.entries);
        }
        let mut known: HashSet<String> = self.entries.iter().map(|entry| entry.key.clone()).collect();
        for node in self.merged {
            let Value::Map(entries) = node.value else { continue };
            self.entries.extend(entries.into_iter().filter(|entry| known.insert(entry.key.clone())));
        }
        Ok(self.entries)
    }
}

fn locate(source: &Arc<Source>, span: Span) -> Location {
    let (start, end) = (span.start, span.end);
    let width =
        if start.line() == end.line() { end.col().saturating_sub(start.col()).max(1) } else { usize::MAX };
    Location { source: source.clone(), line: start.line(), column: start.col() + 1, width }
}

/// Returns whether a tag says that the scalar is text. The error is the name of an unknown tag.
fn is_text(tag: Option<&Tag>) -> Result<bool, String> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(true),
            "int" | "float" | "bool" | "null" => Ok(false),
            _ => Err(tag.to_string()),
        },
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
        Some(tag) => Err(tag.to_string()),
    }
}
