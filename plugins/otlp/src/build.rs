//! Shorthands for the messages that plugins make most.

use crate::{
    AggregationTemporality, ExportMetricsServiceRequest, KeyValue, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric::Data, number_data_point::Value,
};

impl ExportMetricsServiceRequest {
    /// Makes a request of metrics without a resource and a scope.
    pub fn of(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
        let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![resource] }
    }
}

impl Metric {
    /// Makes a counter whose points count since the points before them.
    pub fn delta_sum(name: impl Into<String>, points: impl IntoIterator<Item = NumberDataPoint>) -> Metric {
        let sum = Sum {
            data_points: points.into_iter().collect(),
            aggregation_temporality: AggregationTemporality::Delta.into(),
            is_monotonic: true,
        };
        Metric { name: name.into(), data: Some(Data::Sum(sum)), ..Metric::default() }
    }
}

impl NumberDataPoint {
    pub fn new(value: i64, time_unix_nano: u64, attributes: Vec<KeyValue>) -> NumberDataPoint {
        let value = Some(Value::AsInt(value));
        NumberDataPoint { attributes, time_unix_nano, value, ..NumberDataPoint::default() }
    }
}
