//! Properties that hold for all spans.

#![expect(clippy::expect_used, clippy::panic, reason = "tests' own helpers")]

use std::time::Duration;

use proptest::prelude::*;
use spanloom_otlp::{ExportMetricsServiceRequest, KeyValue, Message, metric::Data, number_data_point::Value};
use spanloom_plugin::{Batch, SpanBatch, testing};
use spanloom_span_metrics::SpanMetrics;

type Harness = testing::Connector<SpanMetrics>;

/// Service, name, milliseconds, an attribute, an error.
type Given = (u8, u8, u64, Option<u8>, bool);

fn given() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec((0..3_u8, 0..6_u8, 0..20_000_u64, prop::option::of(0..4_u8), any::<bool>()), 1..40)
}

fn spans(given: &[Given]) -> SpanBatch {
    let mut spans = testing::spans("first");
    for (service, name, ms, attribute, error) in given {
        spans = spans.service(&format!("service-{service}")).span(&format!("name-{name}"));
        spans = spans.lasting(Duration::from_millis(*ms));
        if let Some(attribute) = attribute {
            spans = spans.attribute("tier", i64::from(*attribute));
        }
        if *error {
            spans = spans.error("no");
        }
    }
    spans.into()
}

fn decoded(batches: Vec<Batch>) -> ExportMetricsServiceRequest {
    let otlp = batches.into_iter().map(|batch| match batch {
        Batch::Metrics(metrics) => metrics.otlp(),
        other => panic!("{other:?} is no metrics"),
    });
    ExportMetricsServiceRequest::decode(otlp.collect::<Vec<_>>().concat().as_slice()).expect("metrics")
}

/// The points of counters, and those of histograms: attributes, count, sum of the buckets.
#[derive(Debug, Default)]
struct Told {
    calls: Vec<(Vec<KeyValue>, u64)>,
    durations: Vec<(Vec<KeyValue>, u64, u64)>,
    /// The most points of one metric of one resource.
    most: usize,
}

fn told(request: &ExportMetricsServiceRequest) -> Told {
    let mut told = Told::default();
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    for data in scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref()) {
        match data {
            Data::Sum(sum) => {
                told.most = told.most.max(sum.data_points.len());
                told.calls.extend(sum.data_points.iter().map(|point| match point.value {
                    Some(Value::AsInt(count)) => (point.attributes.clone(), count.cast_unsigned()),
                    other => panic!("{other:?} is no count"),
                }));
            }
            Data::Histogram(histogram) => told.durations.extend(histogram.data_points.iter().map(|point| {
                assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                (point.attributes.clone(), point.count, point.bucket_counts.iter().sum())
            })),
            Data::ExponentialHistogram(histogram) => {
                told.durations.extend(histogram.data_points.iter().map(|point| {
                    let positive = point.positive.as_ref().expect("buckets");
                    assert!(positive.bucket_counts.len() <= 8);
                    let sum = positive.bucket_counts.iter().sum::<u64>() + point.zero_count;
                    (point.attributes.clone(), point.count, sum)
                }));
            }
            other => panic!("{other:?} is not ours"),
        }
    }
    told
}

const CONFIGS: [&str; 4] = [
    r#"{"dimensions": [{"name": "tier"}]}"#,
    r#"{"dimensions": [{"name": "tier"}], "histogram": {"exponential": {"max_size": 8}}, "aggregation_cardinality_limit": 3}"#,
    r#"{"calls_dimensions": [{"name": "tier"}], "aggregation_cardinality_limit": 2}"#,
    r#"{"histogram": {"dimensions": [{"name": "tier"}]}, "exclude_dimensions": ["span.name"]}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_span_is_counted_and_buckets_make_up_the_count(batches in prop::collection::vec(given(), 1..4)) {
        let count = batches.iter().map(Vec::len).sum::<usize>() as u64;
        for config in CONFIGS {
            let mut connector = Harness::new(config).expect("a config");
            for given in &batches {
                prop_assert!(connector.consume(spans(given)).expect("consumed").is_empty());
            }
            let told = told(&decoded(connector.flush().expect("metrics")));
            prop_assert_eq!(told.calls.iter().map(|(_, count)| count).sum::<u64>(), count);
            prop_assert_eq!(told.durations.iter().map(|(_, count, _)| count).sum::<u64>(), count);
            for (_, count, buckets) in &told.durations {
                prop_assert_eq!(count, buckets);
            }
        }
    }

    #[test]
    fn deltas_add_up_however_often_they_are_told(batches in prop::collection::vec(given(), 1..5), idle in 1..6_usize) {
        let config = format!(
            r#"{{"aggregation_temporality": "delta", "aggregation_cardinality_limit": 3, "metric_timestamp_cache_size": {idle}}}"#
        );
        let mut connector = Harness::new(&config).expect("a config");
        let mut sum = 0;
        for given in &batches {
            connector.consume(spans(given)).expect("consumed");
            testing::advance(Duration::from_secs(1));
            let told = told(&decoded(connector.wake().expect("metrics")));
            prop_assert!(told.most <= 4, "{} points", told.most);
            sum += told.calls.iter().map(|(_, count)| count).sum::<u64>();
        }
        prop_assert_eq!(sum, batches.iter().map(Vec::len).sum::<usize>() as u64);
    }

    #[test]
    fn there_are_never_more_series_than_the_limit_and_the_overflow(given in given(), limit in 1..6_usize) {
        let config = format!(r#"{{"dimensions": [{{"name": "tier"}}], "aggregation_cardinality_limit": {limit}}}"#);
        let mut connector = Harness::new(&config).expect("a config");
        connector.consume(spans(&given)).expect("consumed");
        let told = told(&decoded(connector.flush().expect("metrics")));
        prop_assert!(told.most <= limit + 1, "{} points", told.most);
    }

    #[test]
    fn a_resource_that_makes_room_loses_no_count(given in given()) {
        let mut connector = Harness::new(r#"{"resource_metrics_cache_size": 1}"#).expect("a config");
        let mut left = connector.consume(spans(&given)).expect("consumed");
        left.extend(connector.flush().expect("metrics"));
        let told = told(&decoded(left));
        prop_assert_eq!(told.calls.iter().map(|(_, count)| count).sum::<u64>(), given.len() as u64);
    }

    #[test]
    fn handing_over_changes_nothing(before in given(), after in given()) {
        for config in CONFIGS {
            let told = |hand_over: bool| {
                let mut connector = Harness::new(config).expect("a config");
                connector.consume(spans(&before)).expect("consumed");
                if hand_over {
                    connector.hand_over(config).expect("restored");
                }
                connector.consume(spans(&after)).expect("consumed");
                decoded(connector.flush().expect("metrics"))
            };
            prop_assert_eq!(told(true), told(false));
        }
    }

    #[test]
    fn an_instance_that_saved_in_vain_goes_on(before in given(), after in given()) {
        let told = |save: bool| {
            let mut connector = Harness::new(CONFIGS[0]).expect("a config");
            connector.consume(spans(&before)).expect("consumed");
            prop_assert!(!save || !connector.save().expect("a state").state.is_empty());
            connector.consume(spans(&after)).expect("consumed");
            Ok(decoded(connector.flush().expect("metrics")))
        };
        prop_assert_eq!(told(true)?, told(false)?);
    }

    #[test]
    fn a_config_of_another_shape_loses_no_count(given in given()) {
        let mut connector = Harness::new(CONFIGS[0]).expect("a config");
        connector.consume(spans(&given)).expect("consumed");
        connector.reconfigure(CONFIGS[3]).expect("a config");
        connector.hand_over(CONFIGS[2]).expect("restored");
        // The last points of the old shapes leave with the next call.
        let mut left = connector.consume(spans(&given)).expect("consumed");
        connector.hand_over(CONFIGS[1]).expect("restored");
        left.extend(connector.flush().expect("metrics"));
        let told = told(&decoded(left));
        prop_assert_eq!(told.calls.iter().map(|(_, count)| count).sum::<u64>(), 2 * given.len() as u64);
    }
}

#[test]
fn points_that_are_due_leave_though_the_instance_is_young() {
    let mut connector = Harness::new("{}").expect("a config");
    connector.consume(spans(&[(0, 0, 1, None, false)])).expect("consumed");
    for _ in 0..3 {
        testing::advance(Duration::from_secs(25));
        connector.hand_over("{}").expect("restored");
    }
    let left = connector.consume(spans(&[(0, 0, 1, None, false)])).expect("consumed");
    assert_eq!(told(&decoded(left)).calls.len(), 1);
}

#[test]
fn what_is_no_state_is_refused() {
    let mut connector = Harness::new("{}").expect("a config");
    for state in [vec![0xff], vec![0x08, 0x02]] {
        let saved = spanloom_plugin::Saved { state, batches: Vec::new() };
        assert!(connector.restore(saved).is_err());
    }
}

#[test]
fn series_that_are_still_for_too_long_go() {
    let minute_after_minute = |config: &str| {
        let mut connector = Harness::new(config).expect("a config");
        connector
            .consume(spans(&[(0, 0, 1, None, false), (0, 1, 1, None, false), (1, 0, 1, None, false)]))
            .expect("consumed");
        [0; 3].map(|_| {
            testing::advance(Duration::from_secs(60));
            let count = told(&decoded(connector.wake().expect("metrics"))).calls.len();
            connector.consume(spans(&[(0, 0, 1, None, false)])).expect("consumed");
            count
        })
    };
    assert_eq!(minute_after_minute("{}"), [3, 3, 3]);
    assert_eq!(minute_after_minute(r#"{"series_expiration": "2m"}"#), [3, 3, 1]);
    assert_eq!(minute_after_minute(r#"{"metrics_expiration": "2m"}"#), [3, 3, 2]);
}

#[test]
fn what_is_wrong_in_a_config_is_named() {
    for (config, path, message) in [
        (r#"{"metrics_flush_interval": 0}"#, "metrics_flush_interval", "has to be above 0"),
        (
            r#"{"histogram": {"explicit": {}, "exponential": {}}}"#,
            "histogram",
            "has either `explicit` or `exponential` buckets, not both",
        ),
        (
            r#"{"histogram": {"explicit": {"buckets": ["2s", "1s"]}}}"#,
            "histogram.explicit.buckets",
            "have to ascend",
        ),
        (
            r#"{"dimensions": [{"name": "span.kind"}]}"#,
            "dimensions[0].name",
            "`span.kind` is there without being named",
        ),
        (
            r#"{"calls_dimensions": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}"#,
            "calls_dimensions[2].name",
            "`a` is named twice",
        ),
        (r#"{"dimensions": [{"default": "x"}]}"#, "dimensions[0]", "needs a `name` or a `glob`"),
        (
            r#"{"dimensions": [{"name": "a"}, {"name": "b", "glob": "c"}]}"#,
            "dimensions[1]",
            "has either a `name` or a `glob`, not both",
        ),
        (
            r#"{"dimensions": [{"glob": "a", "default": "x"}]}"#,
            "dimensions[0].default",
            "a `glob` has no default",
        ),
        (
            r#"{"dimensions": [{"glob": "a["}]}"#,
            "dimensions[0].glob",
            "`a[` is no pattern: a bracket is not closed",
        ),
        (
            r#"{"histogram": {"dimensions": [{"glob": "service.*"}]}}"#,
            "histogram.dimensions[0].glob",
            "`service.*` matches `service.name`, which is a dimension without it",
        ),
        (
            r#"{"dimensions": [{"glob": "a.*"}, {"name": "a.b"}]}"#,
            "dimensions[0].glob",
            "`a.*` matches `a.b`, which is a dimension without it",
        ),
        (
            r#"{"events": {"enabled": true}}"#,
            "events.dimensions",
            "events are counted by their dimensions: name one, as `exception.type`",
        ),
        (
            r#"{"aggregation_temporality": "delta", "metric_timestamp_cache_size": 0}"#,
            "metric_timestamp_cache_size",
            "has to be above 0",
        ),
    ] {
        let error = Harness::new(config).expect_err(config);
        assert_eq!((error.path.as_str(), error.message.as_str()), (path, message));
    }
}

/// Returns the defaults of a schema as a config.
fn defaults(schema: &serde_json::Value) -> serde_json::Value {
    let properties = schema["properties"].as_object().expect("properties");
    let default = |(key, property): (&String, &serde_json::Value)| {
        assert!(property["description"].is_string(), "{key} is not described");
        let nested = property.get("properties").map(|_| defaults(property));
        Some((key.clone(), property.get("default").cloned().or(nested)?))
    };
    properties.iter().filter_map(default).collect()
}

#[test]
fn the_schema_describes_each_key_and_its_defaults_are_a_config() {
    let schema = serde_json::from_str(include_str!("../config.schema.json")).expect("JSON");
    let mut config = defaults(&schema);
    // Only one of `explicit` and `exponential` is allowed.
    config["histogram"].as_object_mut().expect("keys").remove("exponential");
    Harness::new(&config.to_string()).expect("a config");
    let named: Vec<&String> = schema["properties"].as_object().expect("properties").keys().collect();
    let unknown = Harness::new(r#"{"unknown": 1}"#).expect_err("an unknown key").message;
    for key in named {
        assert!(unknown.contains(&format!("`{key}`")), "{key} is not read: {unknown}");
    }
    assert_eq!(
        unknown.matches('`').count() / 2 - 1,
        schema["properties"].as_object().map_or(0, serde_json::Map::len)
    );
}
