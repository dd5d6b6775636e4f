//! Measures the cost of 100,000 series: `cargo run --release -p spanloom-prometheus --example scrape`.
#![expect(clippy::print_stdout, reason = "it says what it measured")]
#![expect(clippy::expect_used, reason = "it is no plugin")]

use std::{fs, time::Instant};

use spanloom_otlp::{
    ExportMetricsServiceRequest, Gauge, KeyValue, Message, Metric, NumberDataPoint, Resource,
    ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};
use spanloom_plugin::{Exporter, HttpHandler, Incoming, testing};
use spanloom_prometheus::Prometheus;

const SERIES: usize = 100_000;
const METRICS: usize = 100;
/// The points of one batch.
const BATCH: usize = 10_000;

const FORMATS: [(&str, &str); 3] = [
    ("text", "text/plain;version=0.0.4"),
    ("OpenMetrics", "application/openmetrics-text;version=1.0.0"),
    (
        "protobuf",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ),
];

fn main() {
    let mut exporter: testing::Exporter<Prometheus> =
        testing::Exporter::new(r#"{"endpoint": "localhost:8889", "enable_open_metrics": true}"#)
            .expect("a config");
    let batches: Vec<Vec<u8>> = (0..SERIES / BATCH).map(|number| request(number).encode_to_vec()).collect();
    let before = resident_bytes();
    for round in ["first", "second"] {
        let begin = Instant::now();
        for batch in &batches {
            let mut metrics = testing::metrics_from_json("{}").expect("no metrics");
            metrics.replace(batch).expect("OTLP");
            exporter.plugin().export_metrics(metrics).expect("taken");
        }
        println!("{round} time of {SERIES} points: {} ns each", begin.elapsed().as_nanos() / SERIES as u128);
    }
    println!("resident: {} bytes a series, labels included", (resident_bytes() - before) / SERIES);
    for (format, accept) in FORMATS {
        let mut best = (u128::MAX, 0);
        for _ in 0..10 {
            let headers = vec![("accept".to_owned(), accept.to_owned())];
            let begin = Instant::now();
            let answer =
                exporter.plugin().handle(Incoming { path: "/metrics".into(), query: String::new(), headers });
            best = best.min((begin.elapsed().as_micros(), answer.body.len()));
        }
        println!("{format}: {:.1} ms, {} bytes a series", best.0 as f64 / 1e3, best.1 / SERIES);
    }
}

fn request(number: usize) -> ExportMetricsServiceRequest {
    let metric = |metric: usize| {
        let point = |point: usize| NumberDataPoint {
            attributes: vec![
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("http.route", format!("/api/v1/things/{number}/{point}")),
                KeyValue::new("http.response.status_code", 200_i64),
            ],
            start_time_unix_nano: 1,
            time_unix_nano: 2,
            value: Some(number_data_point::Value::AsDouble(0.1 + point as f64)),
            ..NumberDataPoint::default()
        };
        let data_points = (0..BATCH / METRICS).map(point).collect();
        Metric {
            name: format!("http.server.metric.{metric}"),
            data: Some(Data::Gauge(Gauge { data_points })),
            ..Metric::default()
        }
    };
    let attributes = vec![
        KeyValue::new("service.name", "shop"),
        KeyValue::new("service.instance.id", "627cc493-f310-47de"),
    ];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics {
                metrics: (0..METRICS).map(metric).collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// Returns the resident memory of this process on Linux, and 0 elsewhere.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4_096
}
