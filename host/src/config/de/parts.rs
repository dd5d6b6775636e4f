//! Structs whose keys stand in the map of another struct.
//!
//! A field whose name begins with `..` is a *part*: its own keys are keys of the map in which the field
//! stands. In `serde(flatten)`, errors lose their places, and unknown keys pass. Here both work as in any
//! other struct.

use std::{cell::RefCell, slice};

use super::NodeDeserializer;

/// The beginning of the name of a field that is a part.
const PART: &str = "..";

/// The keys of a struct's parts, in the order of the parts.
pub(super) type KeysOfParts = RefCell<Vec<Vec<&'static str>>>;

/// The fields of the struct that is being read. Its parts are read before its other fields.
pub(super) struct Fields {
    names: &'static [&'static str],
    unread: slice::Iter<'static, &'static str>,
    keys_of_parts: KeysOfParts,
    are_noted: bool,
}

impl Fields {
    pub(super) fn new(names: &'static [&'static str]) -> Fields {
        Fields { names, unread: names.iter(), keys_of_parts: RefCell::default(), are_noted: false }
    }

    /// Returns the name of the next part that is to be read.
    pub(super) fn next_part(&mut self) -> Option<&'static str> {
        self.unread.find(|name| name.starts_with(PART)).copied()
    }

    /// Returns where the part that is being read tells its keys.
    pub(super) fn keys_of_parts(&self) -> &KeysOfParts {
        &self.keys_of_parts
    }

    /// Returns whether this is a key of the struct itself. The keys of its parts are read by the parts.
    pub(super) fn has(&self, key: &str) -> bool {
        self.names.contains(&key) && !key.starts_with(PART)
    }

    /// Notes the unknown keys of the node, once all parts have told their keys. If the struct is itself a
    /// part, it tells its keys to the struct that it is a part of.
    pub(super) fn note_keys(&mut self, at: NodeDeserializer<'_>) {
        if self.are_noted {
            return;
        }
        self.are_noted = true;
        let keys = self.keys();
        match at.part_of {
            Some(keys_of_parts) => keys_of_parts.borrow_mut().push(keys),
            None => at.notes.borrow_mut().unknown_keys(at.node, &keys),
        }
    }

    /// Returns all keys of the map. The keys of a part stand in the place of the part.
    fn keys(&self) -> Vec<&'static str> {
        let mut keys_of_parts = self.keys_of_parts.take().into_iter();
        let keys = self.names.iter().flat_map(|name| {
            if name.starts_with(PART) { keys_of_parts.next().unwrap_or_default() } else { vec![*name] }
        });
        keys.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::config::{Node, Unused};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Own {
        first: u32,
        #[serde(rename = "..shared")]
        shared: Shared,
        last: u32,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Shared {
        size: u32,
        #[serde(rename = "..deeper")]
        deeper: Deeper,
        dialer: Unused,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Deeper {
        depth: u32,
    }

    impl Default for Shared {
        fn default() -> Shared {
            Shared { size: 7, deeper: Deeper::default(), dialer: Unused }
        }
    }

    fn parse(yaml: &str) -> Node {
        Node::parse("otel.yaml", yaml).unwrap()
    }

    /// Scenario: a map gives keys of a struct, of its part, and of the part's part; another map is empty.
    /// Guarantees: each struct gets its own keys, and a missing key has the default of its own struct.
    #[test]
    fn the_keys_of_a_part_stand_in_the_same_map() {
        let shared = Shared { deeper: Deeper { depth: 2 }, ..Shared::default() };
        let own: Own = parse("{ last: 3, depth: 2, first: 1 }").read().unwrap();
        assert_eq!(own, Own { first: 1, shared, last: 3 });
        assert_eq!(parse("").read::<Own>().unwrap(), Own::default());
    }

    /// Scenario: a map has wrong values for a struct and for its part, an unknown key, and the name of a part
    /// as a key.
    /// Guarantees: each error has its place, and the help names all keys of the map and no part.
    #[test]
    fn errors_in_parts_have_their_places() {
        let error = parse("siez: 1\nsize: much\ndepth: [1]\nlast: true\n..shared: 1\n").read::<Own>();
        let error = error.unwrap_err();
        let mut places: Vec<_> = error
            .findings()
            .iter()
            .map(|finding| (finding.at.as_ref().unwrap().line, &*finding.message))
            .collect();
        places.sort_unstable();
        assert_eq!(
            places,
            [
                (1, "unknown key `siez`"),
                (2, "expected a whole number, found the text `much`"),
                (3, "expected a whole number, found a list"),
                (4, "expected a whole number, found `true`"),
                (5, "unknown key `..shared`"),
            ]
        );
        let shown = error.to_string();
        assert!(shown.contains("did you mean `size`?"), "{shown}");
        assert!(shown.contains("known keys: first, size, depth, dialer, last"), "{shown}");
    }

    /// Scenario: a key of a part has no effect.
    /// Guarantees: the user is warned of it.
    #[test]
    fn an_unused_key_of_a_part_is_warned_of() {
        let messages: Vec<_> =
            parse("dialer: 1").unused::<Own>().into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["`dialer` has no effect in Spanloom"]);
    }
}
