//! The messages of opentelemetry/proto/metrics/v1/metrics.proto and its collector service.

use super::Kind::{Bool, Double, Enum, Fixed64, Message as Msg, SFixed64, SInt32, String, UInt32, UInt64};
use super::{
    FORMER_SCOPES, INSTRUMENTATION_SCOPE, KEY_VALUE, Message, RESOURCE, SPAN_ID, TRACE_ID, field, message,
};

pub static EXPORT_METRICS_SERVICE_REQUEST: Message = message(
    "ExportMetricsServiceRequest",
    &[field(1, "resource_metrics", "resourceMetrics", Msg(&RESOURCE_METRICS)).repeated()],
);

static RESOURCE_METRICS: Message = message(
    "ResourceMetrics",
    &[
        field(1, "resource", "resource", Msg(&RESOURCE)),
        field(2, "scope_metrics", "scopeMetrics", Msg(&SCOPE_METRICS)).repeated(),
        field(3, "schema_url", "schemaUrl", String),
        field(
            FORMER_SCOPES,
            "instrumentation_library_metrics",
            "instrumentationLibraryMetrics",
            Msg(&INSTRUMENTATION_LIBRARY_METRICS),
        )
        .repeated(),
    ],
);

static SCOPE_METRICS: Message = message(
    "ScopeMetrics",
    &[
        field(1, "scope", "scope", Msg(&INSTRUMENTATION_SCOPE)),
        field(2, "metrics", "metrics", Msg(&METRIC)).repeated(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

/// What [`SCOPE_METRICS`] was called until OTLP 0.15.
static INSTRUMENTATION_LIBRARY_METRICS: Message = message(
    "InstrumentationLibraryMetrics",
    &[
        field(1, "instrumentation_library", "instrumentationLibrary", Msg(&INSTRUMENTATION_SCOPE)),
        field(2, "metrics", "metrics", Msg(&METRIC)).repeated(),
        field(3, "schema_url", "schemaUrl", String),
    ],
);

pub static METRIC: Message = message(
    "Metric",
    &[
        field(1, "name", "name", String),
        field(2, "description", "description", String),
        field(3, "unit", "unit", String),
        field(5, "gauge", "gauge", Msg(&GAUGE)).oneof(),
        field(7, "sum", "sum", Msg(&SUM)).oneof(),
        field(9, "histogram", "histogram", Msg(&HISTOGRAM)).oneof(),
        field(10, "exponential_histogram", "exponentialHistogram", Msg(&EXPONENTIAL_HISTOGRAM)).oneof(),
        field(11, "summary", "summary", Msg(&SUMMARY)).oneof(),
        field(12, "metadata", "metadata", Msg(&KEY_VALUE)).repeated(),
    ],
);

static GAUGE: Message =
    message("Gauge", &[field(1, "data_points", "dataPoints", Msg(&NUMBER_DATA_POINT)).items()]);

static SUM: Message = message(
    "Sum",
    &[
        field(1, "data_points", "dataPoints", Msg(&NUMBER_DATA_POINT)).items(),
        field(2, "aggregation_temporality", "aggregationTemporality", Enum(TEMPORALITIES)),
        field(3, "is_monotonic", "isMonotonic", Bool),
    ],
);

static HISTOGRAM: Message = message(
    "Histogram",
    &[
        field(1, "data_points", "dataPoints", Msg(&HISTOGRAM_DATA_POINT)).items(),
        field(2, "aggregation_temporality", "aggregationTemporality", Enum(TEMPORALITIES)),
    ],
);

static EXPONENTIAL_HISTOGRAM: Message = message(
    "ExponentialHistogram",
    &[
        field(1, "data_points", "dataPoints", Msg(&EXPONENTIAL_HISTOGRAM_DATA_POINT)).items(),
        field(2, "aggregation_temporality", "aggregationTemporality", Enum(TEMPORALITIES)),
    ],
);

static SUMMARY: Message =
    message("Summary", &[field(1, "data_points", "dataPoints", Msg(&SUMMARY_DATA_POINT)).items()]);

static NUMBER_DATA_POINT: Message = message(
    "NumberDataPoint",
    &[
        field(7, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(2, "start_time_unix_nano", "startTimeUnixNano", Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Fixed64),
        field(4, "as_double", "asDouble", Double).oneof(),
        field(6, "as_int", "asInt", SFixed64).oneof(),
        field(5, "exemplars", "exemplars", Msg(&EXEMPLAR)).repeated(),
        field(8, "flags", "flags", UInt32),
    ],
);

static HISTOGRAM_DATA_POINT: Message = message(
    "HistogramDataPoint",
    &[
        field(9, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(2, "start_time_unix_nano", "startTimeUnixNano", Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Fixed64),
        field(4, "count", "count", Fixed64),
        field(5, "sum", "sum", Double).optional(),
        field(6, "bucket_counts", "bucketCounts", Fixed64).repeated(),
        field(7, "explicit_bounds", "explicitBounds", Double).repeated(),
        field(8, "exemplars", "exemplars", Msg(&EXEMPLAR)).repeated(),
        field(10, "flags", "flags", UInt32),
        field(11, "min", "min", Double).optional(),
        field(12, "max", "max", Double).optional(),
    ],
);

static EXPONENTIAL_HISTOGRAM_DATA_POINT: Message = message(
    "ExponentialHistogramDataPoint",
    &[
        field(1, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(2, "start_time_unix_nano", "startTimeUnixNano", Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Fixed64),
        field(4, "count", "count", Fixed64),
        field(5, "sum", "sum", Double).optional(),
        field(6, "scale", "scale", SInt32),
        field(7, "zero_count", "zeroCount", Fixed64),
        field(8, "positive", "positive", Msg(&BUCKETS)),
        field(9, "negative", "negative", Msg(&BUCKETS)),
        field(10, "flags", "flags", UInt32),
        field(11, "exemplars", "exemplars", Msg(&EXEMPLAR)).repeated(),
        field(12, "min", "min", Double).optional(),
        field(13, "max", "max", Double).optional(),
        field(14, "zero_threshold", "zeroThreshold", Double),
    ],
);

static BUCKETS: Message = message(
    "Buckets",
    &[field(1, "offset", "offset", SInt32), field(2, "bucket_counts", "bucketCounts", UInt64).repeated()],
);

static SUMMARY_DATA_POINT: Message = message(
    "SummaryDataPoint",
    &[
        field(7, "attributes", "attributes", Msg(&KEY_VALUE)).attributes(),
        field(2, "start_time_unix_nano", "startTimeUnixNano", Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Fixed64),
        field(4, "count", "count", Fixed64),
        field(5, "sum", "sum", Double),
        field(6, "quantile_values", "quantileValues", Msg(&VALUE_AT_QUANTILE)).repeated(),
        field(8, "flags", "flags", UInt32),
    ],
);

static VALUE_AT_QUANTILE: Message = message(
    "ValueAtQuantile",
    &[field(1, "quantile", "quantile", Double), field(2, "value", "value", Double)],
);

static EXEMPLAR: Message = message(
    "Exemplar",
    &[
        field(7, "filtered_attributes", "filteredAttributes", Msg(&KEY_VALUE)).attributes(),
        field(2, "time_unix_nano", "timeUnixNano", Fixed64),
        field(3, "as_double", "asDouble", Double).oneof(),
        field(6, "as_int", "asInt", SFixed64).oneof(),
        field(4, "span_id", "spanId", SPAN_ID),
        field(5, "trace_id", "traceId", TRACE_ID),
    ],
);

const TEMPORALITIES: &[(&str, i32)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];
