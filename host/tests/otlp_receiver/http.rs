//! OTLP/HTTP.

use prost::Message;
use reqwest::{Response, header::CONTENT_TYPE};
use serde_json::json;
use wire::Signal;

use crate::support::{Subject, logs, metrics, traces};

const PROTOBUF: &str = "application/x-protobuf";

async fn post(subject: &Subject, path: &str, body: Vec<u8>) -> Response {
    let request = reqwest::Client::new().post(subject.http_url(path)).header(CONTENT_TYPE, PROTOBUF);
    request.body(body).send().await.unwrap()
}

#[tokio::test]
async fn every_signal_arrives_as_it_was_sent() {
    let subject = Subject::start(json!({})).await;
    let expected = vec![
        (Signal::Traces, traces().encode_to_vec()),
        (Signal::Metrics, metrics().encode_to_vec()),
        (Signal::Logs, logs().encode_to_vec()),
    ];
    for (signal, bytes) in &expected {
        let answer = post(&subject, &format!("/v1/{signal}"), bytes.clone()).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CONTENT_TYPE], PROTOBUF);
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    assert_eq!(subject.pipeline.received(), expected);
}
