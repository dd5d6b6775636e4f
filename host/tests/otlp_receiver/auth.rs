//! Authentication of clients on either protocol: `auth: { authenticator: … }`.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use serde_json::json;
use spanloom::{
    component::{BuildContext, ExtensionFactory, Extensions},
    config::Node,
    extension::auth::bearer_token,
    id::ComponentId,
    receiver::otlp::OtlpReceiver,
    telemetry::Telemetry,
};
use tonic::Code;
use wire::Signal;

use crate::support::{AllSignals, Pipeline, Subject, traces};

async fn guarded() -> Subject {
    let bearer =
        bearer_token::BearerTokenFactory.build(&Node::from_json(json!({ "token": "right" }))).unwrap();
    let mut extensions = Extensions::default();
    extensions.server_auth.insert("bearertokenauth/team".to_owned(), bearer.server_auth.unwrap());
    let auth = json!({ "auth": { "authenticator": "bearertokenauth/team" } });
    let config = json!({ "protocols": { "grpc": auth, "http": auth } });
    Subject::before(Pipeline::default(), &Signal::ALL_OF_THEM, extensions, config).await
}

/// Scenario: HTTP requests come without a token, with a wrong token and with the right one.
/// Guarantees: only the right token is accepted; the others get 401.
#[tokio::test]
async fn over_http_only_the_right_token_is_let_in() {
    let subject = guarded().await;
    for (token, status) in [(None, 401), (Some("Bearer wrong"), 401), (Some("Bearer right"), 200)] {
        let mut request = reqwest::Client::new().post(subject.http_url("/v1/traces"));
        request = request.header("content-type", "application/x-protobuf").body(traces().encode_to_vec());
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{token:?}");
        if status == 401 {
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let body = tonic_types::Status::decode(response.bytes().await.unwrap()).unwrap();
            assert_eq!(Code::from(body.code), Code::Unauthenticated);
        }
    }
    assert_eq!(subject.pipeline.received().len(), 1);
}

/// Scenario: gRPC requests come without a token, with a wrong token and with the right one.
/// Guarantees: only the right token is accepted; the others get UNAUTHENTICATED.
#[tokio::test]
async fn over_grpc_only_the_right_token_is_let_in() {
    let subject = guarded().await;
    let mut client = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    for (token, code) in [
        (None, Code::Unauthenticated),
        (Some("Bearer wrong"), Code::Unauthenticated),
        (Some("Bearer right"), Code::Ok),
    ] {
        let mut request = tonic::Request::new(traces());
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", token.parse().unwrap());
        }
        let answer = client.export(request).await;
        assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), code, "{token:?}");
    }
    assert_eq!(subject.pipeline.received().len(), 1);
}

/// Scenario: clients use the other protocol's port, or have no credentials.
/// Guarantees: each is told what is wrong, and the metrics count them by reason.
#[tokio::test]
async fn who_is_turned_away_is_counted() {
    let subject = guarded().await;
    let mut mistaken = TraceServiceClient::connect(subject.http_url("")).await.unwrap();
    let mut unknown = TraceServiceClient::connect(subject.grpc_url()).await.unwrap();
    for _ in 0..3 {
        let told = mistaken.export(traces()).await.unwrap_err();
        assert_eq!(told.code(), Code::Unimplemented);
        assert!(told.message().contains("4317"), "{told}");
        assert_eq!(unknown.export(traces()).await.unwrap_err().code(), Code::Unauthenticated);
    }
    let request = reqwest::Client::new().post(format!("{}/v1/traces", subject.grpc_url()));
    assert_eq!(request.send().await.unwrap().status(), 415);
    let metrics = subject.telemetry.render();
    for (transport, reason, count) in
        [("http", "other_protocol", 3), ("grpc", "unauthenticated", 3), ("grpc", "other_protocol", 1)]
    {
        let series = format!(
            r#"spanloom_receiver_refused_requests{{receiver="otlp",transport="{transport}",reason="{reason}"}} {count}"#
        );
        assert!(metrics.contains(&series), "no `{series}` in:\n{metrics}");
    }
}

/// Scenario: the config names an authenticator that does not exist.
/// Guarantees: the error names it.
#[test]
fn an_authenticator_that_is_not_there_is_named() {
    let config = json!({ "protocols": { "grpc": { "auth": { "authenticator": "oidc" } } } });
    let id = ComponentId { component_type: "otlp".to_owned(), name: None };
    let (telemetry, extensions) = (Telemetry::new(), Extensions::default());
    let context = BuildContext { id: &id, telemetry: &telemetry, extensions: &extensions, former: None };
    let refused = OtlpReceiver::new(Node::from_json(config).read().unwrap(), &context).err().unwrap();
    assert!(refused.to_string().contains("\"oidc\""), "{refused}");
}
