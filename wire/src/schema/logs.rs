//! The messages of opentelemetry/proto/logs/v1/logs.proto and its collector service.

use super::Kind::{Enum, Fixed32, Fixed64, Message as Msg, String, UInt32};
use super::{
    ANY_VALUE, INSTRUMENTATION_SCOPE, KEY_VALUE, Message, RESOURCE, SPAN_ID, TRACE_ID, field, message,
};

pub static EXPORT_LOGS_SERVICE_REQUEST: Message = message(
    "ExportLogsServiceRequest",
    &[field(1, "resource_logs", "resourceLogs", Msg(&RESOURCE_LOGS)).repeated()],
);

static RESOURCE_LOGS: Message = message(
    "ResourceLogs",
    &[
        field(1, "resource", "resource", Msg(&RESOURCE)),
        field(2, "scope_logs", "scopeLogs", Msg(&SCOPE_LOGS)).repeated(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

static SCOPE_LOGS: Message = message(
    "ScopeLogs",
    &[
        field(1, "scope", "scope", Msg(&INSTRUMENTATION_SCOPE)),
        field(2, "log_records", "logRecords", Msg(&LOG_RECORD)).items(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

pub static LOG_RECORD: Message = message(
    "LogRecord",
    &[
        field(1, "time_unix_nano", "timeUnixNano", Fixed64),
        field(11, "observed_time_unix_nano", "observedTimeUnixNano", Fixed64),
        field(2, "severity_number", "severityNumber", Enum),
        field(3, "severity_text", "severityText", String),
        field(5, "body", "body", Msg(&ANY_VALUE)),
        field(6, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(7, "dropped_attributes_count", "droppedAttributesCount", UInt32),
        field(8, "flags", "flags", Fixed32),
        field(9, "trace_id", "traceId", TRACE_ID),
        field(10, "span_id", "spanId", SPAN_ID),
        field(12, "event_name", "eventName", String),
    ],
);
