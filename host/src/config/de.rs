//! Reads nodes with serde, so that every error has its place.
//!
//! Reading is as lenient as in the Collector: a number may be read as text, `a,b` as a list of words, and
//! nothing as an empty map; a key without a value that needs one is as if it were not there; and a word may be
//! written in any case. The reverse is an error: quoted text is not a number, and `yes` is not a
//! boolean.

mod access;
mod error;
mod parts;
mod reading;

use std::cell::RefCell;

use serde::{
    Deserializer,
    de::{IntoDeserializer as _, Visitor},
};

pub(super) use self::reading::{Reading, read};
use self::{
    access::{Choice, Entries, Items},
    parts::KeysOfParts,
    reading::Notes,
};
use super::{
    ConfigError, Finding, Node, Unused,
    node::Value,
    scalar::{Meaning, Scalar},
};

impl Node {
    /// Returns a finding that the node's value is not of the expected type.
    pub(crate) fn expected(&self, what: &str) -> Finding {
        let mut finding = self.finding(format!("expected {what}, found {}", self.describe()));
        finding.label = match &self.value {
            _ if self.is_null() && self.original.is_none() => {
                Some("give it a value, or leave the key out".to_owned())
            }
            Value::Scalar(scalar) => hint(scalar, what),
            _ => None,
        };
        finding
    }

    /// Returns the node's value as text. A list or a map has a text only if a reference stands for it.
    pub(crate) fn text(&self) -> Option<&str> {
        match (&self.original, &self.value) {
            (Some(original), _) => Some(original),
            (None, Value::Scalar(scalar)) if scalar.meaning() != Meaning::Nothing => Some(&scalar.text),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
    notes: &'a RefCell<Notes>,
    /// Where a struct that is a part of another tells its keys to the other.
    part_of: Option<&'a KeysOfParts>,
    /// True if the node is the value of a key. Then a list without a value has its default, like any other
    /// value.
    is_value_of_key: bool,
}

impl<'a> NodeDeserializer<'a> {
    fn of(self, node: &'a Node) -> NodeDeserializer<'a> {
        NodeDeserializer { node, part_of: None, is_value_of_key: false, ..self }
    }

    fn of_key(self, node: &'a Node) -> NodeDeserializer<'a> {
        NodeDeserializer { is_value_of_key: true, ..self.of(node) }
    }

    fn expected<T>(self, what: &str) -> Result<T, ConfigError> {
        Err(self.node.expected(what).into())
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        let value = match self.meaning() {
            Meaning::Int(value) => value,
            // `1e3` is a whole number.
            Meaning::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => value as i128,
            _ => return self.expected("a whole number"),
        };
        visit_integer(value, visitor)
    }

    fn meaning(self) -> Meaning {
        match &self.node.value {
            Value::Scalar(scalar) => scalar.meaning(),
            _ => Meaning::Text,
        }
    }

    /// Reads a map. `fields` holds the fields of a struct; `None` allows any key.
    fn map<'de, V: Visitor<'de>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        if !matches!(self.node.value, Value::Map(_)) && !self.node.is_null() {
            return self.expected("a map of keys");
        }
        visitor.visit_map(Entries::new(self, fields))
    }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
            self.integer(visitor)
        })*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
            match self.node.text() {
                Some(text) => visitor.visit_str(text),
                None => self.expected("text"),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = ConfigError;

    integers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
    deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 }
    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier
    deserialize_bytes deserialize_byte_buf }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        let scalar = match &self.node.value {
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.map(None, visitor),
            Value::Scalar(scalar) => scalar,
        };
        match scalar.meaning() {
            Meaning::Nothing => visitor.visit_unit(),
            Meaning::Bool(value) => visitor.visit_bool(value),
            Meaning::Int(value) => visit_integer(value, visitor),
            Meaning::Float(value) => visitor.visit_f64(value),
            Meaning::Text => visitor.visit_str(&scalar.text),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.meaning() {
            Meaning::Bool(value) => visitor.visit_bool(value),
            _ => self.expected("`true` or `false`"),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.meaning() {
            Meaning::Int(value) => visitor.visit_f64(value as f64),
            Meaning::Float(value) => visitor.visit_f64(value),
            _ => self.expected("a number"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        if self.node.is_null() { visitor.visit_unit() } else { self.expected("nothing") }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        if name == Unused::NAME {
            self.notes.borrow_mut().unused(self.node);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        if let Value::List(items) = &self.node.value {
            let rest = self.notes.borrow().kept(items);
            return visitor.visit_seq(Items { at: self, rest: rest.into_iter(), are_parts: true });
        }
        let has_default = self.is_value_of_key && self.node.is_null();
        if has_default || !matches!(self.node.value, Value::Scalar(_)) {
            return self.expected("a list");
        }
        let words = words(self.node.text().unwrap_or_default(), self.node);
        let rest = words.iter().collect::<Vec<_>>().into_iter();
        visitor.visit_seq(Items { at: self, rest, are_parts: false })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ConfigError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        self.map(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        self.map(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        if self.node.original.is_none()
            && let Value::Map(entries) = &self.node.value
        {
            let [entry] = entries.as_slice() else { return self.expected("a map of one key") };
            return visitor.visit_enum(Choice { at: self, entry });
        }
        match self.node.text() {
            Some(text) => {
                // A word may be written in any case.
                let known = variants.iter().find(|variant| variant.eq_ignore_ascii_case(text));
                let word = known.map_or_else(|| text.to_ascii_lowercase(), |known| (*known).to_owned());
                visitor.visit_enum(word.into_deserializer())
            }
            None => self.expected("a word"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_unit()
    }
}

fn visit_integer<'de, V: Visitor<'de>>(value: i128, visitor: V) -> Result<V::Value, ConfigError> {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => visitor.visit_i64(value),
        (_, Ok(value)) => visitor.visit_u64(value),
        _ => visitor.visit_i128(value),
    }
}

/// Returns the items of a list that is written `a,b`.
fn words(text: &str, node: &Node) -> Vec<Node> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(|word| Node { value: Value::Scalar(Scalar::plain(word)), ..node.clone() }).collect()
}

/// Returns advice for common mistakes: quotes around a number or a boolean, and `yes` or `no`.
fn hint(scalar: &Scalar, wanted: &str) -> Option<String> {
    let unquoted = Scalar::plain(scalar.text.as_str()).meaning();
    match (wanted, unquoted) {
        (wanted, Meaning::Int(_) | Meaning::Float(_))
            if !scalar.plain && (wanted.starts_with("a whole number") || wanted.starts_with("a number")) =>
        {
            Some("write it without quotes".to_owned())
        }
        ("`true` or `false`", Meaning::Bool(_)) => Some("write it without quotes".to_owned()),
        ("`true` or `false`", _) => match scalar.text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Some("write `true`".to_owned()),
            "no" | "off" | "n" => Some("write `false`".to_owned()),
            _ => None,
        },
        _ => None,
    }
}
