//! Serde's access to lists, maps and enums.

use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{ConfigError, Meaning, Node, NodeDeserializer, Scalar, Value, parts::Fields};
use crate::config::node::Entry;

pub(super) struct Items<'a> {
    pub(super) at: NodeDeserializer<'a>,
    pub(super) rest: std::vec::IntoIter<&'a Node>,
    /// Whether the items are nodes of a list, and not words of a text.
    pub(super) are_parts: bool,
}

pub(super) struct Entries<'a> {
    at: NodeDeserializer<'a>,
    rest: std::slice::Iter<'a, Entry>,
    /// The fields of the struct that is read; `None` allows any key.
    fields: Option<Fields>,
    next: Option<Next<'a>>,
}

/// The value that follows a key.
enum Next<'a> {
    Value(&'a Node),
    /// A part of the struct, which is read from the same map.
    Part,
}

/// An enum's variant, written as the only key of a map.
pub(super) struct Choice<'a> {
    pub(super) at: NodeDeserializer<'a>,
    pub(super) entry: &'a Entry,
}

impl<'a> Entries<'a> {
    pub(super) fn new(at: NodeDeserializer<'a>, fields: Option<&'static [&'static str]>) -> Entries<'a> {
        Entries { at, rest: at.node.entries().iter(), fields: fields.map(Fields::new), next: None }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ConfigError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConfigError> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        let item = self.at.of(node);
        let item = if self.are_parts { read_part(item, seed) } else { read(item, seed) };
        item.map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = ConfigError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ConfigError> {
        if let Some(fields) = &mut self.fields {
            if let Some(part) = fields.next_part() {
                self.next = Some(Next::Part);
                return seed.deserialize(part.into_deserializer()).map(Some);
            }
            fields.note_keys(self.at);
        }
        // An unknown key of a struct is already noted.
        let (fields, notes) = (&self.fields, self.at.notes);
        let Some(entry) = self.rest.find(|entry| {
            fields.as_ref().is_none_or(|fields| fields.has(&entry.key))
                && !notes.borrow().is_left_out(&entry.node)
        }) else {
            return Ok(None);
        };
        self.next = Some(Next::Value(&entry.node));
        read(self.at.of(&key_node(entry)), seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ConfigError> {
        match self.next.take() {
            Some(Next::Value(node)) => read_part(self.at.of_key(node), seed).inspect_err(|_| {
                // A key without a value means the same as no key, except where nothing is a value.
                if node.is_null() {
                    self.at.notes.borrow_mut().has_no_value(node);
                }
            }),
            Some(Next::Part) => {
                let part_of = self.fields.as_ref().map(Fields::keys_of_parts);
                seed.deserialize(NodeDeserializer { part_of, ..self.at })
            }
            None => Err(ConfigError::new("a value was asked for before its key")),
        }
    }
}

impl<'de, 'a> EnumAccess<'de> for Choice<'a> {
    type Error = ConfigError;
    type Variant = NodeDeserializer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), ConfigError> {
        let variant = read(self.at.of(&key_node(self.entry)), seed)?;
        Ok((variant, self.at.of(&self.entry.node)))
    }
}

impl<'de> VariantAccess<'de> for NodeDeserializer<'_> {
    type Error = ConfigError;

    fn unit_variant(self) -> Result<(), ConfigError> {
        self.deserialize_unit(serde::de::IgnoredAny).map(drop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ConfigError> {
        read(self.of(self.node), seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ConfigError> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.deserialize_struct("", fields, visitor)
    }
}

/// Reads a value that the rest can be read without. If the value is wrong, the next round leaves it out.
fn read_part<'de, S: DeserializeSeed<'de>>(
    from: NodeDeserializer<'_>,
    seed: S,
) -> Result<S::Value, ConfigError> {
    read(from, seed).inspect_err(|_| from.notes.borrow_mut().failed(from.node))
}

/// Reads a value. An error without a place gets the place of the node.
fn read<'de, S: DeserializeSeed<'de>>(from: NodeDeserializer<'_>, seed: S) -> Result<S::Value, ConfigError> {
    seed.deserialize(from).map_err(|error| {
        from.notes.borrow_mut().about(from.node, &error);
        error.within(from.node)
    })
}

/// Returns a node for a key, so that a key is read like any text and an error points at the key.
fn key_node(entry: &Entry) -> Node {
    let word = Scalar::plain(entry.key.as_str());
    // A key called `null` is text.
    let original = (word.meaning() == Meaning::Nothing).then(|| entry.key.as_str().into());
    let outside = entry.node.outside.clone().filter(|outside| !outside.names_keys);
    Node {
        value: Value::Scalar(word),
        at: entry.key_at.clone(),
        path: entry.node.path.clone(),
        original,
        secret: false,
        outside,
    }
}
