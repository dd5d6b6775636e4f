//! The messages of OTLP, as a table: enough to read and write them without a generated type.
//!
//! The comparison must not depend on Spanloom's own reader, and must show what a generated type would hide:
//! unknown fields, texts that are not UTF-8, ids of a wrong length.

use std::{collections::HashMap, sync::LazyLock};

/// One line a message: its name, then `number name kind` for each field.
///
/// A kind with `*` is repeated, and one with `?` is kept even if it has its default value.
const MESSAGES: &str = "
Traces: 1 resourceSpans *ResourceSpans
Metrics: 1 resourceMetrics *ResourceMetrics
Logs: 1 resourceLogs *ResourceLogs
ResourceSpans: 1 resource Resource, 2 scopeSpans *ScopeSpans, 3 schemaUrl text, 1000 librarySpans *ScopeSpans
ResourceMetrics: 1 resource Resource, 2 scopeMetrics *ScopeMetrics, 3 schemaUrl text, 1000 libraryMetrics *ScopeMetrics
ResourceLogs: 1 resource Resource, 2 scopeLogs *ScopeLogs, 3 schemaUrl text, 1000 libraryLogs *ScopeLogs
Resource: 1 attributes *KeyValue, 2 droppedAttributesCount varint, 3 entityRefs *EntityRef
EntityRef: 1 schemaUrl text, 2 type text, 3 idKeys *text, 4 descriptionKeys *text
ScopeSpans: 1 scope Scope, 2 spans *Span, 3 schemaUrl text
ScopeMetrics: 1 scope Scope, 2 metrics *Metric, 3 schemaUrl text
ScopeLogs: 1 scope Scope, 2 logRecords *LogRecord, 3 schemaUrl text
Scope: 1 name text, 2 version text, 3 attributes *KeyValue, 4 droppedAttributesCount varint
KeyValue: 1 key text, 2 value AnyValue
AnyValue: 1 stringValue ?text, 2 boolValue ?bool, 3 intValue ?int, 4 doubleValue ?double, 5 arrayValue ?ArrayValue, 6 kvlistValue ?KvList, 7 bytesValue ?bytes
ArrayValue: 1 values *AnyValue
KvList: 1 values *KeyValue
Span: 1 traceId id, 2 spanId id, 3 traceState text, 4 parentSpanId id, 5 name text, 6 kind int, 7 startTimeUnixNano fixed64, 8 endTimeUnixNano fixed64, 9 attributes *KeyValue, 10 droppedAttributesCount varint, 11 events *Event, 12 droppedEventsCount varint, 13 links *Link, 14 droppedLinksCount varint, 15 status Status, 16 flags fixed32
Event: 1 timeUnixNano fixed64, 2 name text, 3 attributes *KeyValue, 4 droppedAttributesCount varint
Link: 1 traceId id, 2 spanId id, 3 traceState text, 4 attributes *KeyValue, 5 droppedAttributesCount varint, 6 flags fixed32
Status: 2 message text, 3 code int
LogRecord: 1 timeUnixNano fixed64, 2 severityNumber int, 3 severityText text, 5 body AnyValue, 6 attributes *KeyValue, 7 droppedAttributesCount varint, 8 flags fixed32, 9 traceId id, 10 spanId id, 11 observedTimeUnixNano fixed64, 12 eventName text
Metric: 1 name text, 2 description text, 3 unit text, 5 gauge ?Gauge, 7 sum ?Sum, 9 histogram ?Histogram, 10 exponentialHistogram ?ExponentialHistogram, 11 summary ?Summary, 12 metadata *KeyValue
Gauge: 1 dataPoints *NumberPoint
Sum: 1 dataPoints *NumberPoint, 2 aggregationTemporality int, 3 isMonotonic bool
Histogram: 1 dataPoints *HistogramPoint, 2 aggregationTemporality int
ExponentialHistogram: 1 dataPoints *ExponentialPoint, 2 aggregationTemporality int
Summary: 1 dataPoints *SummaryPoint
NumberPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 asDouble ?double, 5 exemplars *Exemplar, 6 asInt ?sfixed64, 7 attributes *KeyValue, 8 flags varint
HistogramPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 count fixed64, 5 sum ?double, 6 bucketCounts *fixed64, 7 explicitBounds *double, 8 exemplars *Exemplar, 9 attributes *KeyValue, 10 flags varint, 11 min ?double, 12 max ?double
ExponentialPoint: 1 attributes *KeyValue, 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 count fixed64, 5 sum ?double, 6 scale sint, 7 zeroCount fixed64, 8 positive Buckets, 9 negative Buckets, 10 flags varint, 11 exemplars *Exemplar, 12 min ?double, 13 max ?double, 14 zeroThreshold double
Buckets: 1 offset sint, 2 bucketCounts *varint
SummaryPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 4 count fixed64, 5 sum double, 6 quantileValues *Quantile, 7 attributes *KeyValue, 8 flags varint
Quantile: 1 quantile double, 2 value double
Exemplar: 2 timeUnixNano fixed64, 3 asDouble ?double, 4 spanId id, 5 traceId id, 6 asInt ?sfixed64, 7 filteredAttributes *KeyValue
Response: 1 partialSuccess PartialSuccess
PartialSuccess: 1 rejected int, 2 errorMessage text
RpcStatus: 1 code int, 2 message text, 3 details *Any
Any: 1 typeUrl text, 2 value bytes
";

pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
    /// True if the message says whether the field is set, so that its default value has a meaning.
    pub(crate) has_presence: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Bytes,
    /// Bytes that JSON writes in hexadecimal.
    Id,
    Bool,
    /// A signed integer, as a plain varint.
    Int,
    Varint,
    Sint,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    Message(&'static str),
}

/// Returns the fields of a message; none if there is no such message.
pub(crate) fn fields(message: &str) -> &'static [Field] {
    static TABLE: LazyLock<HashMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
        let lines = MESSAGES.lines().filter_map(|line| line.split_once(": "));
        lines.map(|(name, fields)| (name, fields.split(", ").filter_map(field).collect())).collect()
    });
    TABLE.get(message).map(Vec::as_slice).unwrap_or_default()
}

fn field(text: &'static str) -> Option<Field> {
    let mut words = text.split(' ');
    let (number, name, kind) = (words.next()?, words.next()?, words.next()?);
    let plain = kind.trim_start_matches(['*', '?']);
    Some(Field {
        number: number.parse().ok()?,
        name,
        kind: kind_of(plain),
        repeated: kind.starts_with('*'),
        has_presence: kind.starts_with('?'),
    })
}

fn kind_of(name: &'static str) -> Kind {
    match name {
        "text" => Kind::Text,
        "bytes" => Kind::Bytes,
        "id" => Kind::Id,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "varint" => Kind::Varint,
        "sint" => Kind::Sint,
        "fixed32" => Kind::Fixed32,
        "fixed64" => Kind::Fixed64,
        "sfixed64" => Kind::Sfixed64,
        "double" => Kind::Double,
        message => Kind::Message(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every kind that the table names is looked up.
    /// Guarantees: each is a scalar or a message of the table, and no field was lost in parsing.
    #[test]
    fn every_kind_of_the_table_exists() {
        for line in MESSAGES.lines().filter(|line| !line.is_empty()) {
            let (message, listed) = line.split_once(": ").unwrap();
            assert_eq!(fields(message).len(), listed.split(", ").count(), "{message}");
            for field in fields(message) {
                let Kind::Message(inner) = field.kind else { continue };
                assert!(!fields(inner).is_empty(), "{message}.{}: no message {inner}", field.name);
            }
        }
    }
}
