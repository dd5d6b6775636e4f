//! The values of attributes and bodies in the form that the Collector prints.

use std::fmt::{self, Display, Formatter, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use wire::{KvList, Value};

use super::number::Plain;

/// The most entries of a map that are sorted. A larger map is printed in the order in which it came.
const SORTED_LIMIT: usize = 1_000;

/// A value with its type: `Str(shop)`.
pub(super) struct Typed<'v, 'a>(pub(super) &'v Value<'a>);

/// A value as text: a text as it is, lists and maps as JSON.
pub(super) struct Text<'v, 'a>(pub(super) &'v Value<'a>);

impl Display for Typed<'_, '_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Value::Empty => "Empty",
            Value::Str(_) => "Str",
            Value::Bool(_) => "Bool",
            Value::Int(_) => "Int",
            Value::Double(_) => "Double",
            Value::Bytes(_) => "Bytes",
            Value::Array(_) => "Slice",
            Value::KvList(_) => "Map",
        };
        write!(f, "{kind}({})", Text(self.0))
    }
}

impl Display for Text<'_, '_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Empty => Ok(()),
            Value::Str(text) => f.write_str(text),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Double(value) => write!(f, "{}", Plain(*value)),
            Value::Bytes(bytes) => base64(f, bytes),
            // JSON has no such numbers, and the Collector prints nothing then.
            list if !is_finite(list) => Ok(()),
            list => json(f, list),
        }
    }
}

/// Returns whether JSON has a number for every number in the value.
fn is_finite(value: &Value<'_>) -> bool {
    match value {
        Value::Double(value) => value.is_finite(),
        Value::Array(array) => array.values().all(|value| is_finite(&value)),
        Value::KvList(list) => list.entries().all(|(_, value)| is_finite(&value)),
        _ => true,
    }
}

/// Recurses as deep as the value nests, which the check of requests limits.
fn json(f: &mut Formatter<'_>, value: &Value<'_>) -> fmt::Result {
    match value {
        Value::Empty => f.write_str("null"),
        Value::Str(text) => quoted(f, text),
        Value::Bytes(bytes) => {
            f.write_char('"')?;
            base64(f, bytes)?;
            f.write_char('"')
        }
        Value::Array(array) => {
            f.write_char('[')?;
            for (at, value) in array.values().enumerate() {
                comma(f, at)?;
                json(f, &value)?;
            }
            f.write_char(']')
        }
        Value::KvList(list) => {
            f.write_char('{')?;
            match sorted(list) {
                Some(entries) => {
                    for (at, (key, value)) in entries.iter().enumerate() {
                        entry(f, at, key, value)?;
                    }
                }
                None => {
                    for (at, (key, value)) in list.entries().enumerate() {
                        entry(f, at, key, &value)?;
                    }
                }
            }
            f.write_char('}')
        }
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => write!(f, "{}", Text(value)),
    }
}

fn entry(f: &mut Formatter<'_>, at: usize, key: &str, value: &Value<'_>) -> fmt::Result {
    comma(f, at)?;
    quoted(f, key)?;
    f.write_char(':')?;
    json(f, value)
}

fn comma(f: &mut Formatter<'_>, at: usize) -> fmt::Result {
    if at > 0 { f.write_char(',') } else { Ok(()) }
}

/// Returns the entries by key, of which the last of each key counts, or `None` if there are too many.
fn sorted<'v>(list: &KvList<'v>) -> Option<Vec<(&'v str, Value<'v>)>> {
    let mut entries: Vec<_> = list.entries().take(SORTED_LIMIT + 1).collect();
    if entries.len() > SORTED_LIMIT {
        return None;
    }
    // The sort is stable, so that after the reversal the last entry of a key is the first.
    entries.reverse();
    entries.sort_by_key(|(key, _)| *key);
    entries.dedup_by_key(|(key, _)| *key);
    Some(entries)
}

/// Writes a text as JSON.
fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    let mut rest = text;
    while let Some((at, character)) = rest.char_indices().find(|(_, character)| is_escaped(*character)) {
        let (plain, after) = rest.split_at(at);
        f.write_str(plain)?;
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            other => write!(f, "\\u{:04x}", u32::from(other))?,
        }
        rest = after.get(character.len_utf8()..).unwrap_or_default();
    }
    f.write_str(rest)?;
    f.write_char('"')
}

fn is_escaped(character: char) -> bool {
    matches!(character, '"' | '\\' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}')
}

/// Writes bytes in base64, some at a time.
fn base64(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    // Three bytes become four characters, so that pieces of such a length join without padding.
    bytes.chunks(3 << 10).try_for_each(|piece| f.write_str(&BASE64_STANDARD.encode(piece)))
}

#[cfg(test)]
mod tests {
    use wire::json::value_from_json;

    use super::*;

    fn check(json: &str, typed: &str) {
        assert_eq!(Typed(&value_from_json(json).unwrap().get()).to_string(), typed);
    }

    /// Scenario: values of each type are printed.
    /// Guarantees: they look as in the Collector: typed, lists and maps as JSON with sorted keys.
    #[test]
    fn values_look_as_in_the_collector() {
        check("null", "Empty()");
        check(r#""a \"text\"""#, r#"Str(a "text")"#);
        check("true", "Bool(true)");
        check("-7", "Int(-7)");
        check("2.0", "Double(2)");
        check(r#"["<a>\n",1,null,[1e21]]"#, r#"Slice(["<a>\n",1,null,[1e+21]])"#);
        check(r#"{"b":{"d":1,"c":2},"a":"x"}"#, r#"Map({"a":"x","b":{"c":2,"d":1}})"#);
        assert_eq!(Typed(&Value::Bytes(&[0xfb, 0xff])).to_string(), "Bytes(+/8=)");
        assert_eq!(Text(&Value::Double(f64::INFINITY)).to_string(), "Infinity");
    }

    /// Scenario: a map has a key twice.
    /// Guarantees: the last entry counts.
    #[test]
    fn the_last_entry_of_a_key_counts() {
        check(r#"{"a":1,"b":2,"a":3}"#, r#"Map({"a":3,"b":2})"#);
    }

    /// Scenario: bytes are longer than a piece.
    /// Guarantees: they are one text in base64.
    #[test]
    fn long_bytes_are_one_text() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
        assert_eq!(Text(&Value::Bytes(&bytes)).to_string(), BASE64_STANDARD.encode(&bytes));
    }
}
