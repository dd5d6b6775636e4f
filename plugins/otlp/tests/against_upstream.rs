//! Compares the types with upstream's generated ones, field by field.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest as Theirs,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
};
use spanloom_otlp::{ExportMetricsServiceRequest, Message};

/// Every field of every message has a value of its own, so that no wrong tag or type goes unnoticed.
#[test]
fn a_request_with_every_field_survives_decoding_and_encoding() {
    let theirs = Theirs { resource_metrics: vec![resource_metrics()] };
    let bytes = theirs.encode_to_vec();
    let ours = ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap();
    assert_eq!(Theirs::decode(ours.encode_to_vec().as_slice()).unwrap(), theirs);
}

fn resource_metrics() -> ResourceMetrics {
    let metrics = vec![
        metric(1, Data::Gauge(Gauge { data_points: vec![number(number_data_point::Value::AsInt(-5))] })),
        metric(
            2,
            Data::Sum(Sum {
                data_points: vec![number(number_data_point::Value::AsDouble(2.5))],
                aggregation_temporality: 2,
                is_monotonic: true,
            }),
        ),
        metric(3, Data::Histogram(Histogram { data_points: vec![histogram()], aggregation_temporality: 1 })),
        metric(
            4,
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential()],
                aggregation_temporality: 2,
            }),
        ),
        metric(5, Data::Summary(Summary { data_points: vec![summary()] })),
    ];
    let scope = InstrumentationScope {
        name: "scope".into(),
        version: "1".into(),
        attributes: attributes(),
        dropped_attributes_count: 3,
    };
    ResourceMetrics {
        resource: Some(Resource {
            attributes: attributes(),
            dropped_attributes_count: 4,
            ..Resource::default()
        }),
        scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: "scope-schema".into() }],
        schema_url: "resource-schema".into(),
    }
}

fn metric(number: u32, data: Data) -> Metric {
    Metric {
        name: format!("metric{number}"),
        description: "what it is".into(),
        unit: "By".into(),
        metadata: attributes(),
        data: Some(data),
    }
}

fn attributes() -> Vec<KeyValue> {
    let any = |value| AnyValue { value: Some(value) };
    let attribute =
        |key: &str, value| KeyValue { key: key.into(), value: Some(any(value)), ..KeyValue::default() };
    vec![
        attribute("text", Value::StringValue("a".into())),
        attribute("bool", Value::BoolValue(true)),
        attribute("int", Value::IntValue(-1)),
        attribute("double", Value::DoubleValue(0.5)),
        attribute("bytes", Value::BytesValue(vec![0, 255])),
        attribute("array", Value::ArrayValue(ArrayValue { values: vec![any(Value::IntValue(7))] })),
        attribute(
            "map",
            Value::KvlistValue(KeyValueList { values: vec![attribute("k", Value::BoolValue(false))] }),
        ),
    ]
}

fn exemplars() -> Vec<Exemplar> {
    [exemplar::Value::AsDouble(1.5), exemplar::Value::AsInt(9)]
        .map(|value| Exemplar {
            filtered_attributes: attributes(),
            time_unix_nano: 11,
            span_id: vec![1; 8],
            trace_id: vec![2; 16],
            value: Some(value),
        })
        .into()
}

fn number(value: number_data_point::Value) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 21,
        time_unix_nano: 22,
        exemplars: exemplars(),
        flags: 1,
        value: Some(value),
    }
}

fn histogram() -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 31,
        time_unix_nano: 32,
        count: 6,
        sum: Some(33.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.5, 1.5],
        exemplars: exemplars(),
        flags: 1,
        min: Some(0.25),
        max: Some(34.5),
    }
}

fn exponential() -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 41,
        time_unix_nano: 42,
        count: 10,
        sum: Some(43.5),
        scale: -3,
        zero_count: 2,
        positive: Some(Buckets { offset: -4, bucket_counts: vec![1, 0, 300] }),
        negative: Some(Buckets { offset: 5, bucket_counts: vec![7] }),
        flags: 1,
        exemplars: exemplars(),
        min: Some(-44.5),
        max: Some(45.5),
        zero_threshold: 1e-9,
    }
}

fn summary() -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 51,
        time_unix_nano: 52,
        count: 3,
        sum: 53.5,
        quantile_values: vec![ValueAtQuantile { quantile: 0.99, value: 54.5 }],
        flags: 1,
    }
}
