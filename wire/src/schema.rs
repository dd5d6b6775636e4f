//! The messages of OTLP (opentelemetry-proto 1.10) as constant tables. The same tables drive the check, the
//! paths in errors, and JSON in both directions.

mod common;
mod logs;
mod metrics;
mod trace;

pub use common::{ANY_VALUE, INSTRUMENTATION_SCOPE, KEY_VALUE, RESOURCE};
pub use logs::{EXPORT_LOGS_SERVICE_REQUEST, LOG_RECORD};
pub use metrics::{EXPORT_METRICS_SERVICE_REQUEST, METRIC};
pub use trace::{EXPORT_TRACE_SERVICE_REQUEST, SPAN};

/// A message type.
#[derive(Debug)]
pub struct Message {
    pub name: &'static str,
    pub fields: &'static [Field],
    /// The check's operation for each one-byte tag: one load instead of a search. Every field but
    /// `Span.flags` and [`FORMER_SCOPES`] has a one-byte tag.
    pub(crate) ops: [Op; 128],
    /// The message types of fields 1 to 15, by number.
    pub(crate) children: [Option<&'static Message>; 16],
    /// The tag of the field with attributes (`repeated KeyValue`), or 0.
    pub(crate) attributes_tag: u8,
}

#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub number: u32,
    /// The name in the `.proto` file, like `start_time_unix_nano`.
    pub name: &'static str,
    /// The name in OTLP/JSON, like `startTimeUnixNano`.
    pub json_name: &'static str,
    pub kind: Kind,
    pub label: Label,
    /// Whether each occurrence is one item of its signal: a span, a data point or a log record.
    pub(crate) is_item: bool,
    is_attributes: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Int32,
    Int64,
    UInt32,
    UInt64,
    SInt32,
    Bool,
    /// The names of the values, which readers of OTLP/JSON accept too.
    Enum(&'static [(&'static str, i32)]),
    Fixed32,
    Fixed64,
    SFixed64,
    Double,
    String,
    Bytes,
    /// `bytes` that OTLP/JSON writes in hex: a trace id or span id. The id is empty or has this length.
    Id(usize),
    Message(&'static Message),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A field for which absent and zero are the same.
    Singular,
    /// An `optional` field, which may be present with the value zero.
    Optional,
    /// A member of the message's only oneof.
    OneOf,
    /// A repeated field. Numbers are written packed, and read in both forms.
    Repeated,
}

/// What the check does with the bytes after a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// The number is not in the table.
    Unknown,
    /// The number is in the table, with another wire type.
    WrongType,
    Varint,
    Fixed64,
    Fixed32,
    Bytes,
    TraceId,
    SpanId,
    String,
    Message,
    Item,
    PackedVarint,
    PackedFixed64,
}

pub(crate) const TRACE_ID_BYTES: usize = 16;
pub(crate) const SPAN_ID_BYTES: usize = 8;
const TRACE_ID: Kind = Kind::Id(TRACE_ID_BYTES);
const SPAN_ID: Kind = Kind::Id(SPAN_ID_BYTES);

/// The field that held a resource's scopes until OTLP 0.15. Its messages have the fields of today's scopes, under
/// other names. It is the only field above 15 that is a message.
pub(crate) const FORMER_SCOPES: u32 = 1000;
/// The field that holds a resource's scopes.
pub(crate) const SCOPES: u32 = 2;

pub(crate) const VARINT: u32 = 0;
pub(crate) const FIXED64: u32 = 1;
pub(crate) const LEN: u32 = 2;
pub(crate) const START_GROUP: u32 = 3;
pub(crate) const END_GROUP: u32 = 4;
pub(crate) const FIXED32: u32 = 5;

impl Message {
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        // The search begins at the end: only the few highest numbers are not in the table of tags.
        self.fields.iter().rfind(|field| field.number == number)
    }

    /// Finds a field by its name in OTLP/JSON, or by its name in the `.proto` file, which readers of protobuf's
    /// JSON accept too (protobuf.dev, "ProtoJSON Format").
    #[cfg(feature = "json")]
    pub(crate) fn field_by_json_name(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.json_name == name || field.name == name)
    }
}

impl Field {
    const fn repeated(mut self) -> Field {
        self.label = Label::Repeated;
        self
    }

    const fn optional(mut self) -> Field {
        self.label = Label::Optional;
        self
    }

    const fn oneof(mut self) -> Field {
        self.label = Label::OneOf;
        self
    }

    const fn attributes(mut self) -> Field {
        self.is_attributes = true;
        self.repeated()
    }

    const fn items(mut self) -> Field {
        self.is_item = true;
        self.repeated()
    }

    /// Returns what the check does with this field when its tag has this wire type.
    pub(crate) const fn op(&self, wire_type: u32) -> Op {
        let op = match self.kind {
            Kind::Message(_) if self.is_item => Op::Item,
            Kind::Message(_) => Op::Message,
            Kind::String => Op::String,
            Kind::Bytes => Op::Bytes,
            Kind::Id(TRACE_ID_BYTES) => Op::TraceId,
            Kind::Id(_) => Op::SpanId,
            Kind::Fixed32 => Op::Fixed32,
            Kind::Fixed64 | Kind::SFixed64 | Kind::Double => Op::Fixed64,
            _ => Op::Varint,
        };
        match (op, wire_type) {
            (Op::Varint, VARINT) | (Op::Fixed64, FIXED64) | (Op::Fixed32, FIXED32) => op,
            (Op::String | Op::Bytes | Op::TraceId | Op::SpanId | Op::Message | Op::Item, LEN) => op,
            (Op::Varint, LEN) if matches!(self.label, Label::Repeated) => Op::PackedVarint,
            (Op::Fixed64, LEN) if matches!(self.label, Label::Repeated) => Op::PackedFixed64,
            _ => Op::WrongType,
        }
    }
}

const fn field(number: u32, name: &'static str, json_name: &'static str, kind: Kind) -> Field {
    Field { number, name, json_name, kind, label: Label::Singular, is_item: false, is_attributes: false }
}

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where a wrong index is an error")]
const fn message(name: &'static str, fields: &'static [Field]) -> Message {
    let mut ops = [Op::Unknown; 128];
    let mut children = [None; 16];
    let mut attributes_tag = 0;
    let mut i = 0;
    while i < fields.len() {
        let field = &fields[i];
        if field.number < 16 {
            let mut wire_type = 0;
            while wire_type < 8 {
                ops[(field.number << 3 | wire_type) as usize] = field.op(wire_type);
                wire_type += 1;
            }
            if let Kind::Message(child) = field.kind {
                children[field.number as usize] = Some(child);
            }
            if field.is_attributes {
                attributes_tag = (field.number << 3 | LEN) as u8;
            }
        }
        i += 1;
    }
    Message { name, fields, ops, children, attributes_tag }
}
