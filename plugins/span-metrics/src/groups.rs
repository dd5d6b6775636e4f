//! Groups series by the resource of their spans.

use prost::{Message, Oneof};
use spanloom_aggregate::{Key, Part, Table};
use spanloom_plugin::wire::writer::{IntoValue, ResourceWriter, ValueWriter};
use spanloom_plugin::{Attribute, SpanResource, Value};

use crate::series::Series;

/// The series of one resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) resource: KnownResource,
    /// One table per family of the shape.
    pub(crate) tables: Vec<Table<Series>>,
    /// The number of the batch that last used the group. Orders groups by recent use.
    pub(crate) used: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct KnownResource {
    /// The packed attributes that distinguish the resource.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    /// The attributes that all resources with this key have in common.
    #[prost(message, optional, tag = "2")]
    resource: Option<Common>,
    #[prost(string, tag = "3")]
    pub(crate) schema_url: String,
    #[prost(fixed64, tag = "4")]
    pub(crate) last_seen_unix_nano: u64,
}

/// The attributes of a resource. Here and below, the fields are those of OTLP's messages.
#[derive(Clone, PartialEq, Message)]
struct Common {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 4, 7, 100")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
    /// A list, a map or an empty value, which reaches a guest as JSON. OTLP does not have this field.
    #[prost(string, tag = "100")]
    Json(String),
}

/// Packs the attributes that distinguish a resource: all attributes, or the named ones.
pub(crate) fn pack(key: &mut Key, resource: &SpanResource, named: &[String]) {
    let counts = |attribute: &&Attribute| named.is_empty() || named.contains(&attribute.key);
    let mut attributes: Vec<&Attribute> = resource.attributes.iter().filter(counts).collect();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    key.clear();
    for Attribute { key: name, value } in attributes {
        key.push(Some(Part::Text(name)));
        key.push(Some(value.into()));
    }
}

impl KnownResource {
    /// Drops the attributes that `with`, a resource with the same key, lacks or has with another value. They
    /// would be true only for some of the counted spans.
    pub(crate) fn keep_common(&mut self, with: SpanResource) {
        let Some(resource) = &mut self.resource else { return };
        let with: Vec<KeyValue> = with.attributes.into_iter().map(key_value).collect();
        resource.attributes.retain(|attribute| with.contains(attribute));
    }

    pub(crate) fn write(&self, out: &mut ResourceWriter<'_>) {
        for attribute in self.resource.iter().flat_map(|resource| &resource.attributes) {
            if let Some(value) = attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
                out.attribute(&attribute.key, value);
            }
        }
    }
}

impl Group {
    pub(crate) fn new(key: &Key, resource: SpanResource, families: usize) -> Group {
        let attributes = resource.attributes.into_iter().map(key_value).collect();
        let resource = KnownResource {
            key: key.as_bytes().to_vec(),
            resource: Some(Common { attributes }),
            schema_url: resource.schema_url,
            last_seen_unix_nano: 0,
        };
        Group { resource, tables: (0..families).map(|_| Table::default()).collect(), used: 0 }
    }
}

fn key_value(Attribute { key, value }: Attribute) -> KeyValue {
    let value = match value {
        Value::Text(text) => Any::Text(text),
        Value::Json(json) => Any::Json(json),
        Value::Int(int) => Any::Int(int),
        Value::Double(double) => Any::Double(double),
        Value::Bool(bool) => Any::Bool(bool),
        Value::Bytes(bytes) => Any::Bytes(bytes),
    };
    KeyValue { key, value: Some(AnyValue { value: Some(value) }) }
}

impl IntoValue for &Any {
    fn write_into(self, out: ValueWriter<'_>) {
        match self {
            Any::Text(text) => text.write_into(out),
            Any::Bool(bool) => bool.write_into(out),
            Any::Int(int) => int.write_into(out),
            Any::Double(double) => double.write_into(out),
            Any::Bytes(bytes) => bytes.as_slice().write_into(out),
            Any::Json(json) => Part::Json(json).write_into(out),
        }
    }
}
