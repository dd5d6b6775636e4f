//! The receiver over OTLP/gRPC.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::{
    logs::v1::logs_service_client::LogsServiceClient,
    metrics::v1::metrics_service_client::MetricsServiceClient,
    trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
};
use prost::Message;
use serde_json::json;
use spanloom::{
    component::Extensions,
    receipt::{self, Failure, Reason, Retry},
};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Code, Status, codec::CompressionEncoding, transport::Channel};
use tonic_types::StatusExt;
use wire::Signal;

use crate::support::{
    AllSignals, Pipeline, Subject, framed, grpc_post, grpc_status, gzip, logs, malformed, metrics, traces,
    traces_named, with_a_bad_id,
};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

async fn client(subject: &Subject) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(subject.grpc_url()).await.unwrap()
}

async fn before(pipeline: Pipeline, config: serde_json::Value) -> Subject {
    Subject::before(pipeline, &Signal::ALL_OF_THEM, Extensions::default(), config).await
}

/// Scenario: the generated client of each signal sends a request.
/// Guarantees: the pipeline gets the exact bytes that the clients made.
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

/// Scenario: requests come compressed with gzip and zstd.
/// Guarantees: the pipeline gets the decompressed bytes.
#[tokio::test]
async fn gzip_and_zstd_are_taken() {
    let subject = Subject::start(json!({})).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        client(&subject).await.send_compressed(encoding).export(traces()).await.unwrap();
    }
    let expected = (Signal::Traces, traces().encode_to_vec());
    assert_eq!(subject.pipeline.received(), vec![expected.clone(), expected]);
}

/// Scenario: one span of a request has a trace id of eight bytes; then a request has only such a span.
/// Guarantees: the span is left out and its sender told, because a strict destination would refuse the batch.
#[tokio::test]
async fn a_span_with_an_id_of_a_wrong_length_is_left_out_and_its_sender_told() {
    let subject = Subject::start(json!({})).await;
    let request = ExportTraceServiceRequest::decode(&*with_a_bad_id(false)).unwrap();
    let partial = client(&subject).await.export(request.clone()).await.unwrap().into_inner().partial_success;
    let partial = partial.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("spans[1].trace_id"), "{partial:?}");
    assert_eq!(subject.pipeline.received(), [(Signal::Traces, traces().encode_to_vec())]);

    let mut bad = request;
    bad.resource_spans[0].scope_spans[0].spans.remove(0);
    let refusal = client(&subject).await.export(bad).await.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
}

/// Scenario: a request of 20 MiB comes in many frames, above the flow-control windows.
/// Guarantees: the request arrives whole.
#[tokio::test]
async fn a_request_larger_than_every_window_arrives_whole() {
    let subject = Subject::start(json!({})).await;
    let large = traces_named("x".repeat(20 << 20));
    client(&subject).await.export(large.clone()).await.unwrap();
    assert!(subject.pipeline.received() == vec![(Signal::Traces, large.encode_to_vec())]);
}

/// Scenario: a request has no spans.
/// Guarantees: the answer is a success, and the pipeline gets nothing.
#[tokio::test]
async fn an_empty_request_is_a_success() {
    let subject = Subject::start(json!({})).await;
    client(&subject).await.export(ExportTraceServiceRequest::default()).await.unwrap();
    assert_eq!(subject.pipeline.received(), vec![]);
}

/// Sends to a pipeline that refuses with this failure, and returns the answer.
async fn refusal(failure: Failure) -> Status {
    let subject = before(Pipeline { refuses_with: Some(failure), ..Pipeline::default() }, json!({})).await;
    client(&subject).await.export(traces()).await.unwrap_err()
}

/// Scenario: the pipeline refuses a batch as retryable.
/// Guarantees: the answer is UNAVAILABLE with the reason.
#[tokio::test]
async fn what_may_succeed_later_is_unavailable() {
    let status = refusal(Failure::retryable(Reason::QueueFull, "no room")).await;
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "no room"));
    assert!(status.get_details_retry_info().is_none());
}

/// Scenario: the pipeline refuses a batch and knows when to come back.
/// Guarantees: the answer has the delay in its RetryInfo.
#[tokio::test]
async fn a_known_delay_is_told_in_retry_info() {
    let after = Duration::from_millis(1500);
    let failure =
        Failure { retry: Retry::After(Some(after)), ..Failure::retryable(Reason::QueueFull, "no room") };
    let status = refusal(failure).await;
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(after));
}

/// Scenario: the pipeline refuses a batch for good.
/// Guarantees: the answer is INTERNAL with the reason.
#[tokio::test]
async fn what_will_never_succeed_is_internal() {
    let status = refusal(Failure::permanent(Reason::Rejected, "bad destination")).await;
    assert_eq!((status.code(), status.message()), (Code::Internal, "bad destination"));
}

/// Scenario: a destination has answered with each code, for good or for the moment.
/// Guarantees: the sender is told the code, and a delay with RESOURCE_EXHAUSTED if it may try again.
#[tokio::test]
async fn what_a_destination_answered_is_told() {
    for code in receipt::Code::ALL {
        let failure = match code.is_retryable() {
            true => Failure::retryable(Reason::RetriesExhausted, "no"),
            false => Failure::permanent(Reason::Rejected, "no"),
        };
        let status = refusal(failure.with_code(code)).await;
        assert_eq!(i32::from(status.code()), code.number());
        assert!(status.get_details_retry_info().is_none(), "{code:?}");
    }
    let exhausted = Failure::retryable(Reason::RetriesExhausted, "busy");
    let status = refusal(exhausted.with_code(receipt::Code::ResourceExhausted)).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::ZERO));
}

/// Scenario: a request is malformed.
/// Guarantees: the answer is INVALID_ARGUMENT and names the field and the byte.
#[tokio::test]
async fn malformed_bytes_are_answered_with_the_field() {
    let subject = Subject::start(json!({})).await;
    let response = grpc_post(&subject, TRACES).body(framed(&malformed(), false)).send().await.unwrap();
    let status = grpc_status(&response);
    assert_eq!(status.code(), Code::InvalidArgument);
    let bad = status.get_details_bad_request().unwrap();
    assert_eq!(bad.field_violations[0].field, "resource_spans[0].scope_spans[0].spans[1].name");
    assert!(bad.field_violations[0].description.contains("at byte 13"), "{bad:?}");
    assert_eq!(subject.pipeline.received(), vec![]);
}

/// Checks that the answer is RESOURCE_EXHAUSTED without RetryInfo, so that no client sends the request again
/// (OTLP).
async fn check_too_large(subject: &Subject, body: Vec<u8>, encoding: &str) {
    let request = grpc_post(subject, TRACES).header("grpc-encoding", encoding).body(body);
    let status = grpc_status(&request.send().await.unwrap());
    assert_eq!(status.code(), Code::ResourceExhausted, "{encoding}: {status:?}");
    assert!(status.get_details_retry_info().is_none());
    assert_eq!(subject.pipeline.received(), vec![]);
}

/// Scenario: requests are above the limit, as they come or after decompression.
/// Guarantees: they are refused for good, and others are served.
#[tokio::test]
async fn what_is_larger_than_the_limit_is_refused_for_good() {
    let config = json!({ "protocols": { "grpc": { "max_recv_msg_size_mib": 1 } } });
    let subject = Subject::start(config).await;
    let bomb = vec![0; 64 << 20];
    check_too_large(&subject, framed(&vec![0; (1 << 20) + 1], false), "identity").await;
    check_too_large(&subject, framed(&gzip(&bomb), true), "gzip").await;
    check_too_large(&subject, framed(&zstd::encode_all(&*bomb, 1).unwrap(), true), "zstd").await;
    // Others are served afterwards.
    client(&subject).await.export(traces()).await.unwrap();
}

/// Scenario: a request of 65 MiB comes to a receiver with the default limit, which is OTLP's recommendation.
/// Guarantees: the request is refused for good.
#[tokio::test]
async fn sixty_five_mib_are_refused_for_good() {
    let subject = Subject::start(json!({})).await;
    check_too_large(&subject, framed(&vec![0; 65 << 20], false), "identity").await;
    let client = client(&subject).await;
    let status = client.clone().export(traces_named("x".repeat(65 << 20))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
}

/// Scenario: requests come to methods and paths that do not exist.
/// Guarantees: the answer is UNIMPLEMENTED.
#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let subject = Subject::start(json!({})).await;
    for path in ["/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/nothing.Here/Export", "/"] {
        let status = grpc_status(&grpc_post(&subject, path).body(framed(b"", false)).send().await.unwrap());
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
}

/// Scenario: a request has a compression that gRPC receivers do not support.
/// Guarantees: the answer is UNIMPLEMENTED and lists the supported ones.
#[tokio::test]
async fn an_unknown_compression_is_unimplemented() {
    let subject = Subject::start(json!({})).await;
    let request = grpc_post(&subject, TRACES).header("grpc-encoding", "lz4");
    let response = request.body(framed(b"", true)).send().await.unwrap();
    assert_eq!(grpc_status(&response).code(), Code::Unimplemented);
    assert_eq!(response.headers()["grpc-accept-encoding"], "gzip,zstd,snappy,identity");
}

/// Scenario: a signal has no pipeline.
/// Guarantees: its service is UNIMPLEMENTED, and the other signal is accepted.
#[tokio::test]
async fn a_signal_without_a_pipeline_is_unimplemented() {
    let pipeline = Pipeline::default();
    let subject = Subject::before(pipeline, &[Signal::Traces], Extensions::default(), json!({})).await;
    client(&subject).await.export(traces()).await.unwrap();
    let mut metrics_client = MetricsServiceClient::connect(subject.grpc_url()).await.unwrap();
    assert_eq!(metrics_client.export(metrics()).await.unwrap_err().code(), Code::Unimplemented);
}

/// Scenario: a plain HTTP request comes to the gRPC port.
/// Guarantees: the answer is 415 and says that this port speaks gRPC.
#[tokio::test]
async fn what_is_not_grpc_is_told_where_it_is() {
    let subject = Subject::start(json!({})).await;
    let response = reqwest::get(subject.grpc_url()).await.unwrap();
    assert_eq!(response.status(), 415);
    assert!(response.text().await.unwrap().contains("this port speaks gRPC"));
}

/// Scenario: with `acknowledge: delivered`, the destination takes a while.
/// Guarantees: the sender is answered after the delivery, and not before.
#[tokio::test]
async fn a_sender_that_wants_delivery_is_answered_after_it() {
    let permits = Arc::new(Semaphore::new(0));
    let pipeline = Pipeline { delivers: Some(permits.clone()), ..Pipeline::default() };
    let subject = before(pipeline, json!({ "acknowledge": "delivered" })).await;
    let mut client = client(&subject).await;
    let mut answer = Box::pin(client.export(traces()));
    assert!(timeout(Duration::from_millis(200), &mut answer).await.is_err());
    assert_eq!(subject.pipeline.received().len(), 1);
    permits.add_permits(1);
    answer.await.unwrap();
}

/// Scenario: the destination never delivers, and the config has the default `acknowledge`.
/// Guarantees: the sender is answered with success.
#[tokio::test]
async fn by_default_a_sender_is_answered_before_delivery() {
    let pipeline = Pipeline { delivers: Some(Arc::new(Semaphore::new(0))), ..Pipeline::default() };
    let subject = before(pipeline, json!({})).await;
    client(&subject).await.export(traces()).await.unwrap();
}

/// Scenario: the destination rejects a part of the batch.
/// Guarantees: the answer is a success with a warning, because OTLP forbids a retry of partial success.
#[tokio::test]
async fn a_partial_delivery_is_a_success_with_a_warning() {
    let failure = Failure::permanent(Reason::PartiallyRejected, "3 spans were too old");
    let pipeline = Pipeline { fails_with: Some(failure), ..Pipeline::default() };
    let subject = before(pipeline, json!({ "acknowledge": "delivered" })).await;
    let answer = client(&subject).await.export(traces()).await.unwrap().into_inner();
    let partial = answer.partial_success.unwrap();
    assert_eq!((partial.rejected_spans, &*partial.error_message), (0, "3 spans were too old"));
}
