//! Converts attribute values to text, as the Collector does.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use spanloom_plugin::{json, wire::Value};

/// The deepest nesting. A value nested deeper is `null`.
const DEPTH_LIMIT: usize = 32;

/// Returns the text of a value. Lists and maps are JSON, with sorted keys, and bytes are base64.
pub(crate) fn value_text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Empty => Cow::Borrowed(""),
        Value::Str(text) => Cow::Borrowed(text),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Int(int) => Cow::Owned(int.to_string()),
        Value::Double(double) => Cow::Owned(double_text(double)),
        Value::Bytes(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        nested @ (Value::Array(_) | Value::KvList(_)) => {
            let mut writer = json::Writer::default();
            write_json(&mut writer, nested, DEPTH_LIMIT);
            Cow::Owned(writer.as_str().to_owned())
        }
    }
}

/// Returns the digits for numbers from 1e-6 to 1e21, else a number with an exponent, as in JSON.
fn double_text(double: f64) -> String {
    let size = double.abs();
    if double.is_nan() {
        "NaN".to_owned()
    } else if double.is_infinite() {
        (if double > 0.0 { "Infinity" } else { "-Infinity" }).to_owned()
    } else if size == 0.0 || (1e-6..1e21).contains(&size) {
        double.to_string()
    } else {
        let text = format!("{double:e}");
        // Go writes the sign of every exponent.
        if text.contains("e-") { text } else { text.replace('e', "e+") }
    }
}

fn write_json(json: &mut json::Writer, value: Value<'_>, depth: usize) {
    match value {
        _ if depth == 0 => json.null(),
        Value::Empty => json.null(),
        Value::Str(text) => json.string(text),
        Value::Bool(bool) => json.bool(bool),
        Value::Int(int) => json.int(int),
        Value::Double(double) if double.is_finite() => json.raw(&double_text(double)),
        Value::Double(double) => json.string(&double_text(double)),
        Value::Bytes(bytes) => json.string(&STANDARD.encode(bytes)),
        Value::Array(array) => json.array(|json| {
            array.values().for_each(|value| write_json(json, value, depth - 1));
        }),
        Value::KvList(list) => json.object(|json| {
            // Of entries with one key, the last counts.
            let entries: BTreeMap<&str, Value<'_>> = list.entries().collect();
            for (key, value) in entries {
                json.key(key);
                write_json(json, value, depth - 1);
            }
        }),
    };
}

#[cfg(test)]
mod tests {
    use spanloom_otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value};

    use super::*;
    use crate::encoded;

    #[test]
    fn plain_values_become_text() {
        assert_eq!(value_text(Value::Str("a")), "a");
        assert_eq!(value_text(Value::Bool(true)), "true");
        assert_eq!(value_text(Value::Int(-7)), "-7");
        for (double, expected) in
            [(1.0, "1"), (0.5, "0.5"), (1e21, "1e+21"), (2.5e-7, "2.5e-7"), (-0.0, "-0")]
        {
            assert_eq!(value_text(Value::Double(double)), expected);
        }
        assert_eq!(value_text(Value::Double(f64::INFINITY)), "Infinity");
        assert_eq!(value_text(Value::Double(f64::NEG_INFINITY)), "-Infinity");
        assert_eq!(value_text(Value::Bytes(&[255, 0])), "/wA=");
        assert_eq!(value_text(Value::Empty), "");
    }

    #[test]
    fn lists_and_maps_become_json() {
        let list = ArrayValue { values: vec!["x".into(), 1_i64.into(), AnyValue { value: None }] };
        let list = AnyValue { value: Some(any_value::Value::ArrayValue(list)) };
        let entries = vec![KeyValue::new("z", 1_i64), KeyValue::new("list", list), KeyValue::new("z", "<2>")];
        let map = KeyValueList { values: entries };
        let map = AnyValue { value: Some(any_value::Value::KvlistValue(map)) };
        assert_eq!(value_text(encoded::value(map)), r#"{"list":["x",1,null],"z":"<2>"}"#);
    }
}
