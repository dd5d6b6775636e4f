//! A receiver on free ports in front of a pipeline that records, and requests to send to it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point::Value,
    },
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use serde_json::{Value as Json, json};
use spanloom::{
    component::{BuildContext, Extensions, Receiver},
    config::Node,
    id::ComponentId,
    pipeline::{Batch, Consumer, Ingest, Refused, ingest::Entrance},
    receipt::Failure,
    receiver::otlp::{OtlpReceiver, config::OtlpConfig},
    running::Running,
    telemetry::Telemetry,
};
use tokio::sync::Semaphore;
use wire::Signal;

/// A started receiver. It stops when it is dropped.
pub(crate) struct Subject {
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) running: Running,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// Accepts every batch and records its bytes.
#[derive(Default)]
pub(crate) struct Pipeline {
    pub(crate) received: Mutex<Vec<(Signal, Vec<u8>)>>,
    pub(crate) refuses_with: Option<Failure>,
    pub(crate) fails_with: Option<Failure>,
    /// If set, a batch is accepted at once and delivered when there is a permit.
    pub(crate) delivers: Option<Arc<Semaphore>>,
}

#[async_trait::async_trait]
impl Consumer for Pipeline {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if let Some(failure) = &self.refuses_with {
            return Err(batch.refused(failure.clone()));
        }
        self.received.lock().unwrap().push((batch.data.signal(), batch.data.chunks().concat()));
        match (&self.fails_with, &self.delivers) {
            (Some(failure), _) => batch.dropped(failure),
            (None, None) => batch.delivered(),
            (None, Some(permits)) => {
                let permits = permits.clone();
                tokio::spawn(async move {
                    permits.acquire().await.unwrap().forget();
                    batch.delivered();
                });
            }
        }
        Ok(())
    }
}

impl Pipeline {
    pub(crate) fn received(&self) -> Vec<(Signal, Vec<u8>)> {
        self.received.lock().unwrap().clone()
    }
}

impl Subject {
    /// Starts a receiver for all three signals. Both protocols have free ports of 127.0.0.1, unless `config`
    /// sets others.
    pub(crate) async fn start(config: Json) -> Subject {
        Subject::before(Pipeline::default(), &Signal::ALL_OF_THEM, Extensions::default(), config).await
    }

    pub(crate) async fn before(
        pipeline: Pipeline,
        signals: &[Signal],
        extensions: Extensions,
        config: Json,
    ) -> Subject {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let telemetry = Telemetry::new();
        let pipeline = Arc::new(pipeline);
        let entrance = |signal: Signal| {
            let accounts = [telemetry.ledger.open(&signal.to_string(), "recorder")].into();
            let first: Arc<dyn Consumer> = pipeline.clone();
            let entrance = Entrance { first, accounts, lead: None };
            if signals.contains(&signal) { vec![entrance] } else { Vec::new() }
        };
        let ingest = Ingest::new("otlp", telemetry.clone(), Signal::ALL_OF_THEM.map(entrance));
        let id = ComponentId { component_type: "otlp".to_owned(), name: None };
        let context = BuildContext { id: &id, telemetry: &telemetry, extensions: &extensions, former: None };
        let config: OtlpConfig = Node::from_json(on_free_ports(config)).read().unwrap();
        let receiver = OtlpReceiver::new(config, &context).unwrap();
        let running = Running::default();
        receiver.start(ingest, &running).await.unwrap();
        let bound = receiver.bound().unwrap().clone();
        let first = |addresses: Vec<SocketAddr>| addresses.first().copied();
        Subject { grpc: first(bound.grpc), http: first(bound.http), pipeline, running, telemetry }
    }

    pub(crate) fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc.unwrap())
    }

    pub(crate) fn http_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http.unwrap())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.running.stop.cancel();
    }
}

/// Puts a message into a gRPC frame.
pub(crate) fn framed(message: &[u8], compressed: bool) -> Vec<u8> {
    let mut frame = vec![u8::from(compressed)];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Makes a gRPC request over HTTP/2 that has only the necessary headers.
pub(crate) fn grpc_post(subject: &Subject, path: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("{}{path}", subject.grpc_url());
    client.post(url).header("content-type", "application/grpc").header("te", "trailers")
}

/// Reads the status of a response that has no body.
pub(crate) fn grpc_status(response: &reqwest::Response) -> tonic::Status {
    tonic::Status::from_header_map(response.headers()).expect("a grpc-status")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}

/// Returns bytes that are no request: the name of the second span claims more bytes than follow.
pub(crate) fn malformed() -> Vec<u8> {
    let span = [b"\x2a\x02ab".as_slice(), b"\x2a\x7fab"];
    let spans = span.map(|span| [b"\x12", [span.len() as u8].as_slice(), span].concat()).concat();
    let scope_spans = [b"\x12".as_slice(), &[spans.len() as u8], &spans].concat();
    [b"\x0a".as_slice(), &[scope_spans.len() as u8], &scope_spans].concat()
}

/// Returns two spans; the second has a trace id of eight bytes. If `texts` is true, their names are not
/// UTF-8.
pub(crate) fn with_a_bad_id(texts: bool) -> Vec<u8> {
    let name: &[u8] = if texts { b"GET \xff" } else { b"GET /" };
    let span = |trace_id: &[u8]| {
        let fields: [(u8, &[u8]); 3] = [(0x0a, trace_id), (0x12, &[8; 8]), (0x2a, name)];
        let fields = fields.map(|(tag, value)| [&[tag, value.len() as u8], value].concat());
        fields.concat()
    };
    let framed = |tag: u8, body: Vec<u8>| [vec![tag, body.len() as u8], body].concat();
    let spans = [framed(0x12, span(&[7; 16])), framed(0x12, span(&[7; 8]))].concat();
    framed(0x0a, framed(0x12, spans))
}

pub(crate) trait AllSignals {
    const ALL_OF_THEM: [Signal; 3];
}

impl AllSignals for Signal {
    const ALL_OF_THEM: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];
}

fn on_free_ports(mut config: Json) -> Json {
    for protocol in ["grpc", "http"] {
        let endpoint = &mut config["protocols"][protocol]["endpoint"];
        if endpoint.is_null() {
            *endpoint = json!("127.0.0.1:0");
        }
    }
    config
}

pub(crate) fn traces() -> ExportTraceServiceRequest {
    traces_named("GET /".to_owned())
}

pub(crate) fn traces_named(name: String) -> ExportTraceServiceRequest {
    let span = Span { name, trace_id: vec![7; 16], span_id: vec![8; 8], ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

pub(crate) fn metrics() -> ExportMetricsServiceRequest {
    let point = NumberDataPoint { value: Some(Value::AsInt(3)), ..NumberDataPoint::default() };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    let metric = Metric { name: "queue.length".to_owned(), data, ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

pub(crate) fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord { severity_text: "INFO".to_owned(), ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }
}
