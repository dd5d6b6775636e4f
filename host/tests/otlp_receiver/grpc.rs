//! OTLP/gRPC.

use opentelemetry_proto::tonic::collector::{
    logs::v1::logs_service_client::LogsServiceClient,
    metrics::v1::metrics_service_client::MetricsServiceClient,
    trace::v1::trace_service_client::TraceServiceClient,
};
use prost::Message;
use serde_json::json;
use tonic::{codec::CompressionEncoding, transport::Channel};
use wire::Signal;

use crate::support::{Subject, logs, metrics, traces};

pub(crate) async fn client(subject: &Subject) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(subject.grpc_url()).await.unwrap()
}

/// The generated clients of all three signals; the pipeline gets the very bytes that they made.
#[tokio::test]
async fn every_signal_arrives_as_it_was_sent() {
    let subject = Subject::start(json!({})).await;
    let answer = client(&subject).await.export(traces()).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, None);
    MetricsServiceClient::connect(subject.grpc_url()).await.unwrap().export(metrics()).await.unwrap();
    LogsServiceClient::connect(subject.grpc_url()).await.unwrap().export(logs()).await.unwrap();
    let expected = vec![
        (Signal::Traces, traces().encode_to_vec()),
        (Signal::Metrics, metrics().encode_to_vec()),
        (Signal::Logs, logs().encode_to_vec()),
    ];
    assert_eq!(subject.pipeline.received(), expected);
}

#[tokio::test]
async fn gzip_and_zstd_are_taken() {
    let subject = Subject::start(json!({})).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        client(&subject).await.send_compressed(encoding).export(traces()).await.unwrap();
    }
    let expected = (Signal::Traces, traces().encode_to_vec());
    assert_eq!(subject.pipeline.received(), vec![expected.clone(), expected]);
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let subject = Subject::start(json!({})).await;
    client(&subject)
        .await
        .export(opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::default())
        .await
        .unwrap();
    assert_eq!(subject.pipeline.received(), vec![]);
}
