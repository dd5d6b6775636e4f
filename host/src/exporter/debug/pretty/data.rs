//! A batch decoded to the types of `opentelemetry-proto`.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    logs::v1::ResourceLogs,
    metrics::v1::{Metric, ResourceMetrics, metric},
    trace::v1::ResourceSpans,
};
use prost::Message;
use wire::Signal;

pub(super) enum Data {
    Traces(Vec<ResourceSpans>),
    Metrics(Vec<ResourceMetrics>),
    Logs(Vec<ResourceLogs>),
}

impl Data {
    pub(super) fn decode(batch: &wire::Batch) -> Result<Data, prost::DecodeError> {
        let bytes = batch.chunks().concat();
        let bytes = bytes.as_slice();
        Ok(match batch.signal() {
            Signal::Traces => Data::Traces(ExportTraceServiceRequest::decode(bytes)?.resource_spans),
            Signal::Metrics => Data::Metrics(ExportMetricsServiceRequest::decode(bytes)?.resource_metrics),
            Signal::Logs => Data::Logs(ExportLogsServiceRequest::decode(bytes)?.resource_logs),
        })
    }

    /// Returns the numbers of resources and items, in columns.
    pub(super) fn counts(&self) -> String {
        match self {
            Data::Traces(resources) => {
                let scopes = resources.iter().flat_map(|resource| &resource.scope_spans);
                let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
                format!("{:>4} resources  {spans:>6} spans", resources.len())
            }
            Data::Metrics(resources) => {
                let scopes = resources.iter().flat_map(|resource| &resource.scope_metrics);
                let metrics: Vec<&Metric> = scopes.flat_map(|scope| &scope.metrics).collect();
                let points: usize = metrics.iter().copied().map(data_points).sum();
                format!("{:>4} resources  {:>6} metrics  {points:>6} points", resources.len(), metrics.len())
            }
            Data::Logs(resources) => {
                let scopes = resources.iter().flat_map(|resource| &resource.scope_logs);
                let records: usize = scopes.map(|scope| scope.log_records.len()).sum();
                format!("{:>4} resources  {records:>6} log records", resources.len())
            }
        }
    }
}

fn data_points(metric: &Metric) -> usize {
    match &metric.data {
        None => 0,
        Some(metric::Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(metric::Data::Sum(sum)) => sum.data_points.len(),
        Some(metric::Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(metric::Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(metric::Data::Summary(summary)) => summary.data_points.len(),
    }
}
