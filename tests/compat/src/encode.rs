//! OTLP messages as protobuf bytes, from JSON; and single fields, for requests that no encoder would write.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::schema::{Field, Kind, fields};

/// Returns a message of OTLP/JSON as protobuf. Keys that the table has not are left out.
pub(crate) fn message(name: &str, json: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields(name) {
        match json.get(field.name) {
            Some(Value::Array(values)) if field.repeated => {
                values.iter().for_each(|value| bytes.extend(one(field, value)));
            }
            Some(value) if !value.is_null() => bytes.extend(one(field, value)),
            _ => {}
        }
    }
    bytes
}

/// Returns a field with bytes as its value: a text, an id, a message.
pub(crate) fn bytes_field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut field = tag(number, 2);
    field.extend(varint(value.len() as u64));
    field.extend(value);
    field
}

pub(crate) fn varint_field(number: u32, value: u64) -> Vec<u8> {
    let mut field = tag(number, 0);
    field.extend(varint(value));
    field
}

pub(crate) fn fixed64_field(number: u32, value: u64) -> Vec<u8> {
    [tag(number, 1), value.to_le_bytes().to_vec()].concat()
}

pub(crate) fn fixed32_field(number: u32, value: u32) -> Vec<u8> {
    [tag(number, 5), value.to_le_bytes().to_vec()].concat()
}

pub(crate) fn tag(number: u32, wire_type: u32) -> Vec<u8> {
    varint(u64::from(number) << 3 | u64::from(wire_type))
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn one(field: &Field, value: &Value) -> Vec<u8> {
    let number = field.number;
    match field.kind {
        Kind::Message(name) => bytes_field(number, &message(name, value)),
        Kind::Text => bytes_field(number, text(value).as_bytes()),
        Kind::Id => bytes_field(number, &from_hex(&text(value))),
        Kind::Bytes => bytes_field(number, &BASE64_STANDARD.decode(text(value)).unwrap_or_default()),
        Kind::Bool => varint_field(number, u64::from(value == &Value::Bool(true))),
        Kind::Int => varint_field(number, signed(value).cast_unsigned()),
        Kind::Varint => varint_field(number, unsigned(value)),
        Kind::Sint => {
            let value = signed(value);
            varint_field(number, ((value << 1) ^ (value >> 63)).cast_unsigned())
        }
        Kind::Fixed32 => fixed32_field(number, unsigned(value) as u32),
        Kind::Fixed64 => fixed64_field(number, unsigned(value)),
        Kind::Sfixed64 => fixed64_field(number, signed(value).cast_unsigned()),
        Kind::Double => fixed64_field(number, double(value).to_bits()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn signed(value: &Value) -> i64 {
    text(value).parse().unwrap_or_default()
}

fn unsigned(value: &Value) -> u64 {
    text(value).parse().unwrap_or_default()
}

fn double(value: &Value) -> f64 {
    text(value).parse().unwrap_or_default()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}
