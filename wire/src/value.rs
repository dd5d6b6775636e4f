//! Reads and writes attribute values in place.

use smallvec::{SmallVec, smallvec};

use crate::EditError;
use crate::check::is_value_at;
use crate::encode::{framed_len, open};
use crate::fields::{Field, Fields, Occurrences};
use crate::schema::{FIXED64, VARINT};
use crate::varint;

/// An `AnyValue`. Text and bytes are borrowed from the batch. Lists are decoded when they are iterated.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    #[default]
    Empty,
    Str(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    Array(Array<'a>),
    KvList(KvList<'a>),
}

/// An encoded `ArrayValue`. It may lie in several parts, because protobuf merges repeated fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<'a>(Parts<'a>);

/// An encoded `KeyValueList`.
#[derive(Clone, Debug, PartialEq)]
pub struct KvList<'a>(Parts<'a>);

/// The occurrences of one message. There is nearly always one.
pub(crate) type Parts<'a> = SmallVec<[&'a [u8]; 1]>;

pub(crate) const STRING: u32 = 1;
pub(crate) const BOOL: u32 = 2;
pub(crate) const INT: u32 = 3;
pub(crate) const DOUBLE: u32 = 4;
pub(crate) const ARRAY: u32 = 5;
pub(crate) const KV_LIST: u32 = 6;
const BYTES: u32 = 7;
const STRINDEX: u32 = 8;
/// The field of an `ArrayValue` and of a `KeyValueList`.
pub(crate) const VALUES: u32 = 1;

impl<'a> Array<'a> {
    pub fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        fields_of(self.0.clone(), VALUES).map(Value::of)
    }
}

impl<'a> KvList<'a> {
    /// Iterates over keys and values in the order of the bytes. A key may occur twice.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        fields_of(self.0.clone(), VALUES).map(entry)
    }
}

impl<'a> Value<'a> {
    /// Returns the text of a value of type string.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number of an int, a double or a bool (0 or 1). Ints above 2^53 lose digits.
    pub fn as_number(self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(value as f64),
            Value::Double(value) => Some(value),
            Value::Bool(value) => Some(f64::from(u8::from(value))),
            _ => None,
        }
    }

    /// Decodes one `AnyValue`, which nearly always has one field.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Value<'a> {
        let mut fields = Fields::of(bytes);
        match (fields.next(), fields.next()) {
            (Some(field), None) => Value::Empty.and(&field),
            _ => Value::read(&smallvec![bytes]),
        }
    }

    /// Decodes an `AnyValue` in several parts. The last member of the oneof wins; occurrences of the same
    /// list merge.
    pub(crate) fn read(parts: &Parts<'a>) -> Value<'a> {
        let mut value = Value::Empty;
        for field in parts.iter().flat_map(|part| Fields::of(part)) {
            value = value.and(&field);
        }
        value
    }

    #[inline]
    fn and(self, field: &Field<'a>) -> Value<'a> {
        match (field.number, self) {
            (STRING, _) => Value::Str(text(field.value)),
            (BOOL, _) => Value::Bool(field.varint() != 0),
            (INT, _) => Value::Int(field.varint().cast_signed()),
            (DOUBLE, _) => Value::Double(f64::from_bits(field.fixed64())),
            (BYTES, _) => Value::Bytes(field.value),
            (ARRAY, Value::Array(mut array)) => {
                array.0.push(field.value);
                Value::Array(array)
            }
            (ARRAY, _) => Value::Array(Array(smallvec![field.value])),
            (KV_LIST, Value::KvList(mut list)) => {
                list.0.push(field.value);
                Value::KvList(list)
            }
            (KV_LIST, _) => Value::KvList(KvList(smallvec![field.value])),
            (STRINDEX, _) => Value::Empty,
            (_, unchanged) => unchanged,
        }
    }

    /// Fails if this is a list that would nest too deep `depth` messages below the request.
    pub(crate) fn check_depth(&self, depth: usize) -> Result<(), EditError> {
        if !matches!(self, Value::Array(_) | Value::KvList(_)) {
            return Ok(());
        }
        let mut encoded = Vec::with_capacity(self.encoded_len());
        self.write(&mut encoded);
        if is_value_at(depth, &encoded) { Ok(()) } else { Err(EditError::Depth) }
    }

    /// Returns the length of the bytes that `write` appends.
    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Value::Empty => 0,
            Value::Str(text) => framed_len(STRING, text.len()),
            Value::Bool(_) => 2,
            Value::Int(value) => 1 + varint::encoded_len(value.cast_unsigned()),
            Value::Double(_) => 9,
            Value::Bytes(bytes) => framed_len(BYTES, bytes.len()),
            Value::Array(Array(parts)) => framed_len(ARRAY, parts_len(parts)),
            Value::KvList(KvList(parts)) => framed_len(KV_LIST, parts_len(parts)),
        }
    }

    /// Appends the encoded `AnyValue`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Empty => {}
            Value::Str(text) => write_delimited(out, STRING, text.as_bytes()),
            Value::Bool(value) => out.extend([(BOOL << 3 | VARINT) as u8, u8::from(*value)]),
            Value::Int(value) => {
                out.push((INT << 3 | VARINT) as u8);
                varint::write(out, value.cast_unsigned());
            }
            Value::Double(value) => {
                out.push((DOUBLE << 3 | FIXED64) as u8);
                out.extend(value.to_bits().to_le_bytes());
            }
            Value::Bytes(bytes) => write_delimited(out, BYTES, bytes),
            Value::Array(Array(parts)) => write_parts(out, ARRAY, parts),
            Value::KvList(KvList(parts)) => write_parts(out, KV_LIST, parts),
        }
    }
}

/// An encoded `KeyValue`, whose key or value may occur repeatedly.
pub(crate) struct KeyValue<'a> {
    key: &'a [u8],
    value: Parts<'a>,
}

impl<'a> KeyValue<'a> {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const VALUE: u32 = 2;

    #[cold]
    fn read(entry: &'a [u8]) -> KeyValue<'a> {
        let mut read = KeyValue { key: &[], value: Parts::new() };
        for field in Fields::of(entry) {
            match field.number {
                Self::KEY => read.key = field.value,
                Self::VALUE => read.value.push(field.value),
                _ => {}
            }
        }
        read
    }

    /// Splits an entry that is a short key, then the value, and nothing else. Every sender writes it so.
    #[inline(always)]
    fn split_plain(entry: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let [0x0a, len @ 0..0x80, rest @ ..] = entry else { return None };
        let (key, rest) = rest.split_at_checked(usize::from(*len))?;
        let [0x12, rest @ ..] = rest else { return None };
        let (len, value) = varint::read(rest)?;
        (value.len() as u64 == len).then_some((key, value))
    }

    /// Returns the key and the text if the entry is plain and its value is a text.
    #[inline(always)]
    pub(crate) fn split_text(entry: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (key, value) = Self::split_plain(entry)?;
        let [0x0a, rest @ ..] = value else { return None };
        let (len, text) = varint::read(rest)?;
        (text.len() as u64 == len).then_some((key, text))
    }

    #[inline(always)]
    pub(crate) fn key(entry: &'a [u8]) -> &'a [u8] {
        match Self::split_plain(entry) {
            Some((key, _)) => key,
            None => Self::read(entry).key,
        }
    }

    /// Returns the bytes of the text if the value is of type string.
    #[inline]
    pub(crate) fn text(entry: &'a [u8]) -> Option<&'a [u8]> {
        match Self::split_text(entry) {
            Some((_, text)) => Some(text),
            None => Self::value(entry).as_text().map(str::as_bytes),
        }
    }

    #[inline]
    pub(crate) fn value(entry: &'a [u8]) -> Value<'a> {
        match Self::split_plain(entry) {
            Some((_, value)) => Value::of(value),
            None => Value::read(&Self::read(entry).value),
        }
    }

    /// Appends a `KeyValue` as field `number` of its message.
    pub(crate) fn write(out: &mut Vec<u8>, number: u32, key: &str, value: &Value<'_>) {
        let value_len = value.encoded_len();
        open(out, number, framed_len(Self::KEY, key.len()) + framed_len(Self::VALUE, value_len));
        write_delimited(out, Self::KEY, key.as_bytes());
        open(out, Self::VALUE, value_len);
        value.write(out);
    }

    /// Appends an encoded `KeyValue` under another key. Its value and other fields are copied as they are.
    pub(crate) fn write_renamed(out: &mut Vec<u8>, number: u32, key: &str, old: &[u8]) {
        let others = || Fields::of(old).filter(|field| field.number != Self::KEY);
        let others_len: usize = others().map(|field| field.end - field.start).sum();
        open(out, number, framed_len(Self::KEY, key.len()) + others_len);
        write_delimited(out, Self::KEY, key.as_bytes());
        for field in others() {
            out.extend_from_slice(old.get(field.start..field.end).unwrap_or_default());
        }
    }
}

/// Iterates over the attributes of a message, which are its field `number`.
pub(crate) fn attributes<'a>(
    message: &'a [u8],
    number: u32,
) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
    fields_in(message, number).map(entry)
}

/// Returns the first attribute with that key.
pub(crate) fn attribute<'a>(message: &'a [u8], number: u32, key: &str) -> Option<Value<'a>> {
    first_of_key(Occurrences::of(message, number), key).map(KeyValue::value)
}

/// Returns the first encoded `KeyValue` with that key.
#[inline]
pub(crate) fn first_of_key<'a>(entries: Occurrences<'a>, key: &str) -> Option<&'a [u8]> {
    entries.map(|field| field.value).find(|entry| KeyValue::key(entry) == key.as_bytes())
}

#[inline]
pub(crate) fn entry(entry: &[u8]) -> (&str, Value<'_>) {
    match KeyValue::split_plain(entry) {
        Some((key, value)) => (text(key), Value::of(value)),
        None => (text(KeyValue::key(entry)), KeyValue::value(entry)),
    }
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

pub(crate) fn write_delimited(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    open(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

fn write_parts(out: &mut Vec<u8>, number: u32, parts: &Parts<'_>) {
    open(out, number, parts_len(parts));
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn parts_len(parts: &Parts<'_>) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// Returns the last occurrence of a field, which is the one that counts.
pub(crate) fn last_field(message: &[u8], number: u32) -> Option<Field<'_>> {
    Fields::of(message).filter(|field| field.number == number).last()
}

/// Iterates over the payloads of field `number`, which must be below 16.
pub(crate) fn fields_in<'a>(message: &'a [u8], number: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    Occurrences::of(message, number).map(|field| field.value)
}

/// Does the same for a message in several parts.
pub(crate) fn fields_of<'a>(parts: Parts<'a>, number: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    parts.into_iter().flat_map(move |part| fields_in(part, number))
}
