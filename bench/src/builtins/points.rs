//! Makes 100,000 gauges in ten requests: a hundred names, each with a thousand routes. A series has five
//! labels.

use bytes::Bytes;
use spanloom_otlp::{
    ExportMetricsServiceRequest, Gauge, KeyValue, Message, Metric, NumberDataPoint, Resource,
    ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};

pub(super) const SERIES: usize = 100_000;
const REQUESTS: usize = 10;
const NAMES: usize = 100;
/// The number of points in one request.
pub(super) const POINTS: usize = SERIES / REQUESTS;

pub(super) fn requests() -> Vec<Bytes> {
    (0..REQUESTS).map(|number| request(number).encode_to_vec().into()).collect()
}

fn request(number: usize) -> ExportMetricsServiceRequest {
    let metric = |name: usize| {
        let data_points = (0..POINTS / NAMES).map(|point| gauge(number, point)).collect();
        let data = Some(Data::Gauge(Gauge { data_points }));
        Metric { name: format!("http.server.metric.{name}"), data, ..Metric::default() }
    };
    let attributes = vec![
        KeyValue::new("service.name", "shop"),
        KeyValue::new("service.instance.id", "627cc493-f310-47de"),
    ];
    let metrics = (0..NAMES).map(metric).collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    }
}

fn gauge(number: usize, point: usize) -> NumberDataPoint {
    NumberDataPoint {
        attributes: vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", format!("/api/v1/things/{number}/{point}")),
            KeyValue::new("http.response.status_code", 200_i64),
        ],
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        value: Some(number_data_point::Value::AsDouble(0.1 + point as f64)),
        ..NumberDataPoint::default()
    }
}
