//! The messages of opentelemetry/proto/logs/v1/logs.proto and its collector service.

use super::Kind::{Enum, Fixed32, Fixed64, Message as Msg, String, UInt32};
use super::{
    ANY_VALUE, FORMER_SCOPES, INSTRUMENTATION_SCOPE, KEY_VALUE, Message, RESOURCE, SPAN_ID, TRACE_ID, field,
    message,
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
        field(
            FORMER_SCOPES,
            "instrumentation_library_logs",
            "instrumentationLibraryLogs",
            Msg(&INSTRUMENTATION_LIBRARY_LOGS),
        )
        .repeated(),
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

/// What [`SCOPE_LOGS`] was called until OTLP 0.15.
static INSTRUMENTATION_LIBRARY_LOGS: Message = message(
    "InstrumentationLibraryLogs",
    &[
        field(1, "instrumentation_library", "instrumentationLibrary", Msg(&INSTRUMENTATION_SCOPE)),
        field(2, "log_records", "logRecords", Msg(&LOG_RECORD)).items(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

pub static LOG_RECORD: Message = message(
    "LogRecord",
    &[
        field(1, "time_unix_nano", "timeUnixNano", Fixed64),
        field(11, "observed_time_unix_nano", "observedTimeUnixNano", Fixed64),
        field(2, "severity_number", "severityNumber", Enum(SEVERITIES)),
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

const SEVERITIES: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];
