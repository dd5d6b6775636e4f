//! The messages of `common/v1/common.proto` and `resource/v1/resource.proto`.

use prost::{Message, Oneof};

/// The value of an attribute. `value` is `None` if the sender left it empty.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    #[prost(oneof = "any_value::Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<any_value::Value>,
}

/// The oneof of [`AnyValue`].
pub mod any_value {
    use super::{ArrayValue, KeyValueList, Oneof};

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Value {
        #[prost(string, tag = "1")]
        StringValue(String),
        #[prost(bool, tag = "2")]
        BoolValue(bool),
        #[prost(int64, tag = "3")]
        IntValue(i64),
        #[prost(double, tag = "4")]
        DoubleValue(f64),
        #[prost(message, tag = "5")]
        ArrayValue(ArrayValue),
        #[prost(message, tag = "6")]
        KvlistValue(KeyValueList),
        #[prost(bytes = "vec", tag = "7")]
        BytesValue(Vec<u8>),
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct InstrumentationScope {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "4")]
    pub dropped_attributes_count: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "2")]
    pub dropped_attributes_count: u32,
}

impl KeyValue {
    pub fn new(key: impl Into<String>, value: impl Into<AnyValue>) -> KeyValue {
        KeyValue { key: key.into(), value: Some(value.into()) }
    }
}

impl From<&str> for AnyValue {
    fn from(value: &str) -> AnyValue {
        String::from(value).into()
    }
}

impl From<String> for AnyValue {
    fn from(value: String) -> AnyValue {
        AnyValue { value: Some(any_value::Value::StringValue(value)) }
    }
}

impl From<bool> for AnyValue {
    fn from(value: bool) -> AnyValue {
        AnyValue { value: Some(any_value::Value::BoolValue(value)) }
    }
}

impl From<i64> for AnyValue {
    fn from(value: i64) -> AnyValue {
        AnyValue { value: Some(any_value::Value::IntValue(value)) }
    }
}

impl From<f64> for AnyValue {
    fn from(value: f64) -> AnyValue {
        AnyValue { value: Some(any_value::Value::DoubleValue(value)) }
    }
}
