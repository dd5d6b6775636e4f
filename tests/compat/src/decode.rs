//! Protobuf bytes as JSON, in one canonical form: two requests that mean the same give the same JSON.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use crate::schema::{Field, Kind, fields};

/// The messages whose fields with presence exclude one another.
const ONE_OF: &[&str] = &["AnyValue", "Metric", "NumberPoint", "Exemplar"];

/// Deeper messages are not decoded.
const DEPTH_LIMIT: usize = 120;

/// Returns a message as JSON. Fields with their default value are left out, attributes are sorted by key.
///
/// What a strict reader would refuse is shown, not refused: see [`unknown`].
pub(crate) fn message(name: &str, bytes: &[u8]) -> Value {
    message_within(name, bytes, DEPTH_LIMIT)
}

/// Decodes a message that may have `levels` of messages below it.
fn message_within(name: &str, bytes: &[u8], levels: usize) -> Value {
    let Some(levels) = levels.checked_sub(1) else {
        return json!(format!("{} bytes, too deep to show", bytes.len()));
    };
    let mut object = Map::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((number, raw, after)) = next(rest) else {
            object.insert("malformed".to_owned(), json!(format!("{} bytes", rest.len())));
            break;
        };
        rest = after;
        match fields(name).iter().find(|field| field.number == number) {
            Some(field) if field.has_presence && ONE_OF.contains(&name) => {
                // The last field of a `oneof` counts.
                let others = fields(name).iter().filter(|other| other.has_presence && other.number != number);
                others.for_each(|other| drop(object.remove(other.name)));
                insert(&mut object, field, raw, levels);
            }
            Some(field) => insert(&mut object, field, raw, levels),
            None => {
                object.insert(format!("field{number}"), unknown(raw));
            }
        }
    }
    if let Some(Value::Array(attributes)) = object.get_mut("attributes") {
        attributes.sort_by_key(|attribute| attribute["key"].to_string());
    }
    Value::Object(object)
}

/// The value of a field, as it lies on the wire.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn next(bytes: &[u8]) -> Option<(u32, Raw<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = u32::try_from(tag >> 3).ok()?;
    let (raw, rest) = match tag & 7 {
        0 => varint(rest).map(|(value, rest)| (Raw::Number(value), rest))?,
        1 => rest.split_first_chunk().map(|(value, rest)| (Raw::Number(u64::from_le_bytes(*value)), rest))?,
        5 => rest
            .split_first_chunk()
            .map(|(value, rest)| (Raw::Number(u32::from_le_bytes(*value).into()), rest))?,
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Raw::Bytes(value), rest)
        }
        _ => return None,
    };
    Some((number, raw, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

fn insert(object: &mut Map<String, Value>, field: &Field, raw: Raw<'_>, levels: usize) {
    if !field.repeated {
        let value = scalar(field.kind, raw, levels);
        if let (Some(before), Kind::Message(_)) = (object.get_mut(field.name), field.kind) {
            return merge(before, value);
        }
        if field.has_presence || !is_default(&value) {
            object.insert(field.name.to_owned(), value);
        }
        return;
    }
    let list = object.entry(field.name).or_insert_with(|| json!([]));
    let Value::Array(list) = list else { return };
    match (field.kind, raw) {
        (Kind::Text | Kind::Bytes | Kind::Id | Kind::Message(_), raw) | (_, raw @ Raw::Number(_)) => {
            list.push(scalar(field.kind, raw, levels));
        }
        (kind, Raw::Bytes(packed)) => list.extend(unpack(kind, packed)),
    }
}

/// Merges a message that comes a second time into the first, as protobuf says.
fn merge(before: &mut Value, later: Value) {
    match (before, later) {
        (Value::Object(before), Value::Object(later)) => {
            for (key, value) in later {
                match before.get_mut(&key) {
                    Some(before) => merge(before, value),
                    None => drop(before.insert(key, value)),
                }
            }
        }
        (Value::Array(before), Value::Array(later)) => before.extend(later),
        (before, later) => *before = later,
    }
}

fn unpack(kind: Kind, mut packed: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    while !packed.is_empty() {
        let element = if matches!(kind, Kind::Fixed64 | Kind::Sfixed64 | Kind::Double) {
            packed.split_first_chunk().map(|(value, rest)| (u64::from_le_bytes(*value), rest))
        } else {
            varint(packed)
        };
        let Some((value, rest)) = element else {
            values.push(json!("malformed"));
            break;
        };
        values.push(scalar(kind, Raw::Number(value), 0));
        packed = rest;
    }
    values
}

fn scalar(kind: Kind, raw: Raw<'_>, levels: usize) -> Value {
    match (kind, raw) {
        (Kind::Message(name), Raw::Bytes(bytes)) => message_within(name, bytes, levels),
        (Kind::Text, Raw::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!(format!("not UTF-8: {}", bytes.escape_ascii())),
        },
        (Kind::Id, Raw::Bytes(bytes)) => {
            json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        (Kind::Bytes, Raw::Bytes(bytes)) => json!(BASE64_STANDARD.encode(bytes)),
        (Kind::Bool, Raw::Number(number)) => json!(number != 0),
        (Kind::Int | Kind::Sfixed64, Raw::Number(number)) => json!(number.cast_signed().to_string()),
        (Kind::Sint, Raw::Number(number)) => {
            json!(((number >> 1).cast_signed() ^ -((number & 1).cast_signed())).to_string())
        }
        (Kind::Varint | Kind::Fixed32 | Kind::Fixed64, Raw::Number(number)) => json!(number.to_string()),
        (Kind::Double, Raw::Number(bits)) => json!(format!("{:?}", f64::from_bits(bits))),
        (_, raw) => unknown(raw),
    }
}

/// Returns a field that the schema has not, or has with another type.
fn unknown(raw: Raw<'_>) -> Value {
    match raw {
        Raw::Number(number) => json!(format!("unknown: {number}")),
        Raw::Bytes(bytes) => json!(format!("unknown: {} bytes", bytes.len())),
    }
}

fn is_default(value: &Value) -> bool {
    matches!(value.as_str(), Some("" | "0" | "0.0")) || *value == json!(false) || *value == json!({})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;

    /// Scenario: a metric with packed numbers and presence is written and read.
    /// Guarantees: writer and reader use the table alike.
    #[test]
    fn what_is_encoded_decodes_to_the_same_json() {
        let metric = json!({"name": "m", "histogram": {"dataPoints": [{"count": "3", "sum": "0.0",
            "bucketCounts": ["1", "2"], "explicitBounds": ["0.5"]}]}});
        assert_eq!(message("Metric", &encode::message("Metric", &metric)), metric);
    }

    /// Scenario: bytes that end inside a field.
    /// Guarantees: they are shown as malformed beside what was read.
    #[test]
    fn cut_bytes_are_shown() {
        assert_eq!(message("Scope", &[0x0a, 1, b'x', 0x12, 9]), json!({"name": "x", "malformed": "2 bytes"}));
    }
}
