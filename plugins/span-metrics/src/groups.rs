//! Groups series by the resource of their spans.

use prost::Message;
use spanloom_aggregate::{Key, Part, Table};
use spanloom_otlp::{AnyValue, KeyValue, Resource, any_value};
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
    pub(crate) resource: Option<Resource>,
    #[prost(string, tag = "3")]
    pub(crate) schema_url: String,
    #[prost(fixed64, tag = "4")]
    pub(crate) last_seen_unix_nano: u64,
}

/// Packs the attributes that distinguish a resource: all attributes, or the named ones.
pub(crate) fn pack(key: &mut Key, resource: &SpanResource, named: &[String]) {
    let counts = |attribute: &&Attribute| named.is_empty() || named.contains(&attribute.key);
    let mut attributes: Vec<&Attribute> = resource.attributes.iter().filter(counts).collect();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    key.clear();
    for Attribute { key: name, value } in attributes {
        key.push(Some(Part::Text(name)));
        match value {
            Value::Text(text) | Value::Json(text) => key.push(Some(Part::Text(text))),
            Value::Int(int) => key.push(Some(Part::Int(*int))),
            Value::Double(double) => key.push(Some(Part::Double(*double))),
            Value::Bool(bool) => key.push(Some(Part::Bool(*bool))),
            Value::Bytes(bytes) => bytes.iter().for_each(|byte| key.push(Some(Part::Symbol(*byte)))),
        }
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
}

impl Group {
    pub(crate) fn new(key: &Key, resource: SpanResource, families: usize) -> Group {
        let attributes = resource.attributes.into_iter().map(key_value).collect();
        let otlp = Resource { attributes, dropped_attributes_count: 0 };
        let resource = KnownResource {
            key: key.as_bytes().to_vec(),
            resource: Some(otlp),
            schema_url: resource.schema_url,
            last_seen_unix_nano: 0,
        };
        Group { resource, tables: (0..families).map(|_| Table::default()).collect(), used: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.iter().all(Table::is_empty)
    }
}

fn key_value(Attribute { key, value }: Attribute) -> KeyValue {
    KeyValue { key, value: Some(any(value)) }
}

fn any(value: Value) -> AnyValue {
    match value {
        Value::Text(text) => text.into(),
        Value::Int(int) => int.into(),
        Value::Double(double) => double.into(),
        Value::Bool(bool) => bool.into(),
        Value::Bytes(bytes) => AnyValue { value: Some(any_value::Value::BytesValue(bytes)) },
        // An array or a map reaches a guest as JSON text.
        Value::Json(json) => json.into(),
    }
}
