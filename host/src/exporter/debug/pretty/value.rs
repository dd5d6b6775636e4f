//! Attribute values as text.

use std::fmt::Write;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

use super::text::{escape, escape_into, hex, length};

/// Lists and maps below this depth are shown as `…`.
const DEPTH_LIMIT: usize = 16;

/// Returns the value on one line, with strings in quotes. Each string and the whole are cut at about `limit`
/// characters.
pub(super) fn quoted(value: Option<&AnyValue>, limit: usize) -> String {
    let mut out = String::new();
    write_value(&mut out, value, limit, 0);
    out
}

/// Does the same as [`quoted`], but leaves out the quotes of a string that cannot be mistaken.
pub(super) fn bare(value: Option<&AnyValue>, limit: usize) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) if is_plain(text) => escape(text, limit),
        _ => quoted(value, limit),
    }
}

/// Returns the text of a string value, or `None` for any other value.
pub(super) fn as_str(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Returns the resource's `service.name`, or `-`.
pub(super) fn service_name(attributes: &[KeyValue]) -> &str {
    let service = attributes.iter().find(|attribute| attribute.key == "service.name");
    service.and_then(|attribute| as_str(attribute.value.as_ref())).unwrap_or("-")
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(|character: char| character.is_whitespace() || character == '"')
}

fn write_value(out: &mut String, value: Option<&AnyValue>, limit: usize, depth: usize) {
    let written = match value.and_then(|value| value.value.as_ref()) {
        None => write!(out, "null"),
        Some(Value::BoolValue(flag)) => write!(out, "{flag}"),
        Some(Value::IntValue(number)) => write!(out, "{number}"),
        Some(Value::DoubleValue(number)) => write!(out, "{number:?}"),
        Some(Value::StringValueStrindex(index)) => write!(out, "string #{index}"),
        Some(Value::StringValue(text)) => {
            write_string(out, text, limit);
            Ok(())
        }
        Some(Value::BytesValue(bytes)) => {
            let shown = bytes.get(..limit / 2).unwrap_or(bytes);
            let cut = if shown.len() < bytes.len() { "…" } else { "" };
            write!(out, "0x{}{cut}{}", hex(shown), length(bytes.len()))
        }
        Some(Value::ArrayValue(array)) => {
            write_items(out, ['[', ']'], limit, depth, &array.values, |out, value| {
                write_value(out, Some(value), limit, depth + 1);
            });
            Ok(())
        }
        Some(Value::KvlistValue(map)) => {
            write_items(out, ['{', '}'], limit, depth, &map.values, |out, pair| {
                escape_into(out, &pair.key, limit);
                out.push_str(": ");
                write_value(out, pair.value.as_ref(), limit, depth + 1);
            });
            Ok(())
        }
    };
    // Writing to a string cannot fail.
    let _ = written;
}

fn write_string(out: &mut String, text: &str, limit: usize) {
    out.push('"');
    let cut = escape_into(out, text, limit);
    out.push_str(if cut { "…\"" } else { "\"" });
    if cut {
        out.push_str(&length(text.len()));
    }
}

fn write_items<T>(
    out: &mut String,
    [open, close]: [char; 2],
    limit: usize,
    depth: usize,
    items: &[T],
    write: impl Fn(&mut String, &T),
) {
    out.push(open);
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        if out.len() > limit || depth >= DEPTH_LIMIT {
            let _ = write!(out, "… ({} in all)", items.len());
            break;
        }
        write(out, item);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn of(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn string(text: &str) -> AnyValue {
        of(Value::StringValue(text.to_owned()))
    }

    fn check(value: AnyValue, limit: usize, expected: &str) {
        assert_eq!(quoted(Some(&value), limit), expected);
    }

    /// Scenario: a value of each type is shown.
    /// Guarantees: each has its own form.
    #[test]
    fn every_kind_of_value_has_its_own_look() {
        check(string("a\nb"), 50, r#""a\nb""#);
        check(of(Value::IntValue(-7)), 50, "-7");
        check(of(Value::DoubleValue(2.0)), 50, "2.0");
        check(of(Value::BytesValue(vec![0xde, 0xad])), 50, "0xdead (2 bytes)");
        let list = of(Value::ArrayValue(ArrayValue { values: vec![string("x"), AnyValue { value: None }] }));
        let pair = KeyValue { key: "k".to_owned(), value: Some(list), ..KeyValue::default() };
        check(of(Value::KvlistValue(KeyValueList { values: vec![pair] })), 50, r#"{k: ["x", null]}"#);
    }

    /// Scenario: a string, bytes and a list are longer than the limit.
    /// Guarantees: each is cut, and its length is shown.
    #[test]
    fn long_values_are_cut_and_their_length_named() {
        check(string("abcdef"), 4, r#""abcd…" (6 bytes)"#);
        check(of(Value::BytesValue(vec![1; 9])), 4, "0x0101… (9 bytes)");
        let numbers = (0..9).map(|number| of(Value::IntValue(number))).collect();
        check(of(Value::ArrayValue(ArrayValue { values: numbers })), 8, "[0, 1, 2, … (9 in all)]");
    }

    /// Scenario: a hundred lists are nested.
    /// Guarantees: the text ends at the depth limit.
    #[test]
    fn deep_nesting_ends_at_a_bound() {
        let deep =
            (0..100).fold(string("x"), |inner, _| of(Value::ArrayValue(ArrayValue { values: vec![inner] })));
        assert!(quoted(Some(&deep), 1_000).len() < 60);
    }

    /// Scenario: strings with and without spaces, and an empty one.
    /// Guarantees: only the one that cannot be mistaken has no quotes.
    #[test]
    fn only_a_plain_string_stands_without_quotes() {
        for (text, expected) in [("GET", "GET"), ("", "\"\""), ("a b", "\"a b\"")] {
            assert_eq!(bare(Some(&string(text)), 50), expected);
        }
    }
}
