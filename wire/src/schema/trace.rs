//! The messages of opentelemetry/proto/trace/v1/trace.proto and its collector service.

use super::Kind::{Enum, Fixed32, Fixed64, Message as Msg, String, UInt32};
use super::{
    FORMER_SCOPES, INSTRUMENTATION_SCOPE, KEY_VALUE, Message, RESOURCE, SPAN_ID, TRACE_ID, field, message,
};

pub static EXPORT_TRACE_SERVICE_REQUEST: Message = message(
    "ExportTraceServiceRequest",
    &[field(1, "resource_spans", "resourceSpans", Msg(&RESOURCE_SPANS)).repeated()],
);

static RESOURCE_SPANS: Message = message(
    "ResourceSpans",
    &[
        field(1, "resource", "resource", Msg(&RESOURCE)),
        field(2, "scope_spans", "scopeSpans", Msg(&SCOPE_SPANS)).repeated(),
        field(3, "schema_url", "schemaUrl", String),
        field(
            FORMER_SCOPES,
            "instrumentation_library_spans",
            "instrumentationLibrarySpans",
            Msg(&INSTRUMENTATION_LIBRARY_SPANS),
        )
        .repeated(),
    ],
);

static SCOPE_SPANS: Message = message(
    "ScopeSpans",
    &[
        field(1, "scope", "scope", Msg(&INSTRUMENTATION_SCOPE)),
        field(2, "spans", "spans", Msg(&SPAN)).items(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

/// What [`SCOPE_SPANS`] was called until OTLP 0.15.
static INSTRUMENTATION_LIBRARY_SPANS: Message = message(
    "InstrumentationLibrarySpans",
    &[
        field(1, "instrumentation_library", "instrumentationLibrary", Msg(&INSTRUMENTATION_SCOPE)),
        field(2, "spans", "spans", Msg(&SPAN)).items(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

pub static SPAN: Message = message(
    "Span",
    &[
        field(1, "trace_id", "traceId", TRACE_ID),
        field(2, "span_id", "spanId", SPAN_ID),
        field(3, "trace_state", "traceState", String),
        field(4, "parent_span_id", "parentSpanId", SPAN_ID),
        field(5, "name", "name", String),
        field(6, "kind", "kind", Enum(KINDS)),
        field(7, "start_time_unix_nano", "startTimeUnixNano", Fixed64),
        field(8, "end_time_unix_nano", "endTimeUnixNano", Fixed64),
        field(9, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(10, "dropped_attributes_count", "droppedAttributesCount", UInt32),
        field(11, "events", "events", Msg(&EVENT)).repeated(),
        field(12, "dropped_events_count", "droppedEventsCount", UInt32),
        field(13, "links", "links", Msg(&LINK)).repeated(),
        field(14, "dropped_links_count", "droppedLinksCount", UInt32),
        field(15, "status", "status", Msg(&STATUS)),
        field(16, "flags", "flags", Fixed32),
    ],
);

static EVENT: Message = message(
    "Event",
    &[
        field(1, "time_unix_nano", "timeUnixNano", Fixed64),
        field(2, "name", "name", String),
        field(3, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(4, "dropped_attributes_count", "droppedAttributesCount", UInt32),
    ],
);

static LINK: Message = message(
    "Link",
    &[
        field(1, "trace_id", "traceId", TRACE_ID),
        field(2, "span_id", "spanId", SPAN_ID),
        field(3, "trace_state", "traceState", String),
        field(4, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(5, "dropped_attributes_count", "droppedAttributesCount", UInt32),
        field(6, "flags", "flags", Fixed32),
    ],
);

static STATUS: Message = message(
    "Status",
    &[field(2, "message", "message", String), field(3, "code", "code", Enum(STATUS_CODES))],
);

const KINDS: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

const STATUS_CODES: &[(&str, i32)] =
    &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];
