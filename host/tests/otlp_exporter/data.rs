//! Requests to send, and exporters to send them with.

use std::{sync::Arc, thread};

use ::http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use serde_json::{Value as Json, json};
use spanloom::{
    component::{BuildContext, BuiltExporter, Exporter, ExporterFactory, Extensions, auth::ClientAuth},
    config::{ConfigError, Node},
    exporter::{otlp_grpc, otlp_http},
    id::ComponentId,
    telemetry::Telemetry,
};
use tokio::runtime::Handle;
use wire::Signal;

pub(crate) struct Token;

impl ClientAuth for Token {
    fn authorize(&self, headers: &mut HeaderMap) {
        headers.insert("authorization", HeaderValue::from_static("Bearer sesame"));
    }
}

/// Builds an `otlp_grpc` exporter, without TLS if the config does not say anything of it.
pub(crate) fn grpc(mut config: Json) -> Arc<dyn Exporter> {
    if config["tls"].is_null() {
        config["tls"] = json!({"insecure": true});
    }
    build(&otlp_grpc::OtlpGrpcFactory, config).unwrap().exporter
}

pub(crate) fn http(config: Json) -> Arc<dyn Exporter> {
    build(&otlp_http::OtlpHttpFactory, config).unwrap().exporter
}

/// Builds an exporter. The only authenticator has the id `token`.
pub(crate) fn build(factory: &dyn ExporterFactory, config: Json) -> Result<BuiltExporter, ConfigError> {
    let id = ComponentId { component_type: factory.name().to_owned(), name: None };
    let mut extensions = Extensions::default();
    extensions.client_auth.insert("token".to_owned(), Arc::new(Token));
    let config = Node::from_json(config);
    factory.check(&config)?;
    let context =
        BuildContext { id: &id, telemetry: &Telemetry::new(), extensions: &extensions, former: None };
    // Building these exporters waits only for files, which the runtime's other threads read.
    let runtime = Handle::current();
    thread::scope(|scope| scope.spawn(|| runtime.block_on(factory.build(&config, &context))).join().unwrap())
}

pub(crate) fn batch(signal: Signal, request: &impl Message) -> wire::Batch {
    wire::Batch::decode(signal, request.encode_to_vec().into()).unwrap()
}

pub(crate) fn span_batch(items: usize) -> wire::Batch {
    batch(Signal::Traces, &traces(items))
}

pub(crate) fn traces(items: usize) -> ExportTraceServiceRequest {
    let span = |n: usize| Span {
        trace_id: vec![7; 16],
        span_id: (n as u64 + 1).to_be_bytes().to_vec(),
        name: format!("GET /cart/{n}"),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_020_000_000,
        ..Span::default()
    };
    let scope_spans = ScopeSpans { spans: (0..items).map(span).collect(), ..ScopeSpans::default() };
    let resource_spans =
        ResourceSpans { resource: resource(), scope_spans: vec![scope_spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

pub(crate) fn metrics() -> ExportMetricsServiceRequest {
    let point = NumberDataPoint { time_unix_nano: 5, ..NumberDataPoint::default() };
    let data = metric::Data::Gauge(Gauge { data_points: vec![point] });
    let metric = Metric { name: "queue.size".into(), data: Some(data), ..Metric::default() };
    let scope_metrics = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let resource_metrics =
        ResourceMetrics { resource: resource(), scope_metrics: vec![scope_metrics], ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
}

pub(crate) fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord { body: Some(text("started")), ..LogRecord::default() };
    let scope_logs = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
    let resource_logs =
        ResourceLogs { resource: resource(), scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource_logs] }
}

fn resource() -> Option<Resource> {
    let service = KeyValue { key: "service.name".into(), value: Some(text("cart")), ..KeyValue::default() };
    Some(Resource { attributes: vec![service], ..Resource::default() })
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}
