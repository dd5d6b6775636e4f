//! The components and keys that the Collector has and Spanloom lacks, with advice on what to use instead.

use crate::id::Kind;

/// A component type of the Collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    pub state: State,
    /// What to use instead; `None` if nothing in Spanloom does its job.
    pub advice: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Today's Collector has it, and Spanloom lacks it.
    Lacking,
    /// Even the Collector no longer has it.
    Removed,
    /// Spanloom accepts it in a config and ignores it.
    Accepted,
}

const COMPONENTS: &str = include_str!("collector/components.txt");
const KEYS: &str = include_str!("collector/keys.txt");

/// Finds a component type by any of its spellings: `file_log`, `filelog`, `file-log`.
pub(crate) fn component(kind: Kind, name: &str) -> Option<Component> {
    let kind = kind.to_string();
    lines(COMPONENTS).find_map(|line| {
        let (of, rest) = word(line)?;
        let (known, rest) = word(rest)?;
        let (state, advice) = word(rest)?;
        let state = match state {
            "removed" => State::Removed,
            "accepted" => State::Accepted,
            _ => State::Lacking,
        };
        let advice = Some(advice).filter(|advice| *advice != "-");
        (of == kind && is_same(known, name)).then_some(Component { state, advice })
    })
}

/// Returns the kind of a component type of the Collector, so that a type in the wrong section is recognized.
pub(crate) fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| component(*kind, name).is_some())
}

/// Returns the advice for a key that Spanloom lacks, or `None` if the Collector has no such key.
pub(super) fn key(name: &str) -> Option<&'static str> {
    let known = lines(KEYS).filter_map(word).find(|(key, _)| *key == name);
    known.map(|(_, advice)| if advice == "-" { "nothing in Spanloom does its job" } else { advice })
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn word(line: &'static str) -> Option<(&'static str, &'static str)> {
    line.split_once(' ').map(|(word, rest)| (word, rest.trim_start()))
}

fn is_same(one: &str, other: &str) -> bool {
    let letters = |name: &'_ str| name.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>();
    letters(one).eq_ignore_ascii_case(&letters(other))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::builtin;

    /// Scenario: types of the Collector are looked up by several spellings, and keys by name.
    /// Guarantees: each spelling finds the type with its state and advice, and only of the right kind.
    #[test]
    fn a_type_is_known_by_any_spelling() {
        for name in ["file_log", "filelog", "file-log"] {
            assert_eq!(component(Kind::Receiver, name).unwrap().state, State::Lacking, "{name}");
        }
        let jaeger = component(Kind::Exporter, "jaeger").unwrap();
        assert_eq!(jaeger.state, State::Removed);
        assert!(jaeger.advice.unwrap().contains("`otlp_grpc`"));
        assert_eq!(component(Kind::Receiver, "file_log").unwrap().advice, None);
        assert_eq!(component(Kind::Exporter, "file_log"), None);
        assert_eq!(kind_of("filelog"), Some(Kind::Receiver));
        assert!(key("middlewares").is_some() && key("endpoint").is_none());
    }

    /// Scenario: every line of the table of component types is read.
    /// Guarantees: each has four columns, no type is there twice, and Spanloom has none of the types.
    #[test]
    fn the_table_is_about_what_spanloom_lacks() {
        let registry = builtin::registry();
        let mut seen = BTreeSet::new();
        for line in lines(COMPONENTS) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let kind = Kind::ALL.into_iter().find(|kind| kind.to_string() == words[0]).expect(line);
            assert!(matches!(words[2], "lacking" | "removed" | "accepted"), "{line}");
            assert!(words.len() > 3, "{line}");
            assert!(registry.find(kind, words[1]).is_none(), "{line}");
            assert!(seen.insert((words[0], words[1].replace('_', ""))), "{line} is there twice");
        }
        assert!(seen.len() > 200);
    }
}
