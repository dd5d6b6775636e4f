use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point::Value,
    },
};
use prost::Message;
use rand::{RngExt, rngs::StdRng};

use super::{PayloadSettings, resource, scope};
use crate::cli::generate::shop::{integer, string};

/// Bucket bounds in seconds, as the semantic conventions advise for `http.server.request.duration`.
const BOUNDS_S: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// All series of the shop, with their values so far.
pub(super) struct Metrics {
    series: Vec<Series>,
    /// The index of the series of the next data point.
    next: usize,
    start_unix_nano: Option<u64>,
}

struct Series {
    service: usize,
    attributes: Vec<KeyValue>,
    reading: Reading,
}

enum Reading {
    /// `http.server.request.duration`
    Duration { buckets: Vec<u64>, sum_s: f64, min_s: f64, max_s: f64 },
    /// `shop.orders`
    Orders(i64),
    /// `http.server.active_requests`
    ActiveRequests(i64),
    /// `process.memory.usage`, in bytes.
    Memory(i64),
    /// `shop.stock.level`, a share of 1.
    Stock(f64),
}

impl Metrics {
    pub(super) fn new(services: usize) -> Metrics {
        Metrics { series: (0..services).flat_map(series_of).collect(), next: 0, start_unix_nano: None }
    }

    /// Returns data points of one series after another. A series may occur more than once.
    pub(super) fn next(
        &mut self,
        items: usize,
        settings: &PayloadSettings,
        rng: &mut StdRng,
        now: u64,
    ) -> Vec<u8> {
        let start = *self.start_unix_nano.get_or_insert(now);
        let mut by_service: BTreeMap<usize, BTreeMap<&'static str, Metric>> = BTreeMap::new();
        for _ in 0..items {
            let Some(series) = self.series.get_mut(self.next) else { break };
            series.reading.advance(rng);
            let mut attributes = series.attributes.clone();
            attributes.extend_from_slice(&settings.attributes);
            let metrics = by_service.entry(series.service).or_default();
            let name = series.reading.name();
            let metric = metrics.entry(name).or_insert_with(|| series.reading.empty_metric());
            series.reading.add_point(metric, attributes, [start, now]);
            self.next = (self.next + 1) % self.series.len();
        }
        let resource_metrics = by_service.into_iter().map(|(service, metrics)| ResourceMetrics {
            resource: resource(service, settings),
            scope_metrics: vec![ScopeMetrics {
                scope: scope(),
                metrics: metrics.into_values().collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        });
        ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }.encode_to_vec()
    }
}

fn series_of(service: usize) -> Vec<Series> {
    let series = |attributes, reading| Series { service, attributes, reading };
    let requests = |method: &str, status: i64| {
        let attributes = vec![
            string("http.request.method", method),
            string("http.route", "/"),
            string("url.scheme", "http"),
            integer("http.response.status_code", status),
        ];
        let buckets = vec![0; BOUNDS_S.len() + 1];
        series(attributes, Reading::Duration { buckets, sum_s: 0.0, min_s: f64::INFINITY, max_s: 0.0 })
    };
    vec![
        requests("GET", 200),
        requests("POST", 200),
        requests("GET", 500),
        series(vec![string("http.request.method", "GET")], Reading::ActiveRequests(0)),
        series(vec![], Reading::Memory(64 << 20)),
        series(vec![string("shop.payment.method", "card")], Reading::Orders(0)),
        series(vec![string("shop.warehouse", "north")], Reading::Stock(0.5)),
    ]
}

impl Reading {
    /// Advances the values by a random step.
    fn advance(&mut self, rng: &mut StdRng) {
        match self {
            Reading::Duration { buckets, sum_s, min_s, max_s } => {
                for _ in 0..rng.random_range(1..20) {
                    let took_s = 0.004 * (-rng.random_range(0.001f64..1.0).ln()).exp();
                    let bucket = BOUNDS_S.iter().take_while(|bound| took_s > **bound).count();
                    if let Some(count) = buckets.get_mut(bucket) {
                        *count += 1;
                    }
                    *sum_s += took_s;
                    *min_s = min_s.min(took_s);
                    *max_s = max_s.max(took_s);
                }
            }
            Reading::Orders(orders) => *orders += rng.random_range(0..10),
            Reading::ActiveRequests(active) => *active = (*active + rng.random_range(-4..=4)).clamp(0, 64),
            Reading::Memory(bytes) => {
                *bytes = (*bytes + rng.random_range(-(1 << 20)..=1 << 20)).clamp(16 << 20, 512 << 20);
            }
            Reading::Stock(level) => *level = (*level + rng.random_range(-0.05..=0.05)).clamp(0.0, 1.0),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Reading::Duration { .. } => "http.server.request.duration",
            Reading::Orders(_) => "shop.orders",
            Reading::ActiveRequests(_) => "http.server.active_requests",
            Reading::Memory(_) => "process.memory.usage",
            Reading::Stock(_) => "shop.stock.level",
        }
    }

    fn empty_metric(&self) -> Metric {
        let aggregation_temporality = AggregationTemporality::Cumulative as i32;
        let sum = |is_monotonic| {
            metric::Data::Sum(Sum { data_points: Vec::new(), aggregation_temporality, is_monotonic })
        };
        let (description, unit, data) = match self {
            Reading::Duration { .. } => {
                let histogram = Histogram { data_points: Vec::new(), aggregation_temporality };
                ("Duration of HTTP server requests.", "s", metric::Data::Histogram(histogram))
            }
            Reading::Orders(_) => ("Orders placed.", "{order}", sum(true)),
            Reading::ActiveRequests(_) => ("Number of active HTTP server requests.", "{request}", sum(false)),
            Reading::Memory(_) => ("The amount of physical memory in use.", "By", sum(false)),
            Reading::Stock(_) => {
                ("How full the warehouse is.", "1", metric::Data::Gauge(Gauge { data_points: Vec::new() }))
            }
        };
        Metric {
            name: self.name().to_owned(),
            description: description.to_owned(),
            unit: unit.to_owned(),
            metadata: Vec::new(),
            data: Some(data),
        }
    }

    fn add_point(&self, metric: &mut Metric, attributes: Vec<KeyValue>, [start, now]: [u64; 2]) {
        let value = match *self {
            Reading::Duration { .. } => None,
            Reading::Orders(count) | Reading::ActiveRequests(count) | Reading::Memory(count) => {
                Some(Value::AsInt(count))
            }
            Reading::Stock(level) => Some(Value::AsDouble(level)),
        };
        let number = |attributes, start_time_unix_nano| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano: now,
            value,
            ..NumberDataPoint::default()
        };
        match (&mut metric.data, self) {
            (Some(metric::Data::Sum(sum)), _) => sum.data_points.push(number(attributes, start)),
            (Some(metric::Data::Gauge(gauge)), _) => gauge.data_points.push(number(attributes, 0)),
            (
                Some(metric::Data::Histogram(histogram)),
                Reading::Duration { buckets, sum_s, min_s, max_s },
            ) => {
                histogram.data_points.push(HistogramDataPoint {
                    attributes,
                    start_time_unix_nano: start,
                    time_unix_nano: now,
                    count: buckets.iter().sum(),
                    sum: Some(*sum_s),
                    bucket_counts: buckets.clone(),
                    explicit_bounds: BOUNDS_S.to_vec(),
                    min: Some(*min_s),
                    max: Some(*max_s),
                    ..HistogramDataPoint::default()
                });
            }
            _ => {}
        }
    }
}
