//! Tests the life of series: they expire, are handed over, survive a new config, and stay below the limit.

use std::time::Duration;

use spanloom_otlp::{
    ExportMetricsServiceRequest, Gauge, KeyValue, Metric, NumberDataPoint, Resource, ResourceMetrics,
    ScopeMetrics, Sum, metric::Data, number_data_point,
};
use spanloom_plugin::{HttpHandler, Incoming, prelude::*};
use spanloom_prometheus::Prometheus;

use crate::scrape::{TEXT, export, exporter, text};

/// Returns a delta of one for each of these series.
fn deltas(keys: &[&str], start_time_unix_nano: u64, time_unix_nano: u64) -> ExportMetricsServiceRequest {
    let point = |key: &&str| NumberDataPoint {
        attributes: vec![KeyValue::new("k", *key)],
        start_time_unix_nano,
        time_unix_nano,
        value: Some(number_data_point::Value::AsInt(1)),
        ..NumberDataPoint::default()
    };
    let sum =
        Sum { data_points: keys.iter().map(point).collect(), aggregation_temporality: 1, is_monotonic: true };
    let metric = Metric { name: "a".into(), data: Some(Data::Sum(sum)), ..Metric::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// Guarantees that the next scrape shows no series older than `metric_expiration`, and all others.
#[test]
fn series_without_new_points_expire() {
    let mut exporter = exporter(r#"{"metric_expiration": "1m"}"#);
    export(&mut exporter, &deltas(&["a", "b", "c"], 1, 2));
    testing::advance(Duration::from_secs(60));
    export(&mut exporter, &deltas(&["b"], 2, 3));
    assert_eq!(samples(&text(&mut exporter, TEXT)).len(), 3);
    testing::advance(Duration::from_millis(1));
    assert_eq!(samples(&text(&mut exporter, TEXT)), [r#"a_total{k="b"} 2"#]);
    assert_eq!(testing::metric("prometheus_exporter_series"), Some(1.0));
}

/// Returns a gauge of a service with an instance, and of one without. With `flags` 1 the series end.
fn gauges(flags: u32) -> ExportMetricsServiceRequest {
    let point = || NumberDataPoint {
        time_unix_nano: 2,
        value: Some(number_data_point::Value::AsInt(1)),
        flags,
        ..NumberDataPoint::default()
    };
    let service = |attributes: Vec<KeyValue>| {
        let data = Some(Data::Gauge(Gauge { data_points: vec![point()] }));
        let metric = Metric { name: "g".into(), data, ..Metric::default() };
        ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }
    };
    let whole = vec![
        KeyValue::new("service.name", "shop"),
        KeyValue::new("service.instance.id", "1"),
        KeyValue::new("host.name", "h"),
    ];
    let resource_metrics = vec![service(whole), service(vec![KeyValue::new("service.name", "shop")])];
    ExportMetricsServiceRequest { resource_metrics }
}

/// Scenario: the series of a target expire, come again, and end. Guarantees that `target_info` is shown as
/// long as there are series, also after a handover, and only for a target with both `job` and `instance`.
#[test]
fn a_target_is_shown_as_long_as_its_series() {
    let targets = |exporter: &mut testing::Exporter<Prometheus>| {
        let shown = text(exporter, TEXT);
        let lines = samples(&shown).into_iter().filter(|line| line.starts_with("target_info"));
        lines.map(String::from).collect::<Vec<_>>()
    };
    let whole = [r#"target_info{host_name="h",instance="1",job="shop"} 1"#];
    let mut first = exporter(r#"{"metric_expiration": "1m"}"#);
    export(&mut first, &gauges(0));
    assert_eq!(targets(&mut first), whole);
    testing::advance(Duration::from_secs(61));
    assert_eq!(targets(&mut first), [""; 0]);
    export(&mut first, &gauges(0));
    assert_eq!(targets(&mut first), whole);
    let mut second = exporter("{}");
    second.plugin().restore(first.plugin().save().expect("saved")).expect("restored");
    assert_eq!(targets(&mut second), whole);
    export(&mut second, &gauges(1));
    assert_eq!(targets(&mut second), [""; 0]);
}

/// Guarantees that a scrape shows the metrics that it asks for, and its next one all.
#[test]
fn a_scrape_may_ask_for_some_names() {
    let mut exporter = exporter("{}");
    export(&mut exporter, &gauges(0));
    export(&mut exporter, &deltas(&["a"], 1, 2));
    let mut asked = |query: &str| {
        let answer = exporter.plugin().handle(Incoming {
            path: "/metrics".into(),
            query: query.into(),
            headers: Vec::new(),
        });
        let text = String::from_utf8(answer.body).expect("UTF-8");
        let names = samples(&text).into_iter().filter_map(|line| line.split(['{', ' ']).next());
        names.map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(asked("name[]=a_total"), ["a_total"]);
    assert_eq!(asked("name%5B%5D=g&name[]=target_info&x=y"), ["target_info", "g", "g"]);
    assert_eq!(asked("name[]=a"), [""; 0]);
    assert_eq!(asked(""), ["target_info", "a_total", "g", "g"]);
}

/// Guarantees that expired series free their memory even if nobody scrapes.
#[test]
fn the_timer_sweeps_where_nobody_scrapes() {
    let mut exporter = exporter(r#"{"metric_expiration": "10s"}"#);
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(10)));
    export(&mut exporter, &deltas(&["a"], 1, 2));
    assert_eq!(testing::metric("prometheus_exporter_series"), Some(1.0));
    testing::advance(Duration::from_secs(11));
    wake(&mut exporter);
    assert_eq!(testing::metric("prometheus_exporter_series"), Some(0.0));
}

fn wake(exporter: &mut testing::Exporter<Prometheus>) {
    exporter.plugin().wake(&mut Output::default()).expect("woken");
}

#[test]
fn an_expiration_of_zero_is_none() {
    let mut exporter = exporter(r#"{"metric_expiration": 0}"#);
    export(&mut exporter, &deltas(&["a"], 1, 2));
    testing::advance(Duration::from_secs(1_000_000));
    wake(&mut exporter);
    assert_eq!(samples(&text(&mut exporter, TEXT)).len(), 1);
}

/// Scenario: the instance is replaced between two deltas. Guarantees that the sum continues.
#[test]
fn the_next_instance_goes_on_where_the_last_ended() {
    let mut old = exporter("{}");
    export(&mut old, &deltas(&["a", "b"], 1, 2));
    let saved = old.plugin().save().expect("saved");
    let mut new = exporter("{}");
    new.plugin().restore(saved).expect("restored");
    export(&mut new, &deltas(&["b"], 2, 3));
    assert_eq!(samples(&text(&mut new, TEXT)), [r#"a_total{k="a"} 1"#, r#"a_total{k="b"} 2"#]);
}

/// Guarantees that every kind of value, with its exemplars, types, units and targets, is the same after a
/// handover.
#[test]
fn all_that_is_shown_is_handed_over() {
    for name in
        ["histograms", "exponential-histograms", "summaries", "exemplars", "names-and-units", "targets"]
    {
        let file = format!("{}/tests/golden/{name}.otlp.json", env!("CARGO_MANIFEST_DIR"));
        let mut old = exporter("{}");
        let metrics =
            testing::metrics_from_json(&std::fs::read_to_string(file).expect("a file")).expect("OTLP");
        old.plugin().export_metrics(metrics).expect("taken");
        let accepts = [crate::scrape::OPEN_METRICS, crate::scrape::PROTOBUF];
        let before = accepts.map(|accept| crate::scrape::scrape(&mut old, accept).body);
        let saved = old.plugin().save().expect("saved");
        let mut new = exporter("{}");
        new.plugin().restore(saved).expect("restored");
        assert_eq!(accepts.map(|accept| crate::scrape::scrape(&mut new, accept).body), before, "{name}");
    }
}

#[test]
fn what_a_config_with_other_names_left_is_not_taken_over_and_nonsense_is_refused() {
    let mut old = exporter("{}");
    export(&mut old, &deltas(&["a"], 1, 2));
    let saved = old.plugin().save().expect("saved");
    let mut new = exporter(r#"{"namespace": "shop"}"#);
    new.plugin().restore(saved).expect("taken note of");
    assert_eq!(text(&mut new, TEXT), "");
    let nonsense = Saved { state: vec![255; 20], batches: Vec::new() };
    new.plugin().restore(nonsense).expect_err("nonsense");
}

#[test]
fn series_stay_where_a_new_config_gives_them_the_same_names() {
    let mut plugin = exporter("{}");
    export(&mut plugin, &deltas(&["a"], 1, 2));
    let mut reconfigure = |config: &str| {
        let mut new: Prometheus = serde_json::from_str(config).expect("a config");
        new.configure().expect("a config");
        plugin.plugin().reconfigure(new).expect("a config");
        text(&mut plugin, TEXT)
    };
    assert_eq!(samples(&reconfigure(r#"{"send_timestamps": true}"#)).len(), 1);
    assert_eq!(samples(&reconfigure(r#"{"namespace": "shop"}"#)), [""; 0]);
}

#[test]
fn there_are_no_more_series_than_the_limit_and_the_others_are_counted() {
    let mut exporter = exporter(r#"{"series_limit": 2}"#);
    export(&mut exporter, &deltas(&["a", "b", "c", "d"], 1, 2));
    assert_eq!(samples(&text(&mut exporter, TEXT)).len(), 2);
    let dropped =
        |reason| testing::metric(&format!("prometheus_exporter_dropped_points_total{{reason=\"{reason}\"}}"));
    assert_eq!((dropped("series_limit"), dropped("conflict")), (Some(2.0), Some(0.0)));
}

#[test]
fn only_metrics_are_answered_with_what_the_config_adds() {
    let mut exporter = exporter(r#"{"response_headers": {"cache-control": "no-store"}}"#);
    let mut get = |path: &str| {
        exporter.plugin().handle(Incoming { path: path.into(), query: String::new(), headers: Vec::new() })
    };
    let other = get("/");
    assert_eq!((other.status, other.body.as_slice()), (404, &b"the metrics are at /metrics\n"[..]));
    let content_type = ("content-type".to_owned(), "text/plain; version=0.0.4; charset=utf-8".to_owned());
    assert_eq!(get("/metrics").headers, [("cache-control".to_owned(), "no-store".to_owned()), content_type]);
}

/// Scenario: a batch of spans arrives. Guarantees that it is refused for good and not retried.
#[test]
fn spans_are_refused_for_good() {
    let refused = exporter("{}").export(testing::spans("shop").span("a"));
    assert_eq!(refused, Err(Failure::permanent("spans are not taken").into()));
}
