//! The exporter `otlp_grpc` against tonic's server.
use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;
use spanloom::{
    component::{ExportError, Exported},
    exporter::otlp_grpc,
    pipeline::{Batch, Consumer as _},
    receipt::{self, Receipt},
    sending::Sending,
    telemetry::Telemetry,
};
use tokio::{io::AsyncReadExt as _, net::TcpListener, time::Instant};
use tonic::{Code, Status};
use wire::Signal;

use crate::{
    data::{batch, build, grpc, logs, metrics, span_batch, traces},
    grpc_destination::{Destination, Service},
};

/// A `google.rpc.Status` with a `RetryInfo`, built field by field.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(message, optional, tag = "2")]
    value: Option<RetryInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

fn retry_in(code: Code, seconds: i64) -> Status {
    let value = Some(RetryInfo { retry_delay: Some(Delay { seconds }) });
    let any = Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value };
    Status::with_details(code, "busy", RpcStatus { details: vec![any] }.encode_to_vec().into())
}

/// Scenario: every signal is exported with each compression; one batch is large enough for another thread.
/// Guarantees: each request arrives as it was sent.
#[tokio::test]
async fn every_signal_arrives_as_it_was_sent() {
    for compression in ["none", "gzip", "zstd"] {
        let destination = Destination::start(Service::default()).await;
        let exporter = grpc(json!({"endpoint": destination.endpoint(), "compression": compression}));
        for items in [1, 3000] {
            let exported = exporter.export(&span_batch(items)).await;
            assert_eq!(exported, Ok(Exported::default()), "{compression}");
        }
        assert_eq!(exporter.export(&batch(Signal::Metrics, &metrics())).await, Ok(Exported::default()));
        assert_eq!(exporter.export(&batch(Signal::Logs, &logs())).await, Ok(Exported::default()));
        assert_eq!(destination.service.traces(), [traces(1), traces(3000)]);
        assert_eq!(destination.service.metrics(), [metrics()]);
        assert_eq!(destination.service.logs(), [logs()]);
    }
}

/// Scenario: a batch that was merged from two is exported.
/// Guarantees: one request arrives, with the spans of both.
#[tokio::test]
async fn merged_batches_arrive_as_one_request() {
    let destination = Destination::start(Service::default()).await;
    let exporter = grpc(json!({"endpoint": destination.endpoint(), "compression": "none"}));
    let mut merged = span_batch(2);
    merged.merge(span_batch(3)).unwrap();
    assert_eq!(exporter.export(&merged).await, Ok(Exported::default()));
    let mut expected = traces(2);
    expected.resource_spans.extend(traces(3).resource_spans);
    assert_eq!(destination.service.traces(), [expected]);
}

/// Scenario: the destination answers with each gRPC code, without and with a delay.
/// Guarantees: the codes that OTLP calls retryable are retryable, and RESOURCE_EXHAUSTED is with a delay.
#[tokio::test]
async fn what_the_destination_answers_decides_whether_to_try_again() {
    const RETRIED: [Code; 6] = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    for code in (1..=16).map(Code::from_i32) {
        let script = [Err(Status::new(code, "no")), Err(retry_in(code, 3))];
        let destination = Destination::start(Service::answering(script)).await;
        let exporter = grpc(json!({"endpoint": destination.endpoint()}));
        let plain = exporter.export(&span_batch(1)).await.unwrap_err();
        let message = format!("{code:?}: no");
        let told = receipt::Code::from_number(code.into());
        let expected = match RETRIED.contains(&code) {
            true => ExportError::Retryable { message, code: told, after: None },
            false => ExportError::Permanent { message, code: told },
        };
        assert_eq!(plain, expected);
        let with_delay = exporter.export(&span_batch(1)).await.unwrap_err();
        let message = format!("{code:?}: busy");
        let expected = match RETRIED.contains(&code) || code == Code::ResourceExhausted {
            true => ExportError::Retryable { message, code: told, after: Some(Duration::from_secs(3)) },
            false => ExportError::Permanent { message, code: told },
        };
        assert_eq!(with_delay, expected);
    }
}

/// Scenario: the destination rejects two of five spans.
/// Guarantees: the exporter reports the number and the destination's message.
#[tokio::test]
async fn partial_success_is_told() {
    let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "too old".into() };
    let response = ExportTraceServiceResponse { partial_success: Some(partial) };
    let destination = Destination::start(Service::answering([Ok(response)])).await;
    let exporter = grpc(json!({"endpoint": destination.endpoint()}));
    let exported = exporter.export(&span_batch(5)).await;
    assert_eq!(exported, Ok(Exported { rejected: 2, message: "too old".into() }));
}

/// Scenario: the config has headers, an authenticator and a timeout.
/// Guarantees: all of them reach the destination.
#[tokio::test]
async fn headers_authentication_and_the_timeout_reach_the_destination() {
    let destination = Destination::start(Service::default()).await;
    let exporter = grpc(json!({
        "endpoint": destination.endpoint(),
        "headers": {"x-scope-orgid": "team"},
        "auth": {"authenticator": "token"},
        "timeout": "7s",
    }));
    exporter.export(&span_batch(1)).await.unwrap();
    let metadata = destination.service.metadata();
    let value = |key| metadata.get(key).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(value("x-scope-orgid").as_deref(), Some("team"));
    assert_eq!(value("authorization").as_deref(), Some("Bearer sesame"));
    assert_eq!(value("grpc-timeout").as_deref(), Some("7000m"));
    assert!(value("user-agent").unwrap().starts_with("spanloom/"));
}

/// Scenario: the config names an authenticator that does not exist.
/// Guarantees: the error names it, and the authenticator that exists.
#[tokio::test]
async fn an_authenticator_that_is_not_there_is_named() {
    let config = json!({"endpoint": "a:1", "auth": {"authenticator": "basic"}});
    let error = build(&otlp_grpc::OtlpGrpcFactory, config).err().unwrap().to_string();
    assert!(error.contains("`basic`") && error.contains("token"), "{error}");
}

/// Scenario: a request is above the destination's limit of 1 MiB, and another above the exporter's of 64 MiB.
/// Guarantees: both are too large; the destination reports its limit with OUT_OF_RANGE.
#[tokio::test]
async fn a_request_above_either_limit_is_too_large() {
    let destination = Destination::start(Service::default()).await;
    let exporter = grpc(json!({"endpoint": destination.endpoint()}));
    let error = exporter.export(&span_batch(30_000)).await.unwrap_err();
    assert!(matches!(error, ExportError::TooLarge { .. }), "{error:?}");
    let mut enormous = span_batch(30_000);
    while enormous.encoded_len() <= 64 << 20 {
        enormous.merge(enormous.clone()).unwrap();
    }
    let error = exporter.export(&enormous).await.unwrap_err();
    assert!(matches!(error, ExportError::TooLarge { .. }), "{error:?}");
    assert!(destination.service.traces().is_empty());
}

/// Scenario: the destination's answer has 5 MiB.
/// Guarantees: the exporter does not read the answer, and reports a permanent failure.
#[tokio::test]
async fn an_answer_above_the_limit_is_not_read() {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "x".repeat(5 << 20) };
    let response = ExportTraceServiceResponse { partial_success: Some(partial) };
    let destination = Destination::start(Service::answering([Ok(response)])).await;
    let exporter = grpc(json!({"endpoint": destination.endpoint()}));
    let error = exporter.export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Permanent { .. }), "{error:?}");
}

/// Scenario: the destination goes away and comes back.
/// Guarantees: the exporter reports a retryable failure meanwhile, and then connects again.
#[tokio::test]
async fn it_connects_again_after_a_break() {
    let first = Destination::start(Service::default()).await;
    let (address, endpoint) = (first.address, first.endpoint());
    let exporter = grpc(json!({"endpoint": endpoint}));
    exporter.export(&span_batch(1)).await.unwrap();
    first.stop();
    let error = loop {
        // The open connection may still serve a request.
        match exporter.export(&span_batch(1)).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
    let second = Destination::listen(address, Service::default()).await;
    while exporter.export(&span_batch(2)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(second.service.traces(), [traces(2)]);
}

/// Scenario: nobody listens at the endpoint.
/// Guarantees: the error names the address and the cause.
#[tokio::test]
async fn the_error_names_the_address_and_the_cause() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let exporter = grpc(json!({"endpoint": format!("http://{free}")}));
    let error = exporter.export(&span_batch(1)).await.unwrap_err().to_string();
    assert!(error.contains(&free.to_string()) && error.contains("refused"), "{error}");
}

/// Scenario: nobody listens at first, and `wait_for_ready` is set.
/// Guarantees: the export waits until the destination listens, and then succeeds.
#[tokio::test]
async fn wait_for_ready_waits_for_the_destination() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let exporter = grpc(json!({"endpoint": format!("http://{free}"), "wait_for_ready": true}));
    let export = tokio::spawn(async move { exporter.export(&span_batch(1)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!export.is_finished());
    let destination = Destination::listen(free, Service::default()).await;
    assert_eq!(export.await.unwrap(), Ok(Exported::default()));
    assert_eq!(destination.service.traces().len(), 1);
}

/// Scenario: the destination closes the connection without an answer.
/// Guarantees: the failure is retryable.
#[tokio::test]
async fn a_connection_that_breaks_off_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 64]).await;
        }
    });
    let error = grpc(json!({"endpoint": endpoint})).export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
}

/// Scenario: behind a queue, the destination fails twice and refuses a request that is too large.
/// Guarantees: every span is delivered in the end.
#[tokio::test]
async fn behind_the_queue_nothing_is_lost() {
    let script = [Err(Status::unavailable("no")), Err(retry_in(Code::ResourceExhausted, 0))];
    let destination = Destination::start(Service::answering(script)).await;
    let config = json!({
        "endpoint": destination.endpoint(),
        "tls": {"insecure": true},
        "connections": 2,
        "retry_on_failure": {"initial_interval": "10ms"},
        "sending_queue": {"batch": {"min_size": 100}},
    });
    let built = build(&otlp_grpc::OtlpGrpcFactory, config).unwrap();
    let telemetry = Telemetry::new();
    let accounts: Arc<[_]> = [telemetry.ledger.open("traces", "otlp_grpc")].into();
    let sending = Sending::start("otlp_grpc", &[Signal::Traces], built.exporter, &built.sending, &telemetry);
    for items in [60, 60, 30_000, 10] {
        let batch = Batch::enter(span_batch(items), Receipt::unawaited(), accounts.clone());
        sending.consume(batch).await.unwrap();
    }
    sending.shutdown(Instant::now() + Duration::from_secs(30)).await;
    let balance = telemetry.ledger.balances().remove(0);
    assert!(balance.holds());
    assert_eq!((balance.delivered, balance.in_flight), (30_130, 0));
    let received = destination.service.traces();
    let spans = |request: &opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest| {
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.map(|scope| scope.spans.len()).sum::<usize>()
    };
    let sent: usize = received.iter().map(spans).sum();
    assert!(sent >= 30_130 && received.len() > 4, "{sent} spans in {} requests", received.len());
}
