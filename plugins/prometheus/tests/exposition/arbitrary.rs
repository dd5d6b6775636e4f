//! Generates metrics that no sender should send.

use proptest::{collection::vec, option, prelude::*, sample::select};
use spanloom_otlp::{
    AnyValue, ArrayValue, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint,
    ExportMetricsServiceRequest, Gauge, Histogram, HistogramDataPoint, InstrumentationScope, KeyValue,
    Metric, NumberDataPoint, Resource, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
    any_value, exemplar, exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
    summary_data_point::ValueAtQuantile,
};

/// Few names, so that they clash. Some of them look like names that others are translated to.
const NAMES: &[&str] = &[
    "a",
    "a.b",
    "a_b",
    "a-b",
    "A",
    "a_total",
    "a_total_total",
    "a_created",
    "a_created_total",
    "a_sum",
    "a_count",
    "a_bucket",
    "a_info",
    "target",
    "target_info",
    "target_total",
    "2a",
    "größe",
    "a\"b",
    "a\\b\n",
    " ",
    "_",
    "",
    "le",
    "a{b=\"c\"}",
    "# EOF",
    "U__a_2e_b",
    "__name__",
    ":",
];
const KEYS: &[&str] = &[
    "a",
    "a.b",
    "a_b",
    "A",
    "le",
    "quantile",
    "job",
    "instance",
    "__name__",
    "_name_",
    "exported_job",
    "otel_scope_name",
    "2",
    "größe",
    "a\"b",
    "",
    "_",
    "service.name",
    "service.instance.id",
    "service.namespace",
    "U__a_2e_b",
    "..name..",
];
const TEXTS: &[&str] =
    &["", "x", "a\"b", "a\\", "a\nb", "} 1", "größe", "le=\"1\"", "\u{0}\r\u{2028}", " # {} "];
const UNITS: &[&str] =
    &["", "s", "ms", "1", "{a}", "By/s", "%", "a", "größe", "/", "1/s", "total", "_", "info"];
const CONFIGS: &[&str] = &[
    "{}",
    r#"{"translation_strategy": "UnderscoreEscapingWithoutSuffixes", "send_timestamps": true}"#,
    r#"{"translation_strategy": "NoUTF8EscapingWithSuffixes", "namespace": "größe"}"#,
    r#"{"translation_strategy": "NoTranslation", "resource_constant_labels": {"included": ["*"]}}"#,
    r#"{"namespace": "2", "const_labels": {"a": "x", "job": "y", "a.b": "z"}, "without_scope_info": true}"#,
    r#"{"resource_to_telemetry_conversion": {"enabled": true}, "send_timestamps": true}"#,
];

/// Generates a config with metrics for it.
pub(crate) fn case() -> impl Strategy<Value = (&'static str, ExportMetricsServiceRequest)> {
    (select(CONFIGS), vec(resource_metrics(), 1..4))
        .prop_map(|(config, resource_metrics)| (config, ExportMetricsServiceRequest { resource_metrics }))
}

fn resource_metrics() -> impl Strategy<Value = ResourceMetrics> {
    (attributes(), vec(scope_metrics(), 1..3)).prop_map(|(attributes, scope_metrics)| ResourceMetrics {
        resource: Some(Resource { attributes, dropped_attributes_count: 0 }),
        scope_metrics,
        schema_url: String::new(),
    })
}

fn scope_metrics() -> impl Strategy<Value = ScopeMetrics> {
    (select(TEXTS), attributes(), vec(metric(), 1..8)).prop_map(|(name, attributes, metrics)| ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: name.into(),
            attributes,
            ..InstrumentationScope::default()
        }),
        metrics,
        schema_url: name.into(),
    })
}

fn metric() -> impl Strategy<Value = Metric> {
    let unknown = KeyValue::new("prometheus.type", "unknown");
    (select(NAMES), select(TEXTS), select(UNITS), data(), option::of(Just(unknown))).prop_map(
        |(name, description, unit, data, metadata)| Metric {
            name: name.into(),
            description: description.into(),
            unit: unit.into(),
            data: Some(data),
            metadata: metadata.into_iter().collect(),
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    let temporality = 0..=3_i32;
    prop_oneof![
        vec(number(), 1..4).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number(), 1..4), temporality.clone(), any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram(), 1..4), temporality.clone()).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential(), 1..4), temporality).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary(), 1..4).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ]
}

fn number() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        any_double().prop_map(number_data_point::Value::AsDouble),
        any::<i64>().prop_map(number_data_point::Value::AsInt),
    ];
    (attributes(), times(), option::weighted(0.9, value), exemplars(), flags()).prop_map(
        |(attributes, (start_time_unix_nano, time_unix_nano), value, exemplars, flags)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            value,
            exemplars,
            flags,
        },
    )
}

fn histogram() -> impl Strategy<Value = HistogramDataPoint> {
    let bounds = prop_oneof![
        3 => vec(-1e3..1e3_f64, 0..6).prop_map(|mut bounds| { bounds.sort_by(f64::total_cmp); bounds }),
        1 => vec(any_double(), 0..6),
    ];
    let buckets = bounds.prop_flat_map(|bounds| {
        let fitting = bounds.len() + 1;
        (Just(bounds), prop_oneof![vec(count(), fitting), vec(count(), 0..5)])
    });
    (attributes(), times(), buckets, count(), option::of(any_double()), exemplars(), flags()).prop_map(
        |(
            attributes,
            (start_time_unix_nano, time_unix_nano),
            (explicit_bounds, bucket_counts),
            count,
            sum,
            exemplars,
            flags,
        )| {
            HistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                explicit_bounds,
                bucket_counts,
                count,
                sum,
                exemplars,
                flags,
                min: None,
                max: None,
            }
        },
    )
}

fn exponential() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let buckets = || {
        option::of(
            (prop_oneof![-50..50_i32, any::<i32>()], vec(count(), 0..100))
                .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    let shape = (prop_oneof![-6..12_i32, any::<i32>()], buckets(), buckets(), count(), any_double());
    // Mostly the count is that of the buckets.
    let other_count = option::weighted(0.2, count());
    (attributes(), times(), shape, other_count, option::of(any_double()), exemplars(), flags()).prop_map(
        |(attributes, (start_time_unix_nano, time_unix_nano), shape, other_count, sum, exemplars, flags)| {
            let (scale, positive, negative, zero_count, zero_threshold) = shape;
            let buckets = [&positive, &negative].into_iter().flatten();
            let counts = buckets.flat_map(|buckets| &buckets.bucket_counts);
            let in_buckets = counts.fold(zero_count, |sum, count| sum.wrapping_add(*count));
            let count = other_count.unwrap_or(in_buckets);
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                scale,
                zero_count,
                positive,
                negative,
                flags,
                exemplars,
                min: None,
                max: None,
                zero_threshold,
            }
        },
    )
}

fn summary() -> impl Strategy<Value = SummaryDataPoint> {
    let at = (prop_oneof![0.0..=1.0, any_double()], any_double())
        .prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), times(), count(), any_double(), vec(at, 0..5), flags()).prop_map(
        |(attributes, (start_time_unix_nano, time_unix_nano), count, sum, quantile_values, flags)| {
            SummaryDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                quantile_values,
                flags,
            }
        },
    )
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    // An id of another length would be refused on arrival.
    let id = |length: usize| prop_oneof![vec(any::<u8>(), length), Just(Vec::new())];
    let exemplar = (exemplar_attributes(), 0..5_u64, option::of(any_double()), id(8), id(16)).prop_map(
        |(filtered_attributes, time_unix_nano, value, span_id, trace_id)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            value: value.map(exemplar::Value::AsDouble),
            span_id,
            trace_id,
        },
    );
    vec(exemplar, 0..3)
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let text = select(TEXTS).prop_map(AnyValue::from);
    let value = prop_oneof![
        4 => text.clone(),
        1 => any_double().prop_map(AnyValue::from),
        1 => any::<i64>().prop_map(AnyValue::from),
        1 => Just(AnyValue { value: None }),
        1 => vec(text, 0..3).prop_map(|values| AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) }),
        1 => vec(any::<u8>(), 0..4).prop_map(|bytes| AnyValue { value: Some(any_value::Value::BytesValue(bytes)) }),
    ];
    vec((select(KEYS), value).prop_map(|(key, value)| KeyValue::new(key, value)), 0..5)
}

/// Generates attributes without quotes, because prometheus_client 0.26 cannot read an escaped quote in an
/// exemplar.
fn exemplar_attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let texts: Vec<&str> = TEXTS.iter().copied().filter(|text| !text.contains('"')).collect();
    vec((select(KEYS), select(texts)).prop_map(|(key, value)| KeyValue::new(key, value)), 0..5)
}

fn times() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![(0..5_u64, 0..5_u64), (any::<u64>(), any::<u64>())]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..10_u64, 1 => any::<u64>()]
}

fn flags() -> impl Strategy<Value = u32> {
    prop_oneof![9 => Just(0_u32), 1 => Just(1_u32)]
}

fn any_double() -> impl Strategy<Value = f64> {
    let odd = [0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    prop_oneof![select(odd.to_vec()), any::<f64>(), 0.0..100.0]
}
