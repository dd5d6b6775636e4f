//! Tests of the harness itself, without Spanloom: the sink, the payloads and the clients.

use std::time::Duration;

use http::StatusCode;
use spanloom_tests::{
    Answer, Sink, clients,
    otlp::{Signal, client, payload},
    sink::Transport,
};
use tonic::Code;

/// Scenario: requests of every signal are sent to the sink over both transports.
/// Guarantees: the sink records their exact bytes, on which the tests of unchanged bytes rely.
#[tokio::test]
async fn the_sink_records_the_bytes_it_was_sent() {
    let sink = Sink::start().await;
    for signal in Signal::ALL {
        let body = payload::request(signal, 3);
        client::grpc(sink.address, signal, body.clone()).await.unwrap();
        let answer = client::http(sink.address, signal, body.clone()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let recorded: Vec<_> =
            sink.requests().into_iter().filter(|request| request.signal == signal).collect();
        assert!(recorded.iter().all(|request| request.body == body));
        assert_eq!(sink.items(signal), 6);
    }
}

/// Scenario: the sink is told to be unavailable, to refuse, and then to accept in part.
/// Guarantees: the answers come in this order, and refused items do not count.
#[tokio::test]
async fn the_sink_answers_as_it_is_told() {
    let sink = Sink::start().await;
    let body = payload::request(Signal::Traces, 2);
    let in_two_seconds = Some(Duration::from_secs(2));
    sink.answer_next([Answer::Unavailable { retry_after: in_two_seconds }, Answer::Refuse]);
    sink.answer_usually(Answer::Partial { rejected: 1 });

    let unavailable = client::grpc(sink.address, Signal::Traces, body.clone()).await.unwrap_err();
    assert_eq!(unavailable.code(), Code::Unavailable);
    assert!(!unavailable.details().is_empty(), "RetryInfo travels in the details");
    let refused = client::http(sink.address, Signal::Traces, body.clone()).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let partial = client::grpc(sink.address, Signal::Traces, body).await.unwrap();
    assert!(!partial.is_empty());
    assert_eq!(sink.items(Signal::Traces), 2, "what was refused does not count");
}

/// Scenario: requests of every signal are made.
/// Guarantees: each request holds as many items as asked for.
#[test]
fn payloads_have_as_many_items_as_asked() {
    for signal in Signal::ALL {
        assert_eq!(spanloom_tests::otlp::items(signal, &payload::request(signal, 17)), 17);
    }
    assert_eq!(spanloom_tests::otlp::spans(&payload::traces_with_unknown_fields()).len(), 1);
}

/// Scenario: the Python SDK sends to the sink over both transports.
/// Guarantees: every item arrives, and HTTP is compressed with gzip, so that the receiver is tested with it.
#[tokio::test]
async fn the_python_client_reaches_the_sink() {
    let Some(python) = clients::python() else { return };
    let sink = Sink::start().await;
    let endpoint = format!("http://{}", sink.address);
    for (protocol, items) in [("grpc", [3, 2, 1]), ("http", [6, 4, 2])] {
        python.send(&[protocol, &endpoint]).await;
        assert_eq!(Signal::ALL.map(|signal| sink.items(signal)), items, "{protocol}");
    }
    let over_http =
        sink.requests().into_iter().rfind(|request| request.transport == Transport::Http).unwrap();
    assert_eq!(over_http.headers["content-encoding"], "gzip", "which the receiver is to be tested with");
}

/// Scenario: the Node SDK sends to the sink over both transports.
/// Guarantees: every span arrives.
#[tokio::test]
async fn the_node_client_reaches_the_sink() {
    let Some(node) = clients::node() else { return };
    let sink = Sink::start().await;
    let endpoint = format!("http://{}", sink.address);
    for (protocol, spans) in [("grpc", 3), ("http/protobuf", 6)] {
        node.send(&[protocol, &endpoint]).await;
        assert_eq!(sink.items(Signal::Traces), spans, "{protocol}");
    }
}
