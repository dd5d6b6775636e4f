//! OTLP requests byte for byte as a client sends them, and ways to send and read them.

pub mod client;
pub mod payload;

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::any_value,
    metrics::v1::metric::Data,
    trace::v1::Span,
};
use prost::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    pub fn grpc_path(self) -> &'static str {
        match self {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    pub fn http_path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
        }
    }
}

/// Returns the number of spans, data points or log records in an export request.
pub fn items(signal: Signal, request: &[u8]) -> usize {
    match signal {
        Signal::Traces => spans(request).len(),
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(request).expect("a metrics request");
            let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
            scopes.flat_map(|scope| scope.metrics).map(|metric| points(metric.data)).sum()
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(request).expect("a logs request");
            let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
            scopes.map(|scope| scope.log_records.len()).sum()
        }
    }
}

/// Returns every span of a request, in order.
pub fn spans(request: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(request).expect("a trace request");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// Returns a text attribute of a span; empty if the span has none.
pub fn text_attribute(span: &Span, key: &str) -> String {
    let value =
        span.attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.as_ref());
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Returns the response of a destination that rejects some of the items. All signals' responses have one
/// shape.
pub fn partial_success(rejected: i64) -> Bytes {
    let partial_success = ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: "the sink is told to reject some".to_owned(),
    };
    ExportTraceServiceResponse { partial_success: Some(partial_success) }.encode_to_vec().into()
}

/// Returns a `google.rpc.Status` with a `RetryInfo`, as it travels in `grpc-status-details-bin`.
pub fn status_with_retry_info(code: i32, delay: Duration) -> Bytes {
    let field = |number: u8, content: &[u8]| {
        let mut field = vec![number << 3 | 2, u8::try_from(content.len()).expect("short")];
        field.extend_from_slice(content);
        field
    };
    let seconds = u8::try_from(delay.as_secs()).expect("short");
    assert!(seconds < 128, "one byte holds it");
    let retry_info = field(1, &[1 << 3, seconds]);
    let any = [field(1, b"type.googleapis.com/google.rpc.RetryInfo"), field(2, &retry_info)].concat();
    let mut status = vec![1 << 3, u8::try_from(code).expect("a gRPC code")];
    status.extend(field(3, &any));
    status.into()
}

fn points(data: Option<Data>) -> usize {
    match data {
        None => 0,
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
    }
}
