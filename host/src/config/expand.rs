//! Expands references in values: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`, `${file:path}` and
//! `${yaml:text}`. `$$` is a plain `$`.
//!
//! As in the Collector, a value that is a single reference becomes what the text means as YAML, such as a
//! number or a whole map. A reference within other text becomes text. References may stand within references,
//! within defaults, and within files that hold a map or a list. Unlike in the Collector, the value of a
//! variable and the content of any other file are data and are not searched for references: a password may
//! hold a `$`. Keys are not expanded.

mod reference;

use std::{path::Path, sync::Arc};

use reference::{Piece, Reference};

use super::{
    ConfigError, Finding, Location, Node,
    location::Source,
    merge::unfold,
    node::{DEPTH_LIMIT, NODES_LIMIT, Outside, Value},
    parse::{SOURCE_LIMIT_BYTES, parse},
    scalar::{Meaning, Scalar},
};

const NESTING_LIMIT: usize = 16;
const REFERENCES_LIMIT: usize = 10_000;
const EXPANDED_LIMIT_BYTES: usize = 16 << 20;
/// The number of errors after which the expansion stops.
const ERRORS_LIMIT: usize = 20;

/// Returns the value of an environment variable, or `None` if the variable is not set.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Reads a variable of this process's environment. A value that is not UTF-8 counts as not set.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Replaces every reference in the tree. A variable that is not set becomes nothing, with a warning.
pub(super) fn expand(root: Node, env: Env<'_>, warnings: &mut Vec<Finding>) -> Result<Node, ConfigError> {
    let mut expander = Expander { env, warnings, errors: Vec::new(), nodes: 0, references: 0, bytes: 0 };
    let root = expander.node(root, 0, 0);
    ConfigError::from_findings(expander.errors).map(|()| root)
}

struct Expander<'a> {
    env: Env<'a>,
    warnings: &'a mut Vec<Finding>,
    errors: Vec<Finding>,
    nodes: usize,
    references: usize,
    bytes: usize,
}

/// The text that a reference stands for.
enum Found {
    /// Text that is not searched for references.
    Data(Text),
    /// The default of a variable that is not set. The text may hold references.
    Default(String),
    /// The file, and the reference that named it. The content may hold references if it is a map or a list;
    /// other content is data.
    File(Source, String),
}

/// A text whose references are all replaced.
#[derive(Default)]
struct Text {
    text: String,
    /// The text as a config would write it: values from outside the config are still references.
    written: String,
    /// Whether any part comes from outside the config.
    has_outside: bool,
}

impl Expander<'_> {
    /// Expands a node and everything below it. `nesting` counts the references that led here.
    fn node(&mut self, node: Node, depth: usize, nesting: usize) -> Node {
        if self.errors.len() >= ERRORS_LIMIT {
            return Node::default();
        }
        if let Err(error) = self.count(&node, depth) {
            self.errors.extend(error.into_findings());
            return Node::default();
        }
        let Node { value, at, path, original, secret, outside } = node;
        let value = match value {
            Value::List(items) => {
                Value::List(items.into_iter().map(|item| self.node(item, depth + 1, nesting)).collect())
            }
            Value::Map(mut entries) => {
                for entry in &mut entries {
                    entry.node = self.node(std::mem::take(&mut entry.node), depth + 1, nesting);
                }
                Value::Map(entries)
            }
            Value::Scalar(scalar) => {
                let node = Node { value: Value::default(), at, path, original, secret, outside };
                return self.scalar(scalar, node, depth, nesting).unwrap_or_else(|error| {
                    self.errors.extend(error.into_findings());
                    Node::default()
                });
            }
        };
        Node { value, at, path, original, secret, outside }
    }

    /// Expands the references in a scalar. `place` is the node that held the scalar.
    fn scalar(
        &mut self,
        scalar: Scalar,
        place: Node,
        depth: usize,
        nesting: usize,
    ) -> Result<Node, ConfigError> {
        if !scalar.text.contains('$') {
            return Ok(Node { value: Value::Scalar(scalar), ..place });
        }
        self.note_bare_variable(&scalar.text, &place);
        let pieces = reference::pieces(&scalar.text)
            .map_err(|message| place.finding(message).help("to write a plain `$`, double it: `$$`"))?;
        if let [Piece::Reference(reference)] = pieces.as_slice() {
            return self.whole(reference, place, depth, nesting);
        }
        let only_text = pieces.iter().any(|piece| matches!(piece, Piece::Reference(_)));
        let joined = self.join(pieces, &place, nesting)?;
        let plain = scalar.plain && !only_text;
        let outside = joined.outside();
        Ok(Node { value: Value::Scalar(Scalar { text: joined.text, plain }), outside, ..place })
    }

    /// Warns about `$NAME`, which other programs and earlier Collectors read as a variable.
    fn note_bare_variable(&mut self, text: &str, place: &Node) {
        let Some(name) = reference::bare_variable(text) else { return };
        // The text after the `$` may be a part of a password.
        let name = if place.is_secret() { "NAME" } else { name };
        self.warnings.push(
            place
                .finding(format!("`${name}` is plain text"))
                .label(format!("a variable is written `${{env:{name}}}`"))
                .help("to say that a `$` is meant, double it: `$$`"),
        );
    }

    /// Expands a value that is a single reference.
    fn whole(
        &mut self,
        reference: &Reference<'_>,
        place: Node,
        depth: usize,
        nesting: usize,
    ) -> Result<Node, ConfigError> {
        let at = locate(&place, reference);
        let text = match self.find(reference, &place, nesting)? {
            Found::Data(text) => text,
            Found::Default(text) => self.text(&text, &place, nesting + 1)?,
            Found::File(source, written) => {
                let source = Arc::new(source);
                let is_yaml = source.name.ends_with(".yaml") || source.name.ends_with(".yml");
                match parse(&source).and_then(unfold) {
                    Ok(node) if !matches!(node.value, Value::Scalar(_)) => {
                        let original = Some(source.text.as_str().into());
                        let mut node = Node { original, ..self.node(node, depth, nesting + 1) };
                        node.set_outside(&Arc::new(Outside { written, names_keys: is_yaml }));
                        return Ok(node);
                    }
                    Err(error) if is_yaml => return Err(error),
                    _ => Text { text: source.text.clone(), written, has_outside: true },
                }
            }
        };
        let outside = text.outside();
        let mut node = reread(text.text);
        node.secret = place.secret;
        node.move_to(&at);
        if let Some(outside) = outside {
            node.set_outside(&outside);
        }
        // The new nodes hold no more references, but they count towards the limit.
        self.count_all(&node, depth)?;
        Ok(node)
    }

    /// Returns the text with its references replaced by text.
    fn text(&mut self, text: &str, place: &Node, nesting: usize) -> Result<Text, ConfigError> {
        let pieces = reference::pieces(text).map_err(|message| place.finding(message))?;
        self.join(pieces, place, nesting)
    }

    fn join(&mut self, pieces: Vec<Piece<'_>>, place: &Node, nesting: usize) -> Result<Text, ConfigError> {
        let mut joined = Text::default();
        for piece in pieces {
            joined.push(match piece {
                Piece::Text(text) => Text::literal(&text),
                Piece::Reference(reference) => match self.find(&reference, place, nesting)? {
                    Found::Data(text) => text,
                    Found::Default(text) => self.text(&text, place, nesting + 1)?,
                    Found::File(source, written) => Text { text: source.text, written, has_outside: true },
                },
            });
        }
        Ok(joined)
    }

    fn find(
        &mut self,
        reference: &Reference<'_>,
        place: &Node,
        nesting: usize,
    ) -> Result<Found, ConfigError> {
        let error = |message: String| Finding::new(message).at(locate(place, reference), place.path.clone());
        self.references += 1;
        if nesting >= NESTING_LIMIT || self.references > REFERENCES_LIMIT {
            let message =
                format!("references may nest {NESTING_LIMIT} deep, and a config may have {REFERENCES_LIMIT}");
            return Err(error(message).into());
        }
        let target = self.text(reference.target, place, nesting + 1)?;
        let found = match reference.scheme {
            "env" => self.variable(&target, reference, place)?,
            "yaml" => {
                let written = format!("${{yaml:{}}}", target.written);
                Found::Data(Text { written, ..target })
            }
            "file" => {
                let source = read_file(&target).map_err(error)?;
                Found::File(source, format!("${{file:{}}}", target.written))
            }
            scheme => {
                let help = format!(
                    "known kinds: env, file, yaml; a default is written `${{{scheme}:-default}}`, a plain `$` as `$$`"
                );
                return Err(error(format!("`{scheme}:` is not a kind of reference")).help(help).into());
            }
        };
        self.bytes += match &found {
            Found::Data(text) => text.text.len(),
            Found::Default(text) => text.len(),
            Found::File(source, _) => source.text.len(),
        };
        if self.bytes > EXPANDED_LIMIT_BYTES {
            return Err(error(format!("references stand for more than {EXPANDED_LIMIT_BYTES} bytes")).into());
        }
        Ok(found)
    }

    fn variable(
        &mut self,
        name: &Text,
        reference: &Reference<'_>,
        place: &Node,
    ) -> Result<Found, ConfigError> {
        let Text { text: name, written, .. } = name;
        let finding =
            |message: String| Finding::new(message).at(locate(place, reference), place.path.clone());
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            let finding = finding(format!("`{written}` is not the name of an environment variable"));
            return Err(finding.help("to write a plain `$`, double it: `$$`").into());
        }
        match ((self.env)(name), reference.default) {
            (Some(text), _) => {
                let written = format!("${{env:{written}}}");
                Ok(Found::Data(Text { text, written, has_outside: true }))
            }
            (None, Some(default)) => Ok(Found::Default(default.to_owned())),
            (None, None) => {
                self.warnings.push(
                    finding(format!("the environment variable `{written}` is not set"))
                        .label("this is read as nothing")
                        .help(format!("a default is written `${{env:{written}:-default}}`")),
                );
                Ok(Found::Data(Text::default()))
            }
        }
    }

    fn count(&mut self, node: &Node, depth: usize) -> Result<(), ConfigError> {
        self.nodes += 1;
        if depth <= DEPTH_LIMIT && self.nodes <= NODES_LIMIT {
            return Ok(());
        }
        let message = format!("expanded, a config may have {NODES_LIMIT} values and be {DEPTH_LIMIT} deep");
        Err(node.finding(message).into())
    }

    fn count_all(&mut self, node: &Node, depth: usize) -> Result<(), ConfigError> {
        self.count(node, depth)?;
        let mut below = node.items().iter().chain(node.entries().iter().map(|entry| &entry.node));
        below.try_for_each(|node| self.count_all(node, depth + 1))
    }
}

/// Reads the text as YAML. A text that is no other value of YAML stays as it is, to the character.
fn reread(text: String) -> Node {
    let source = Arc::new(Source { text, ..Source::default() });
    let parsed = parse(&source).unwrap_or_else(|_| Value::Scalar(Scalar::text("")).into());
    let value = match parsed.value {
        Value::Scalar(scalar) if scalar.meaning() == Meaning::Text => {
            Value::Scalar(Scalar::text(source.text.as_str()))
        }
        value => value,
    };
    Node { original: Some(source.text.as_str().into()), ..value.into() }
}

/// Reads the file of a `${file:…}`. A relative path is relative to the working directory, as in the Collector.
/// Line ends at the end of the file are cut off, so a secret can be kept in a file of one line.
fn read_file(path: &Text) -> Result<Source, String> {
    let source = Source::read(Path::new(&path.text), SOURCE_LIMIT_BYTES);
    let mut source = source.map_err(|error| match path.has_outside {
        true => error.replace(&path.text, &path.written),
        false => error,
    })?;
    source.text.truncate(source.text.trim_end_matches(['\r', '\n']).len());
    source.hidden = true;
    Ok(source)
}

impl Text {
    fn literal(text: &str) -> Text {
        Text { text: text.to_owned(), written: text.replace('$', "$$"), has_outside: false }
    }

    fn push(&mut self, next: Text) {
        self.text.push_str(&next.text);
        self.written.push_str(&next.written);
        self.has_outside |= next.has_outside;
    }

    /// Returns the origin of a value that consists of this text, or `None` if no part comes from outside the
    /// config.
    fn outside(&self) -> Option<Arc<Outside>> {
        let written = || Arc::new(Outside { written: self.written.clone(), names_keys: false });
        self.has_outside.then(written)
    }
}

/// Returns the place of the reference within the lines of its value. If the reference is not found in the
/// source's text, this is the place of the value.
fn locate(place: &Node, reference: &Reference<'_>) -> Option<Location> {
    const LINES_LIMIT: usize = 100;
    let at = place.at.as_ref()?;
    for (index, line) in at.source.text.lines().enumerate().skip(at.line.saturating_sub(1)).take(LINES_LIMIT)
    {
        let from = if index + 1 == at.line { at.column - 1 } else { 0 };
        let start = line.char_indices().nth(from).map_or(line.len(), |(start, _)| start);
        let Some(found) = line.get(start..).and_then(|line| line.find(reference.whole)) else { continue };
        let column = line.get(..start + found).map_or(0, |before| before.chars().count()) + 1;
        let width = reference.whole.chars().count();
        return Some(Location { source: at.source.clone(), line: index + 1, column, width });
    }
    Some(at.clone())
}
