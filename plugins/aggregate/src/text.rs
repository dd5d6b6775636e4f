//! Writes values as text, as the Collector does: lists and maps are JSON, and bytes are base64.

use std::io::Write as _;

use spanloom_plugin::wire::Value;
use spanloom_plugin::wire::json::{value_from_json, value_to_json};

use crate::Part;

/// Appends the text of a value. An empty value has none.
pub fn write_text(out: &mut Vec<u8>, part: Part<'_>) {
    match part {
        Part::Text(text) => out.extend_from_slice(text.as_bytes()),
        Part::Int(int) => write_display(out, int),
        Part::Double(double) => write_double(out, double),
        Part::Bool(bool) => write_display(out, bool),
        Part::Symbol(symbol) => write_display(out, symbol),
        Part::Bytes(bytes) => {
            let base64 = value_to_json(&Value::Bytes(bytes));
            out.extend_from_slice(base64.trim_matches('"').as_bytes());
        }
        Part::Json(json) => match value_from_json(json) {
            Ok(value) if value.get() == Value::Empty => {}
            Ok(value) => write_json(out, &value.get()),
            Err(_) => out.extend_from_slice(json.as_bytes()),
        },
    }
}

fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

/// Writes the digits of numbers from 1e-6 to 1e21, and other numbers with an exponent.
fn write_double(out: &mut Vec<u8>, double: f64) {
    let size = double.abs();
    if double.is_infinite() {
        out.extend_from_slice(if double > 0.0 { b"Infinity".as_slice() } else { b"-Infinity".as_slice() });
    } else if double.is_nan() || size == 0.0 || (1e-6..1e21).contains(&size) {
        write_display(out, double);
    } else {
        let text = format!("{double:e}");
        // Go writes the sign of every exponent.
        let text = if text.contains("e-") { text } else { text.replace('e', "e+") };
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes a value as JSON, with the keys of maps in ascending order.
fn write_json(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Double(double) if double.is_finite() => write_double(out, *double),
        Value::Array(array) => {
            out.push(b'[');
            for (at, value) in array.values().enumerate() {
                comma(out, at);
                write_json(out, &value);
            }
            out.push(b']');
        }
        Value::KvList(list) => {
            // Of two entries with the same key, the last counts.
            let entries: std::collections::BTreeMap<_, _> = list.entries().collect();
            out.push(b'{');
            for (at, (key, value)) in entries.iter().enumerate() {
                comma(out, at);
                out.extend_from_slice(value_to_json(&Value::Str(key)).as_bytes());
                out.push(b':');
                write_json(out, value);
            }
            out.push(b'}');
        }
        plain => out.extend_from_slice(value_to_json(plain).as_bytes()),
    }
}

fn comma(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(part: Part<'_>) -> String {
        let mut out = Vec::new();
        write_text(&mut out, part);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn numbers_are_written_as_the_collector_writes_them() {
        assert_eq!(text(Part::Int(-7)), "-7");
        assert_eq!(text(Part::Bool(false)), "false");
        for (double, expected) in [
            (200.0, "200"),
            (0.5, "0.5"),
            (1e21, "1e+21"),
            (2.5e-7, "2.5e-7"),
            (-0.0, "-0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(text(Part::Double(double)), expected);
        }
    }

    #[test]
    fn lists_and_maps_are_json_in_the_order_of_keys() {
        assert_eq!(text(Part::Json(r#"["x", 1, 2.0, null]"#)), r#"["x",1,2,null]"#);
        assert_eq!(
            text(Part::Json(r#"{"z":1,"a":{"c":true,"b":"\""},"z":2}"#)),
            r#"{"a":{"b":"\"","c":true},"z":2}"#
        );
        assert_eq!(text(Part::Json("null")), "");
        assert_eq!(text(Part::Bytes(&[255, 0])), "/wA=");
    }
}
