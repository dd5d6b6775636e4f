//! What the Collector has and Spanloom lacks, to tell users by its name, and what does the job here.

use crate::id::Kind;

/// A component type of the Collector's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    pub state: State,
    /// What to do instead; `None` if nothing here does its job.
    pub advice: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Of today's Collector.
    Lacking,
    /// The Collector itself has it no more.
    Removed,
    /// A config may name it; it does nothing.
    Accepted,
}

const COMPONENTS: &str = include_str!("collector/components.txt");
const KEYS: &str = include_str!("collector/keys.txt");

/// The type by any of its spellings: `file_log`, `filelog`, `file-log`.
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

/// The kind of the Collector's component type that stands in another section than it is of.
pub(crate) fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| component(*kind, name).is_some())
}

/// What does the job of a key that Spanloom lacks; `None` if the Collector has no such key.
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

    /// The table is whole lines of four columns, tells each type once, and none that Spanloom has.
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
