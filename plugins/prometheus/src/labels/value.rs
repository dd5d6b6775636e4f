//! Values of attributes as text, as the Collector writes them.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use spanloom_otlp::{AnyValue, any_value::Value};
use spanloom_plugin::json;

/// Nested deeper, a value is `null`.
const DEPTH_LIMIT: usize = 32;

/// Texts as they are; lists and maps as JSON, bytes in base64.
pub(crate) fn value_text(value: Option<&AnyValue>) -> Cow<'_, str> {
    match value.and_then(|value| value.value.as_ref()) {
        None => Cow::Borrowed(""),
        Some(Value::StringValue(text)) => Cow::Borrowed(text),
        Some(Value::BoolValue(true)) => Cow::Borrowed("true"),
        Some(Value::BoolValue(false)) => Cow::Borrowed("false"),
        Some(Value::IntValue(int)) => Cow::Owned(int.to_string()),
        Some(Value::DoubleValue(double)) => Cow::Owned(double_text(*double)),
        Some(Value::BytesValue(bytes)) => Cow::Owned(STANDARD.encode(bytes)),
        Some(nested @ (Value::ArrayValue(_) | Value::KvlistValue(_))) => {
            let mut writer = json::Writer::default();
            write_json(&mut writer, Some(nested), DEPTH_LIMIT);
            Cow::Owned(writer.as_str().to_owned())
        }
    }
}

/// As JSON has it: digits from 1e-6 to 1e21, else an exponent.
fn double_text(double: f64) -> String {
    let size = double.abs();
    if double.is_nan() {
        "NaN".to_owned()
    } else if double.is_infinite() {
        (if double > 0.0 { "+Inf" } else { "-Inf" }).to_owned()
    } else if size == 0.0 || (1e-6..1e21).contains(&size) {
        double.to_string()
    } else {
        let text = format!("{double:e}");
        // Go writes the sign of every exponent.
        if text.contains("e-") { text } else { text.replace('e', "e+") }
    }
}

fn write_json(json: &mut json::Writer, value: Option<&Value>, depth: usize) {
    match value {
        Some(_) if depth == 0 => json.null(),
        None => json.null(),
        Some(Value::StringValue(text)) => json.string(text),
        Some(Value::BoolValue(bool)) => json.bool(*bool),
        Some(Value::IntValue(int)) => json.int(*int),
        Some(Value::DoubleValue(double)) if double.is_finite() => json.raw(&double_text(*double)),
        Some(Value::DoubleValue(double)) => json.string(&double_text(*double)),
        Some(Value::BytesValue(bytes)) => json.string(&STANDARD.encode(bytes)),
        Some(Value::ArrayValue(array)) => json.array(|json| {
            for value in &array.values {
                write_json(json, value.value.as_ref(), depth - 1);
            }
        }),
        Some(Value::KvlistValue(map)) => json.object(|json| {
            for entry in &map.values {
                json.key(&entry.key);
                write_json(json, entry.value.as_ref().and_then(|value| value.value.as_ref()), depth - 1);
            }
        }),
    };
}

#[cfg(test)]
mod tests {
    use spanloom_otlp::{ArrayValue, KeyValue, KeyValueList};

    use super::*;

    #[test]
    fn values_become_text() {
        let text = |value: AnyValue| value_text(Some(&value)).into_owned();
        assert_eq!(text("a".into()), "a");
        assert_eq!(text(true.into()), "true");
        assert_eq!(text((-7_i64).into()), "-7");
        for (double, expected) in
            [(1.0, "1"), (0.5, "0.5"), (1e21, "1e+21"), (2.5e-7, "2.5e-7"), (-0.0, "-0")]
        {
            assert_eq!(text(double.into()), expected);
        }
        assert_eq!(text(f64::NEG_INFINITY.into()), "-Inf");
        assert_eq!(text(AnyValue { value: Some(Value::BytesValue(vec![255, 0])) }), "/wA=");
        let list = ArrayValue { values: vec!["x".into(), 1_i64.into(), AnyValue { value: None }] };
        let map = KeyValueList {
            values: vec![KeyValue {
                key: "list".into(),
                value: Some(AnyValue { value: Some(Value::ArrayValue(list)) }),
            }],
        };
        assert_eq!(text(AnyValue { value: Some(Value::KvlistValue(map)) }), r#"{"list":["x",1,null]}"#);
        assert_eq!(value_text(None), "");
    }
}
