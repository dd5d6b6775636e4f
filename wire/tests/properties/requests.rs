//! Generates requests of every shape that the schema allows, as prost types.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (option::of(scope()), vec(span(), 0..4), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resource_spans = (option::of(resource()), vec(scope_spans, 0..4), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

pub(crate) fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (option::of(scope()), vec(log_record(), 0..4), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (option::of(resource()), vec(scope_logs, 0..4), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(resource_logs, 0..4).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

pub(crate) fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope_metrics = (option::of(scope()), vec(metric(), 0..4), text())
        .prop_map(|(scope, metrics, schema_url)| ScopeMetrics { scope, metrics, schema_url });
    let resource_metrics = (option::of(resource()), vec(scope_metrics, 0..3), text()).prop_map(
        |(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url },
    );
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}

/// Generates few different keys, so that they repeat within a span and across spans.
pub(crate) fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-c]", 1 => text()]
}

pub(crate) fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Value::IntValue(value))),
        double().prop_map(|value| Some(Value::DoubleValue(value))),
        vec(any::<u8>(), 0..5).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        any::<i32>().prop_map(|index| Some(Value::StringValueStrindex(index))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(3, 12, 3, |inner| {
        let entry = (key(), option::of(inner.clone())).prop_map(|(key, value)| KeyValue {
            key,
            value,
            key_strindex: 0,
        });
        prop_oneof![
            vec(inner, 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(entry, 0..3).prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,12}", "\\PC{0,4}", "[\"\\\\\n\u{1}é漢🎉\u{10fffe}]{1,3}"]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), any::<f64>()]
        .prop_filter("NaN equals nothing", |value| !value.is_nan())
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![5 => vec(any::<u8>(), len), 1 => Just(Vec::new())]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), any::<u64>(), 1_700_000_000_000_000_000..1_700_000_000_000_001_000u64]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let key_value = (key(), option::weighted(0.9, any_value()), prop_oneof![9 => Just(0), 1 => any::<i32>()])
        .prop_map(|(key, value, key_strindex)| KeyValue { key, value, key_strindex });
    vec(key_value, 0..5)
}

fn resource() -> impl Strategy<Value = Resource> {
    let entity_ref = (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    );
    (attributes(), 0..3u32, vec(entity_ref, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), 0..3u32).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    )
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    let ids = (prop_oneof![3 => (0..3u8).prop_map(|id| vec![id; 16]), 1 => id(16)], id(8), id(8));
    let event = (time(), text(), attributes(), 0..3u32).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (id(16), id(8), text(), attributes(), 0..3u32, any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    );
    let status = (text(), -1..4i32).prop_map(|(message, code)| Status { message, code });
    let fixed = (text(), text(), -1..7i32, time(), time(), prop_oneof![Just(0), any::<u32>()]);
    let lists = (attributes(), vec(event, 0..3), vec(link, 0..2), [0..3u32, 0..3u32, 0..3u32]);
    (ids, fixed, lists, option::of(status)).prop_map(|(ids, fixed, lists, status)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: fixed.0,
        name: fixed.1,
        kind: fixed.2,
        start_time_unix_nano: fixed.3,
        end_time_unix_nano: fixed.4,
        flags: fixed.5,
        attributes: lists.0,
        events: lists.1,
        links: lists.2,
        dropped_attributes_count: lists.3[0],
        dropped_events_count: lists.3[1],
        dropped_links_count: lists.3[2],
        status,
    })
}

fn log_record() -> impl Strategy<Value = LogRecord> {
    let fixed = (time(), time(), -1..25i32, text(), any::<u32>(), 0..3u32);
    (fixed, option::of(any_value()), attributes(), id(16), id(8), text()).prop_map(
        |(fixed, body, attributes, trace_id, span_id, event_name)| LogRecord {
            time_unix_nano: fixed.0,
            observed_time_unix_nano: fixed.1,
            severity_number: fixed.2,
            severity_text: fixed.3,
            flags: fixed.4,
            dropped_attributes_count: fixed.5,
            body,
            attributes,
            trace_id,
            span_id,
            event_name,
        },
    )
}

fn metric() -> impl Strategy<Value = Metric> {
    let data = prop_oneof![
        vec(number_point(), 0..4).prop_map(|data_points| metric::Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..4), -1..4i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| metric::Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic
            })
        ),
        (vec(histogram_point(), 0..3), 0..3i32).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential_point(), 0..3), 0..3i32).prop_map(|(data_points, aggregation_temporality)| {
            metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary_point(), 0..3).prop_map(|data_points| metric::Data::Summary(Summary { data_points })),
    ];
    (text(), text(), text(), attributes(), option::of(data)).prop_map(
        |(name, description, unit, metadata, data)| Metric { name, description, unit, metadata, data },
    )
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    let value = prop_oneof![
        double().prop_map(exemplar::Value::AsDouble),
        any::<i64>().prop_map(exemplar::Value::AsInt)
    ];
    (attributes(), time(), id(8), id(16), option::of(value)).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    )
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        double().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt)
    ];
    (attributes(), time(), time(), vec(exemplar(), 0..2), 0..2u32, option::of(value)).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        },
    )
}

fn histogram_point() -> impl Strategy<Value = HistogramDataPoint> {
    let numbers = (any::<u64>(), option::of(double()), option::of(double()), option::of(double()));
    let buckets = (vec(any::<u64>(), 0..4), vec(double(), 0..4));
    (attributes(), time(), time(), numbers, buckets, vec(exemplar(), 0..2)).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, numbers, buckets, exemplars)| {
            HistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count: numbers.0,
                sum: numbers.1,
                min: numbers.2,
                max: numbers.3,
                bucket_counts: buckets.0,
                explicit_bounds: buckets.1,
                exemplars,
                flags: 1,
            }
        },
    )
}

fn exponential_point() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let numbers = (any::<u64>(), any::<u64>(), option::of(double()), option::of(double()), double());
    let buckets = (any::<i32>(), vec(any::<u64>(), 0..4))
        .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts });
    (attributes(), time(), any::<i32>(), numbers, [option::of(buckets.clone()), option::of(buckets)])
        .prop_map(|(attributes, time_unix_nano, scale, numbers, [positive, negative])| {
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: 1,
                time_unix_nano,
                count: numbers.0,
                zero_count: numbers.1,
                sum: numbers.2,
                scale,
                positive,
                negative,
                flags: 0,
                exemplars: Vec::new(),
                min: numbers.3,
                max: None,
                zero_threshold: numbers.4,
            }
        })
}

fn summary_point() -> impl Strategy<Value = SummaryDataPoint> {
    let quantile = (double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), time(), any::<u64>(), double(), vec(quantile, 0..3)).prop_map(
        |(attributes, time_unix_nano, count, sum, quantile_values)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: 0,
            time_unix_nano,
            count,
            sum,
            quantile_values,
            flags: 0,
        },
    )
}
