//! The messages of opentelemetry/proto/common/v1/common.proto and resource/v1/resource.proto.

use super::Kind::{Bool, Bytes, Double, Int32, Int64, Message as Msg, String, UInt32};
use super::{Message, field, message};

pub static ANY_VALUE: Message = message(
    "AnyValue",
    &[
        field(1, "string_value", "stringValue", String).oneof(),
        field(2, "bool_value", "boolValue", Bool).oneof(),
        field(3, "int_value", "intValue", Int64).oneof(),
        field(4, "double_value", "doubleValue", Double).oneof(),
        field(5, "array_value", "arrayValue", Msg(&ARRAY_VALUE)).oneof(),
        field(6, "kvlist_value", "kvlistValue", Msg(&KEY_VALUE_LIST)).oneof(),
        field(7, "bytes_value", "bytesValue", Bytes).oneof(),
        field(8, "string_value_strindex", "stringValueStrindex", Int32).oneof(),
    ],
);

static ARRAY_VALUE: Message =
    message("ArrayValue", &[field(1, "values", "values", Msg(&ANY_VALUE)).repeated()]);

static KEY_VALUE_LIST: Message =
    message("KeyValueList", &[field(1, "values", "values", Msg(&KEY_VALUE)).repeated()]);

pub static KEY_VALUE: Message = message(
    "KeyValue",
    &[
        field(1, "key", "key", String),
        field(2, "value", "value", Msg(&ANY_VALUE)),
        field(3, "key_strindex", "keyStrindex", Int32),
    ],
);

pub static INSTRUMENTATION_SCOPE: Message = message(
    "InstrumentationScope",
    &[
        field(1, "name", "name", String),
        field(2, "version", "version", String),
        field(3, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(4, "dropped_attributes_count", "droppedAttributesCount", UInt32),
    ],
);

pub static RESOURCE: Message = message(
    "Resource",
    &[
        field(1, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(2, "dropped_attributes_count", "droppedAttributesCount", UInt32),
        field(3, "entity_refs", "entityRefs", Msg(&ENTITY_REF)).repeated(),
    ],
);

static ENTITY_REF: Message = message(
    "EntityRef",
    &[
        field(1, "schema_url", "schemaUrl", String),
        field(2, "type", "type", String),
        field(3, "id_keys", "idKeys", String).repeated(),
        field(4, "description_keys", "descriptionKeys", String).repeated(),
    ],
);
