//! Compares the walk over metrics with prost.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use spanloom_wire::metrics::{self, Attributes, Data, Exemplars, Number};

use super::*;
use crate::check::{mutate, mutations};

proptest! {
    /// Scenario: a request of any shape, in the strangest bytes that protobuf allows. Guarantees that the
    /// walk finds what prost decodes.
    #[test]
    fn a_walk_finds_what_prost_decodes(request in requests::metrics(), seed in any::<u64>()) {
        let plain = request.encode_to_vec();
        let strange = scramble(Signal::Metrics.request(), &plain, &mut Dice::new(seed));
        let expected = known(ExportMetricsServiceRequest::decode(&*strange).expect("a valid request"));
        prop_assert_eq!(&walk(&strange), &expected);
        prop_assert_eq!(&walk(&plain), &expected);
    }

    /// Scenario: bytes that were not checked. Guarantees that they cause no panic.
    #[test]
    fn damaged_requests_end_the_walk(request in requests::metrics(), by in mutations()) {
        let mut bytes = request.encode_to_vec();
        mutate(&mut bytes, &by);
        walk(&bytes);
        for end in 0..bytes.len().min(64) {
            walk(&bytes[..end]);
        }
    }
}

/// Scenario: contiguous attributes, and attributes around another field. Guarantees that only contiguous
/// attributes are one piece.
#[test]
fn attributes_are_one_piece_unless_something_lies_between() {
    let attribute = |key: u8| [0x3a, 0x03, 0x0a, 0x01, key];
    let time: &[u8] = &[0x19, 1, 0, 0, 0, 0, 0, 0, 0];
    let encoded = |point: &[u8]| {
        let gauge = [&[0x0a, point.len() as u8], point].concat();
        let metric = [&[0x2a, gauge.len() as u8][..], &gauge].concat();
        let scope = [&[0x12, metric.len() as u8][..], &metric].concat();
        let resource = [&[0x12, scope.len() as u8][..], &scope].concat();
        let request = [&[0x0a, resource.len() as u8][..], &resource].concat();
        let mut found = metrics::resource_metrics(&request)
            .flat_map(|resource| resource.scope_metrics())
            .flat_map(|scope| scope.metrics())
            .filter_map(|metric| match metric.data() {
                Some(Data::Gauge(points)) => points.iter().next(),
                _ => None,
            });
        found.next().expect("a point").attributes.encoded().map(<[u8]>::to_vec)
    };
    let (a, b) = (attribute(b'a'), attribute(b'b'));
    assert_eq!(encoded(&[time, &a, &b, time].concat()), Some([a, b].concat()));
    assert_eq!(encoded(&[&a, time, &b].concat()), None);
    assert_eq!(encoded(time), Some(Vec::new()));
}

/// Removes the fields that the walk does not report.
fn known(mut request: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest {
    for resource in &mut request.resource_metrics {
        // An empty message means the same as an absent one.
        let of = resource.resource.get_or_insert_default();
        (of.dropped_attributes_count, of.entity_refs) = (0, Vec::new());
        keep_known(&mut of.attributes);
        for scope in &mut resource.scope_metrics {
            let of = scope.scope.get_or_insert_default();
            of.dropped_attributes_count = 0;
            keep_known(&mut of.attributes);
            for metric in &mut scope.metrics {
                keep_known(&mut metric.metadata);
                keep_known_data(&mut metric.data);
            }
        }
    }
    request
}

pub(crate) fn keep_known_data(data: &mut Option<otlp::metric::Data>) {
    macro_rules! each {
        ($points:expr) => {
            for point in $points {
                keep_known(&mut point.attributes);
                point.exemplars.iter_mut().for_each(|exemplar| keep_known(&mut exemplar.filtered_attributes));
            }
        };
    }
    match data {
        Some(otlp::metric::Data::Gauge(gauge)) => each!(&mut gauge.data_points),
        Some(otlp::metric::Data::Sum(sum)) => each!(&mut sum.data_points),
        Some(otlp::metric::Data::Histogram(histogram)) => each!(&mut histogram.data_points),
        Some(otlp::metric::Data::ExponentialHistogram(histogram)) => each!(&mut histogram.data_points),
        Some(otlp::metric::Data::Summary(summary)) => {
            summary.data_points.iter_mut().for_each(|point| keep_known(&mut point.attributes));
        }
        None => {}
    }
}

pub(crate) fn keep_known(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        attribute.key_strindex = 0;
        keep_known_value(attribute.value.get_or_insert_default());
    }
}

pub(crate) fn keep_known_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::StringValueStrindex(_)) => value.value = None,
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(keep_known_value),
        Some(Value::KvlistValue(list)) => keep_known(&mut list.values),
        _ => {}
    }
}

/// Returns what the walk finds, as prost's type.
fn walk(request: &[u8]) -> ExportMetricsServiceRequest {
    let resource_metrics = metrics::resource_metrics(request).map(|resource| otlp::ResourceMetrics {
        resource: Some(Resource {
            attributes: key_values(resource.resource().attributes()),
            ..Resource::default()
        }),
        scope_metrics: resource.scope_metrics().map(|scope| scope_metrics(&scope)).collect(),
        schema_url: resource.resource().schema_url().into(),
    });
    ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }
}

fn scope_metrics(scope: &metrics::ScopeMetrics<'_>) -> otlp::ScopeMetrics {
    let of = scope.scope();
    let metric = |metric: metrics::Metric<'_>| otlp::Metric {
        name: metric.name().into(),
        description: metric.description().into(),
        unit: metric.unit().into(),
        metadata: key_values(metric.metadata()),
        data: metric.data().map(data),
    };
    otlp::ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: of.name().into(),
            version: of.version().into(),
            attributes: key_values(of.attributes()),
            dropped_attributes_count: 0,
        }),
        metrics: scope.metrics().map(metric).collect(),
        schema_url: of.schema_url().into(),
    }
}

fn data(data: &Data<'_>) -> otlp::metric::Data {
    let found = match data {
        Data::Gauge(points) => {
            otlp::metric::Data::Gauge(otlp::Gauge { data_points: points.iter().map(number).collect() })
        }
        Data::Sum(points) => otlp::metric::Data::Sum(otlp::Sum {
            data_points: points.iter().map(number).collect(),
            aggregation_temporality: points.aggregation_temporality(),
            is_monotonic: points.is_monotonic(),
        }),
        Data::Histogram(points) => otlp::metric::Data::Histogram(otlp::Histogram {
            data_points: points.iter().map(histogram).collect(),
            aggregation_temporality: points.aggregation_temporality(),
        }),
        Data::ExponentialHistogram(points) => {
            otlp::metric::Data::ExponentialHistogram(otlp::ExponentialHistogram {
                data_points: points.iter().map(exponential).collect(),
                aggregation_temporality: points.aggregation_temporality(),
            })
        }
        Data::Summary(points) => {
            otlp::metric::Data::Summary(otlp::Summary { data_points: points.iter().map(summary).collect() })
        }
    };
    let points = match &found {
        otlp::metric::Data::Gauge(gauge) => gauge.data_points.len(),
        otlp::metric::Data::Sum(sum) => sum.data_points.len(),
        otlp::metric::Data::Histogram(histogram) => histogram.data_points.len(),
        otlp::metric::Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        otlp::metric::Data::Summary(summary) => summary.data_points.len(),
    };
    assert_eq!((data.len(), data.is_empty()), (points, points == 0));
    found
}

fn number(point: metrics::NumberDataPoint<'_>) -> otlp::NumberDataPoint {
    otlp::NumberDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        exemplars: exemplars(&point.exemplars),
        flags: point.flags,
        value: point.value.map(|value| match value {
            Number::Double(double) => otlp::number_data_point::Value::AsDouble(double),
            Number::Int(int) => otlp::number_data_point::Value::AsInt(int),
        }),
    }
}

fn histogram(point: metrics::HistogramDataPoint<'_>) -> otlp::HistogramDataPoint {
    otlp::HistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        bucket_counts: point.bucket_counts().collect(),
        explicit_bounds: point.explicit_bounds().collect(),
        exemplars: exemplars(&point.exemplars),
        flags: point.flags,
        min: point.min,
        max: point.max,
    }
}

fn exponential(point: metrics::ExponentialHistogramDataPoint<'_>) -> otlp::ExponentialHistogramDataPoint {
    let buckets = |buckets: &metrics::Buckets<'_>| otlp::exponential_histogram_data_point::Buckets {
        offset: buckets.offset(),
        bucket_counts: buckets.bucket_counts().collect(),
    };
    otlp::ExponentialHistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        scale: point.scale,
        zero_count: point.zero_count,
        positive: point.positive.as_ref().map(buckets),
        negative: point.negative.as_ref().map(buckets),
        flags: point.flags,
        exemplars: exemplars(&point.exemplars),
        min: point.min,
        max: point.max,
        zero_threshold: point.zero_threshold,
    }
}

fn summary(point: metrics::SummaryDataPoint<'_>) -> otlp::SummaryDataPoint {
    let quantile = |(quantile, value)| otlp::summary_data_point::ValueAtQuantile { quantile, value };
    otlp::SummaryDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        quantile_values: point.quantile_values().map(quantile).collect(),
        flags: point.flags,
    }
}

fn exemplars(exemplars: &Exemplars<'_>) -> Vec<otlp::Exemplar> {
    let exemplar = |exemplar: metrics::Exemplar<'_>| otlp::Exemplar {
        filtered_attributes: attributes(&exemplar.filtered_attributes),
        time_unix_nano: exemplar.time_unix_nano,
        span_id: exemplar.span_id.into(),
        trace_id: exemplar.trace_id.into(),
        value: exemplar.value.map(|value| match value {
            Number::Double(double) => otlp::exemplar::Value::AsDouble(double),
            Number::Int(int) => otlp::exemplar::Value::AsInt(int),
        }),
    };
    exemplars.iter().map(exemplar).collect()
}

fn attributes(attributes: &Attributes<'_>) -> Vec<KeyValue> {
    key_values(attributes.iter())
}

fn key_values<'a>(attributes: impl Iterator<Item = (&'a str, spanloom_wire::Value<'a>)>) -> Vec<KeyValue> {
    let key_value =
        |(key, of): (&str, _)| KeyValue { key: key.into(), value: Some(value(of)), key_strindex: 0 };
    attributes.map(key_value).collect()
}

fn value(value: spanloom_wire::Value<'_>) -> AnyValue {
    use spanloom_wire::Value as Read;
    let value = match value {
        Read::Empty => None,
        Read::Str(text) => Some(Value::StringValue(text.into())),
        Read::Bool(bool) => Some(Value::BoolValue(bool)),
        Read::Int(int) => Some(Value::IntValue(int)),
        Read::Double(double) => Some(Value::DoubleValue(double)),
        Read::Bytes(bytes) => Some(Value::BytesValue(bytes.into())),
        Read::Array(array) => {
            Some(Value::ArrayValue(ArrayValue { values: array.values().map(self::value).collect() }))
        }
        Read::KvList(list) => Some(Value::KvlistValue(KeyValueList { values: key_values(list.entries()) })),
    };
    AnyValue { value }
}
