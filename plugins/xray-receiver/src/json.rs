//! JSON as a tree that borrows its texts. Wrong types are read as missing values, so that one odd field does not
//! cost the segment.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Deserializer, Serialize};
use spanloom_plugin::wire::writer::{IntoValue, ValueWriter};

use crate::Rejected;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// The fields of an object in their order. If a key occurs twice, the last value counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Parses an object. Its depth is limited by serde_json, to 127.
pub(crate) fn parse(text: &str) -> Result<Object<'_>, Rejected> {
    match serde_json::from_str(text) {
        Ok(Json::Object(object)) => Ok(object),
        _ => Err(Rejected::Json),
    }
}

impl<'a> Object<'a> {
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// Returns the value of a key, or `None` if it is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let value = self.0.iter().rfind(|(known, _)| known == key).map(|(_, value)| value);
        value.filter(|value| !matches!(value, Json::Null))
    }

    /// Returns a text that is not empty. A number or bool becomes its text.
    pub(crate) fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        self.get(key)?.text()
    }

    /// Returns an int. Some senders write numbers as text.
    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Json::Int(int) => Some(*int),
            Json::Double(double) if double.fract() == 0.0 && double.abs() < 9e15 => Some(*double as i64),
            Json::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        if let Json::Bool(value) = self.get(key)? { Some(*value) } else { None }
    }

    /// Returns whether the value is `true`.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.bool(key) == Some(true)
    }

    pub(crate) fn object(&self, key: &str) -> Option<&Object<'a>> {
        self.get(key)?.object()
    }

    /// Returns the values of a list, or none if there is no list.
    pub(crate) fn list(&self, key: &str) -> &[Json<'a>] {
        if let Some(Json::List(values)) = self.get(key) { values } else { &[] }
    }

    /// Returns the objects of a list.
    pub(crate) fn objects(&self, key: &str) -> impl Iterator<Item = &Object<'a>> {
        self.list(key).iter().filter_map(Json::object)
    }
}

impl<'a> Json<'a> {
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Json::Text(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
            Json::Int(int) => Some(int.to_string().into()),
            Json::Double(double) => Some(double.to_string().into()),
            Json::Bool(value) => Some(value.to_string().into()),
            _ => None,
        }
    }

    pub(crate) fn object(&self) -> Option<&Object<'a>> {
        if let Json::Object(object) = self { Some(object) } else { None }
    }
}

/// A null is left out.
impl IntoValue for &Json<'_> {
    fn write_into(self, out: ValueWriter<'_>) {
        match self {
            Json::Null => {}
            Json::Bool(value) => value.write_into(out),
            Json::Int(value) => value.write_into(out),
            Json::Double(value) => value.write_into(out),
            Json::Text(text) => (&**text).write_into(out),
            Json::List(values) => out.array(|out| {
                for value in values {
                    out.push(value);
                }
            }),
            Json::Object(object) => out.map(|out| {
                for (key, value) in object.fields() {
                    out.push(key, value);
                }
            }),
        }
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Int(value) => serializer.serialize_i64(*value),
            Json::Double(value) => serializer.serialize_f64(*value),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(values) => serializer.collect_seq(values),
            Json::Object(object) => serializer.collect_map(object.fields()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json<'a>, D::Error> {
        deserializer.deserialize_any(OfAny)
    }
}

struct OfAny;

impl<'de> Visitor<'de> for OfAny {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::Double(value as f64), Json::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Double(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key::<Json<'de>>()? {
            // The keys of JSON are texts.
            let Json::Text(key) = key else { continue };
            fields.push((key, map.next_value()?));
        }
        Ok(Json::Object(Object(fields)))
    }
}
