//! Reads JSON: a visitor, led by the schema, that writes protobuf while it reads.

use std::fmt::{self, Write as _};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::number::Number;
use super::text::{from_base64, from_hex};
use super::{FromJson, JsonError};
use crate::check::DEPTH_LIMIT;
use crate::encoder::Encoder;
use crate::schema::{FIXED32, FIXED64, Field, Kind, Label, Message, VARINT};

/// The limit on nested objects and arrays. It is the one that the JSON library has for values that it does
/// not ignore.
const NESTING_LIMIT: usize = 127;

pub(super) fn request(
    root: &'static Message,
    json: &[u8],
    limit_bytes: usize,
) -> Result<FromJson, JsonError> {
    let mut state = State { encoder: Encoder::default(), limit_bytes, path: Vec::new(), cuts: 0 };
    let mut document = serde_json::Deserializer::from_slice(json);
    let read = MessageSeed { state: &mut state, message: root }.deserialize(&mut document);
    match read.and_then(|()| document.end()) {
        Ok(()) => Ok(FromJson { bytes: state.encoder.finish(), cuts: state.cuts }),
        Err(error) => Err(state.explain(&error)),
    }
}

struct State {
    encoder: Encoder,
    limit_bytes: usize,
    /// The place in the document: a step for each object and array around it. An error leaves the path as it is, and
    /// so the path says where the error is.
    path: Vec<Step>,
    /// The number of arrays and objects that were left out.
    cuts: usize,
}

enum Step {
    Key(&'static str),
    Index(usize),
}

impl State {
    /// Reads an array or an object of which nothing is kept. The JSON library skips it without recursion.
    fn cut<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        self.cuts += 1;
        IgnoredAny::deserialize(deserializer).map(|_| ())
    }

    /// Returns whether an array or an object here would nest too deep.
    fn is_full(&self) -> bool {
        self.path.len() >= NESTING_LIMIT
    }

    /// Fails if the message has grown too large. JSON may become several times as large: in a list of
    /// fixed-width numbers, each `1,` becomes eight bytes.
    fn check_size<E: Error>(&self) -> Result<(), E> {
        if self.encoder.held_bytes() > self.limit_bytes {
            return Err(E::custom("larger as protobuf than a request may be"));
        }
        Ok(())
    }

    fn explain(&self, error: &serde_json::Error) -> JsonError {
        let mut path = String::new();
        for step in &self.path {
            // Writing to a String cannot fail.
            let _ = match step {
                Step::Key(key) if path.is_empty() => write!(path, "{key}"),
                Step::Key(key) => write!(path, ".{key}"),
                Step::Index(index) => write!(path, "[{index}]"),
            };
        }
        JsonError::new(path, error)
    }
}

/// Reads the keys of one object into the open message.
struct MessageSeed<'s> {
    state: &'s mut State,
    message: &'static Message,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Not `deserialize_map`, whose error repeats what is there instead.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", self.message.name)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Str(beginning(text)), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.state.check_size()?;
        // The fields that have occurred, by number. Those above 63 are lists.
        let mut seen = 0_u64;
        while let Some(field) = map.next_key_seed(KeySeed(self.message))? {
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.state.path.push(Step::Key(field.json_name));
            if field.label == Label::Repeated {
                map.next_value_seed(ListSeed { state: &mut *self.state, field })?;
            } else {
                let bit = 1_u64.checked_shl(field.number).unwrap_or_default();
                let place = if seen & bit == 0 { Place::Field } else { Place::Again };
                seen |= bit;
                map.next_value_seed(ValueSeed { state: &mut *self.state, field, place })?;
            }
            self.state.path.pop();
        }
        Ok(())
    }
}

/// Returns the beginning of a text, for an error message. Senders choose how long the text is.
fn beginning(text: &str) -> &str {
    const SHOWN_BYTES: usize = 64;
    text.get(..text.floor_char_boundary(SHOWN_BYTES)).unwrap_or_default()
}

/// Reads a key and returns the field that it names.
struct KeySeed(&'static Message);

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.field_by_json_name(key))
    }
}

/// Reads a repeated field. Numbers are packed, as in proto3.
struct ListSeed<'s> {
    state: &'s mut State,
    field: &'static Field,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.state.is_full() {
            return self.state.cut(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Str(beginning(text)), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let ListSeed { state, field } = self;
        let packed = !matches!(field.kind, Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_));
        let place = if packed { Place::Packed } else { Place::Element };
        let open = packed.then(|| state.encoder.open(field.number));
        state.path.push(Step::Index(0));
        while list.next_element_seed(ValueSeed { state: &mut *state, field, place })?.is_some() {
            if let Some(Step::Index(index)) = state.path.last_mut() {
                *index += 1;
            }
            state.check_size()?;
        }
        state.path.pop();
        if let Some(open) = open {
            state.encoder.close_unless_empty(open);
        }
        Ok(())
    }
}

/// Reads one value of a field.
struct ValueSeed<'s> {
    state: &'s mut State,
    field: &'static Field,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Field,
    /// The field has occurred before in the same object. The last value counts.
    Again,
    Element,
    Packed,
}

impl ValueSeed<'_> {
    /// Returns whether the value is left out because it is the default. In a oneof, an `optional` field or a
    /// list, and after an earlier value, a default value is written.
    fn is_implied(&self, is_default: bool) -> bool {
        is_default && self.place == Place::Field && self.field.label == Label::Singular
    }

    fn number<E: Error>(self, number: Number) -> Result<(), E> {
        match number.bits(self.field.kind) {
            Some(bits) => {
                self.bits(bits);
                Ok(())
            }
            None => Err(E::custom(format_args!("{number:?} is not {}", Expected(self.field.kind)))),
        }
    }

    fn bits(self, bits: u64) {
        if self.is_implied(bits == 0) {
            return;
        }
        let wire_type = match self.field.kind {
            Kind::Fixed32 => FIXED32,
            Kind::Fixed64 | Kind::SFixed64 | Kind::Double => FIXED64,
            _ => VARINT,
        };
        let out = &mut self.state.encoder;
        if self.place != Place::Packed {
            out.tag(self.field.number, wire_type);
        }
        match wire_type {
            FIXED32 => out.raw(&(bits as u32).to_le_bytes()),
            FIXED64 => out.raw(&bits.to_le_bytes()),
            _ => out.raw_varint(bits),
        }
    }

    fn delimited(self, bytes: &[u8]) {
        if self.is_implied(bytes.is_empty()) {
            return;
        }
        self.state.encoder.delimited(self.field.number, bytes);
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.state.is_full() && matches!(self.field.kind, Kind::Message(_)) {
            return self.state.cut(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Expected(self.field.kind))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.place {
            Place::Field | Place::Again => Ok(()),
            Place::Element | Place::Packed => Err(E::invalid_type(Unexpected::Unit, &self)),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool => {
                self.bits(u64::from(value));
                Ok(())
            }
            _ => Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(Number::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(Number::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(Number::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let bytes = match self.field.kind {
            Kind::String => {
                self.delimited(text.as_bytes());
                return Ok(());
            }
            Kind::Id(_) => from_hex(text),
            Kind::Bytes => from_base64(text),
            Kind::Bool | Kind::Message(_) => None,
            kind => match Number::parse(text, kind) {
                Some(number) => return self.number(number),
                None => None,
            },
        };
        match bytes {
            Some(bytes) => {
                self.delimited(&bytes);
                Ok(())
            }
            None => Err(E::invalid_value(Unexpected::Str(beginning(text)), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        };
        if self.state.encoder.depth() >= DEPTH_LIMIT {
            return Err(A::Error::custom(format_args!("nested more than {DEPTH_LIMIT} deep")));
        }
        let open = self.state.encoder.open(self.field.number);
        MessageSeed { state: &mut *self.state, message }.visit_map(map)?;
        self.state.encoder.close(open);
        Ok(())
    }
}

/// Describes a value of this kind in JSON, for error messages.
struct Expected(Kind);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Int32 | Kind::SInt32 => "a 32-bit integer",
            Kind::UInt32 | Kind::Fixed32 => "an unsigned 32-bit integer",
            Kind::Int64 | Kind::SFixed64 => "a 64-bit integer, as a string or number",
            Kind::UInt64 | Kind::Fixed64 => "an unsigned 64-bit integer, as a string or number",
            Kind::Enum(_) => "the number or the name of an enum's value",
            Kind::Bool => "true or false",
            Kind::Double => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            Kind::String => "a string",
            Kind::Bytes => "bytes in base64",
            Kind::Id(_) => "an id in hex",
            Kind::Message(message) => return write!(f, "an object ({})", message.name),
        })
    }
}
