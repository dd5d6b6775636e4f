//! Deltas begin where the last of their series ended, whatever happened to the series in between.

#![expect(clippy::expect_used, clippy::panic, reason = "tests' own helpers")]

use std::time::Duration;

use spanloom_otlp::{ExportMetricsServiceRequest, Message, metric::Data};
use spanloom_plugin::{Batch, SpanBatch, testing};
use spanloom_span_metrics::SpanMetrics;

type Harness = testing::Connector<SpanMetrics>;

/// One span of this service and name.
fn span(service: &str, name: &str) -> SpanBatch {
    testing::spans(service).span(name).into()
}

fn connector(keys: &str) -> Harness {
    testing::advance(Duration::from_secs(1_760_000_000));
    let config = format!(
        r#"{{"aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA", "histogram": {{"disable": true}}, {keys}}}"#
    );
    let mut connector = Harness::new(&config).expect("a config");
    assert_eq!(connector.wake().expect("nothing").len(), 0);
    connector
}

/// The start and the end of each point.
fn times(batches: Vec<Batch>) -> Vec<(u64, u64)> {
    let otlp = batches.into_iter().map(|batch| match batch {
        Batch::Metrics(metrics) => metrics.otlp(),
        other => panic!("{other:?} is no metrics"),
    });
    let request = otlp.collect::<Vec<_>>().concat();
    let request = ExportMetricsServiceRequest::decode(request.as_slice()).expect("metrics");
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    let points = metrics.flat_map(|metric| match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.iter(),
        other => panic!("{other:?} is no counter"),
    });
    points.map(|point| (point.start_time_unix_nano, point.time_unix_nano)).collect()
}

fn flush(connector: &mut Harness) -> Vec<(u64, u64)> {
    testing::advance(Duration::from_secs(60));
    times(connector.wake().expect("metrics"))
}

fn consume(connector: &mut Harness, spans: SpanBatch) -> Vec<(u64, u64)> {
    times(connector.consume(spans).expect("consumed"))
}

/// Checks that the second delta of a series begins where the first ended, although three minutes without spans
/// lie between them.
fn check(keys: &str) {
    let mut connector = connector(keys);
    consume(&mut connector, span("shop", "a"));
    let first = flush(&mut connector);
    for _ in 0..3 {
        assert!(flush(&mut connector).is_empty());
    }
    consume(&mut connector, span("shop", "a"));
    let begins = flush(&mut connector).into_iter().map(|(start, _)| start);
    let ended = first.into_iter().map(|(_, end)| end);
    assert_eq!(begins.collect::<Vec<_>>(), ended.collect::<Vec<_>>(), "{keys}");
}

#[test]
fn a_series_that_expired_goes_on_where_it_ended() {
    check(r#""metrics_expiration": "0s""#);
    check(r#""series_expiration": "1m""#);
    check(r#""metrics_expiration": "1m""#);
}

#[test]
fn a_series_of_an_evicted_resource_goes_on_where_it_ended() {
    let mut connector = connector(r#""resource_metrics_cache_size": 1"#);
    consume(&mut connector, span("shop", "a"));
    let evicted = consume(&mut connector, span("cart", "a"));
    assert_eq!(evicted.len(), 1);
    let again = consume(&mut connector, span("shop", "a"));
    assert_eq!(again.len(), 1);
    let second = flush(&mut connector);
    assert_eq!(second.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [evicted[0].1]);
}

#[test]
fn a_series_beyond_the_limit_goes_on_where_it_ended() {
    let mut connector = connector(r#""aggregation_cardinality_limit": 1"#);
    consume(&mut connector, span("shop", "a"));
    let first = flush(&mut connector);
    // In this minute it is the other one that has room.
    consume(&mut connector, span("shop", "b"));
    consume(&mut connector, span("shop", "a"));
    assert_eq!(flush(&mut connector).len(), 2);
    consume(&mut connector, span("shop", "a"));
    assert_eq!(flush(&mut connector)[0].0, first[0].1);
}

#[test]
fn no_more_series_are_remembered_than_the_config_says() {
    let mut connector = connector(r#""metric_timestamp_cache_size": 1"#);
    for name in ["a", "b"] {
        consume(&mut connector, span("shop", name));
        flush(&mut connector);
    }
    let now = times_of_next(&mut connector);
    // The first one begins anew, and the second one goes on.
    assert!(now[0].0 > now[1].0, "{now:?}");
}

fn times_of_next(connector: &mut Harness) -> Vec<(u64, u64)> {
    testing::advance(Duration::from_secs(1));
    for name in ["a", "b"] {
        consume(connector, span("shop", name));
    }
    flush(connector)
}

#[test]
fn an_instance_that_takes_over_knows_where_series_ended() {
    let mut connector = connector(r#""namespace": "x""#);
    consume(&mut connector, span("shop", "a"));
    let first = flush(&mut connector);
    let config = r#"{"aggregation_temporality": "delta", "histogram": {"disable": true}, "namespace": "x"}"#;
    connector.hand_over(config).expect("restored");
    consume(&mut connector, span("shop", "a"));
    assert_eq!(flush(&mut connector)[0].0, first[0].1);
}
