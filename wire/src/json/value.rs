//! Converts values to and from plain JSON (`["a",1]`), for plugins and people. This is not the JSON encoding
//! of protobuf.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::JsonError;
use super::text::to_base64;
use super::write::{push, push_double, push_str};
use crate::Value;
use crate::encoder::Encoder;
use crate::value::{ARRAY, KV_LIST, KeyValue, VALUES};

/// A value that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedValue {
    /// The encoded `AnyValue`.
    encoded: Vec<u8>,
}

impl OwnedValue {
    pub fn get(&self) -> Value<'_> {
        Value::of(&self.encoded)
    }
}

/// Writes a value as JSON. Ints are numbers without a point, and doubles are numbers with a point or an
/// exponent. Bytes are base64 strings. `"NaN"`, `"Infinity"` and `"-Infinity"` are strings, and an empty
/// value is `null`. A key that occurs twice is written twice.
pub fn value_to_json(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}

/// Reads a value from JSON. Numbers without a point or an exponent that fit 64 bits are ints, and all others
/// are doubles. Every string is text. JSON may nest 127 arrays and objects deep.
pub fn value_from_json(json: &str) -> Result<OwnedValue, JsonError> {
    let mut encoder = Encoder::default();
    let mut document = serde_json::Deserializer::from_str(json);
    let read = ValueSeed(&mut encoder).deserialize(&mut document);
    match read.and_then(|()| document.end()) {
        Ok(()) => Ok(OwnedValue { encoded: encoder.finish() }),
        Err(error) => Err(JsonError::new("value".to_owned(), &error)),
    }
}

/// Appends a value as JSON. Recurses as deep as the value nests; the check of requests and the JSON reader
/// limit the depth.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Empty => out.extend_from_slice(b"null"),
        Value::Str(text) => push_str(out, text),
        Value::Bool(value) => push(out, value),
        Value::Int(value) => push(out, value),
        Value::Double(value) => push_double(out, *value),
        Value::Bytes(bytes) => push_str(out, &to_base64(bytes)),
        Value::Array(array) => {
            out.push(b'[');
            for (at, value) in array.values().enumerate() {
                comma(out, at);
                write_value(out, &value);
            }
            out.push(b']');
        }
        Value::KvList(list) => {
            out.push(b'{');
            for (at, (key, value)) in list.entries().enumerate() {
                comma(out, at);
                push_str(out, key);
                out.push(b':');
                write_value(out, &value);
            }
            out.push(b'}');
        }
    }
}

fn comma(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

/// Reads a JSON value into the fields of an open `AnyValue`.
struct ValueSeed<'e>(&'e mut Encoder);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.value(&Value::Bool(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.value(&Value::Int(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.value(&i64::try_from(value).map_or(Value::Double(value as f64), Value::Int));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.value(&Value::Double(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.value(&Value::Str(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let array = self.0.open(ARRAY);
        while list.next_element_seed(FieldSeed { encoder: self.0, number: VALUES })?.is_some() {}
        self.0.close(array);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let list = self.0.open(KV_LIST);
        loop {
            let entry = self.0.open(VALUES);
            if map.next_key_seed(KeySeed(self.0))?.is_none() {
                self.0.close_unless_empty(entry);
                break;
            }
            map.next_value_seed(FieldSeed { encoder: self.0, number: KeyValue::VALUE })?;
            self.0.close(entry);
        }
        self.0.close(list);
        Ok(())
    }
}

/// Reads a JSON value into an `AnyValue` that is a field of another message.
struct FieldSeed<'e> {
    encoder: &'e mut Encoder,
    number: u32,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let field = self.encoder.open(self.number);
        ValueSeed(self.encoder).deserialize(deserializer)?;
        self.encoder.close(field);
        Ok(())
    }
}

/// Reads the key of a `KeyValue`.
struct KeySeed<'e>(&'e mut Encoder);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        self.0.delimited(KeyValue::KEY, key.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let value = value_from_json(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(value_to_json(&value.get()), expected, "{json}");
    }

    /// Whole numbers are ints if they fit. Numbers with a point or an exponent are doubles.
    #[test]
    fn numbers_are_ints_where_they_fit() {
        assert_eq!(value_from_json("7").expect("JSON").get(), Value::Int(7));
        assert_eq!(value_from_json("7.0").expect("JSON").get(), Value::Double(7.0));
        check("-9223372036854775808", "-9223372036854775808");
        check("9223372036854775807", "9223372036854775807");
        check("9223372036854775808", "9.223372036854776e+18");
        check("1e3", "1000.0");
    }

    #[test]
    fn json_is_read_and_written_as_it_means() {
        for same in
            ["null", "true", "\"a\\n\\\"é\"", "[]", "{}", r#"[1,[null,{}],"x"]"#, r#"{"a":{"b":[]},"":0}"#]
        {
            check(same, same);
        }
        check(" { \"a\" : [ 1 , 2 ] } ", r#"{"a":[1,2]}"#);
        assert_eq!(value_to_json(&Value::Bytes(&[0xfb, 0xff])), "\"+/8=\"");
        assert_eq!(value_to_json(&Value::Double(f64::NAN)), "\"NaN\"");
        assert_eq!(value_to_json(&Value::Double(f64::NEG_INFINITY)), "\"-Infinity\"");
    }

    #[test]
    fn what_is_not_json_or_nests_without_end_is_refused() {
        let error = |json: &str| value_from_json(json).expect_err(json).to_string();
        assert_eq!(error("[1,]"), "value at line 1 column 4: trailing comma");
        assert!(error("").contains("EOF"));
        assert!(error("1 2").contains("trailing characters"));
        assert!(error(&"[".repeat(100_000)).contains("recursion limit exceeded"));
        assert!(error(&"{\"a\":".repeat(100_000)).contains("recursion limit exceeded"));
    }
}
