//! Writes values and attributes.

use std::fmt;

use crate::Value;
use crate::check::{DEPTH_LIMIT, is_value_at};
use crate::encoder::Encoder;
use crate::value::{ARRAY, KV_LIST, KeyValue, VALUES};

/// A value that can be written: text, a bool, an integer, a double, bytes, a [`Value`], an [`array()`] or a
/// [`map()`].
///
/// A type with a value of its own implements this by calling one of the methods of [`ValueWriter`], or
/// `write_into` of another value. If it calls none, the attribute is left out.
pub trait IntoValue {
    fn write_into(self, out: ValueWriter<'_>);
}

/// Takes one `AnyValue`.
pub struct ValueWriter<'e> {
    encoder: &'e mut Encoder,
    number: u32,
    /// The key, if the value is that of a `KeyValue`.
    key: Option<&'e str>,
}

/// Takes the attributes of a message, or the entries of a [`map()`].
pub struct AttributesWriter<'e> {
    encoder: &'e mut Encoder,
    number: u32,
}

/// Takes the values of an [`array()`].
pub struct ValuesWriter<'e> {
    encoder: &'e mut Encoder,
}

/// Returns an array of the values that `write` pushes.
pub fn array<F: FnOnce(&mut ValuesWriter<'_>)>(write: F) -> impl IntoValue {
    ArrayOf(write)
}

/// Returns a map of the entries that `write` pushes.
pub fn map<F: FnOnce(&mut AttributesWriter<'_>)>(write: F) -> impl IntoValue {
    MapOf(write)
}

struct ArrayOf<F>(F);

struct MapOf<F>(F);

/// How many messages a list adds below its value: the list, an entry, and the value of the entry.
const LIST_DEPTH: usize = 3;

impl<'e> ValueWriter<'e> {
    /// The value is field `number` of its message.
    pub(super) fn field(encoder: &'e mut Encoder, number: u32) -> ValueWriter<'e> {
        ValueWriter { encoder, number, key: None }
    }

    /// Writes a value. An array or a map is copied, if it is valid here.
    pub fn value(self, value: &Value<'_>) {
        if !matches!(value, Value::Array(_) | Value::KvList(_)) {
            return self.known(value);
        }
        // Lists may come from bytes that were never checked, or from a place that nests less.
        let mut list = Vec::with_capacity(value.encoded_len());
        value.write(&mut list);
        self.list(|encoder, fits| {
            if fits && is_value_at(encoder.depth(), &list) {
                encoder.raw(&list);
            }
        });
    }

    /// Writes an array of the values that `write` pushes.
    pub fn array(self, write: impl FnOnce(&mut ValuesWriter<'_>)) {
        self.list(|encoder, fits| {
            if fits {
                encoder.message(ARRAY, |encoder| write(&mut ValuesWriter { encoder }));
            }
        });
    }

    /// Writes a map of the entries that `write` pushes.
    pub fn map(self, write: impl FnOnce(&mut AttributesWriter<'_>)) {
        self.list(|encoder, fits| {
            if fits {
                encoder.message(KV_LIST, |encoder| write(&mut AttributesWriter::new(encoder, VALUES)));
            }
        });
    }

    fn known(self, value: &Value<'_>) {
        let ValueWriter { encoder, number, key } = self;
        match key {
            Some("") => encoder.message(number, |encoder| encoder.known_value(KeyValue::VALUE, value)),
            Some(key) => encoder.key_value(number, key, value),
            None => encoder.known_value(number, value),
        }
    }

    /// Writes a value of unknown length. `write` is told whether a list fits in.
    fn list(self, write: impl FnOnce(&mut Encoder, bool)) {
        let ValueWriter { encoder, number, key } = self;
        let value = |encoder: &mut Encoder, number| {
            encoder.message(number, |encoder| {
                let fits = encoder.depth() + LIST_DEPTH <= DEPTH_LIMIT;
                write(encoder, fits);
            });
        };
        match key {
            Some(key) => encoder.message(number, |encoder| {
                encoder.text(KeyValue::KEY, key);
                value(encoder, KeyValue::VALUE);
            }),
            None => value(encoder, number),
        }
    }
}

impl<'e> AttributesWriter<'e> {
    pub(super) fn new(encoder: &'e mut Encoder, number: u32) -> AttributesWriter<'e> {
        AttributesWriter { encoder, number }
    }

    /// Writes an attribute. A key should occur once.
    pub fn push(&mut self, key: &str, value: impl IntoValue) -> &mut Self {
        value.write_into(ValueWriter { encoder: self.encoder, number: self.number, key: Some(key) });
        self
    }
}

impl ValuesWriter<'_> {
    pub fn push(&mut self, value: impl IntoValue) -> &mut Self {
        value.write_into(ValueWriter::field(self.encoder, VALUES));
        self
    }
}

impl<F: FnOnce(&mut ValuesWriter<'_>)> IntoValue for ArrayOf<F> {
    fn write_into(self, out: ValueWriter<'_>) {
        out.array(self.0);
    }
}

impl<F: FnOnce(&mut AttributesWriter<'_>)> IntoValue for MapOf<F> {
    fn write_into(self, out: ValueWriter<'_>) {
        out.map(self.0);
    }
}

impl IntoValue for &Value<'_> {
    fn write_into(self, out: ValueWriter<'_>) {
        out.value(self);
    }
}

impl IntoValue for Value<'_> {
    fn write_into(self, out: ValueWriter<'_>) {
        out.value(&self);
    }
}

macro_rules! known {
    ($($type:ty: $value:ident => $as_value:expr,)*) => {
        $(impl IntoValue for $type {
            fn write_into(self, out: ValueWriter<'_>) {
                let $value = self;
                out.known(&$as_value);
            }
        })*
    };
}

known! {
    &str: text => Value::Str(text),
    &String: text => Value::Str(text),
    bool: value => Value::Bool(value),
    i64: value => Value::Int(value),
    i32: value => Value::Int(value.into()),
    u32: value => Value::Int(value.into()),
    f64: value => Value::Double(value),
    &[u8]: bytes => Value::Bytes(bytes),
}

impl fmt::Debug for ValueWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueWriter").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for AttributesWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttributesWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for ValuesWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValuesWriter").finish_non_exhaustive()
    }
}
