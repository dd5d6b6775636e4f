//! Tests the proxy through a socket, in front of a service that says what it was sent.

use axum::routing::any;
use serde_json::Value;

use super::*;
use crate::{aws::tests::serve, server};

/// Answers with what arrived.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers: serde_json::Map<String, Value> = (headers.iter())
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body = String::from_utf8_lossy(&body).into_owned();
    let sent = json!({ "method": method.as_str(), "uri": uri.to_string(), "headers": headers, "body": body });
    ([("x-amzn-requestid", "1"), ("connection", "x-hop"), ("x-hop", "1")], sent.to_string()).into_response()
}

/// Serves a proxy in front of an endpoint, and returns the proxy's address.
async fn proxy_to(endpoint: &str) -> String {
    let settings = ProxySettings {
        service: "xray".to_owned(),
        endpoint: Some(endpoint.parse().unwrap()),
        identity: IdentitySettings { region: Some("us-east-1".to_owned()), ..IdentitySettings::default() },
        ..ProxySettings::default()
    };
    let proxy = SigningProxy {
        upstream: Upstream::with_keys(settings, "AKIDTEST").await,
        budget: Budget::new(BUDGET_BYTES, REQUEST_LIMIT_BYTES),
        slots: Semaphore::new(REQUESTS_LIMIT),
        failures: Throttle::default(),
    };
    let proxy = Arc::new(proxy);
    let listener = server::listen("127.0.0.1:0").await.unwrap().pop().unwrap();
    let address = listener.local_addr().unwrap();
    let running = crate::running::Running::default();
    server::serve(listener, None, proxy.router(), server::ServerSettings::default(), &running);
    format!("http://{address}")
}

fn post(url: &str) -> reqwest::RequestBuilder {
    let tls = crate::tls::client::trust_nobody().unwrap();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap().post(url)
}

/// Scenario: an SDK sends a request with headers of its connection and fields that the proxy does not know.
/// Guarantees: path, query, body and the other headers arrive as they were, signed for X-Ray; the answer's own
/// headers come back.
#[tokio::test]
async fn a_request_goes_through_as_it_is_and_signed() {
    let origin = serve(Router::new().fallback(any(echo))).await;
    let proxy = proxy_to(&format!("{origin}/base")).await;
    let body = r#"{"SamplingBoostStatistics":[{"AnomalyCount":1}],"New":{"a":[null]}}"#;
    let answer = post(&format!("{proxy}/SamplingTargets?a=b%20c"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("connection", "x-private")
        .header("x-private", "1")
        .header("authorization", "mine")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-amzn-requestid"], "1");
    assert!(!answer.headers().contains_key("x-hop"));
    let sent: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(sent["method"], "POST");
    assert_eq!(sent["uri"], "/base/SamplingTargets?a=b%20c");
    assert_eq!(sent["body"], body);
    let headers = &sent["headers"];
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(headers["host"], origin.strip_prefix("http://").unwrap());
    assert!(headers["x-private"].is_null() && headers["connection"].is_null(), "{headers}");
    let authorization = headers["authorization"].as_str().unwrap();
    assert!(authorization.contains("Credential=AKIDTEST/"), "{authorization}");
    assert!(authorization.contains("/us-east-1/xray/aws4_request"), "{authorization}");
}

/// Scenario: the service answers with an error, is not there, or gets a body above the limit.
/// Guarantees: its answer is passed on; the other two are 502 and 413, with a message as AWS's.
#[tokio::test]
async fn failures_have_the_status_of_a_gateway() {
    let throttled = async || (StatusCode::TOO_MANY_REQUESTS, "slowly").into_response();
    let origin = serve(Router::new().fallback(any(throttled))).await;
    let answer = post(&proxy_to(&origin).await).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (429, "slowly"));

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = post(&proxy_to(&format!("http://{closed}")).await).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let said: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert!(said["message"].as_str().unwrap().starts_with("AWS is not reached: "), "{said}");

    let large = vec![0; REQUEST_LIMIT_BYTES + 1];
    let outcome = post(&proxy_to(&origin).await).header("expect", "100-continue").body(large).send().await;
    // The answer may come before the body is sent.
    assert!(outcome.is_err() || outcome.is_ok_and(|answer| answer.status() == 413));
}

/// Scenario: requests fail in every way.
/// Guarantees: the status says whose fault it is.
#[test]
fn each_failure_has_a_status() {
    for (error, status) in [
        (ForwardError::Timeout, 504),
        (ForwardError::Sign(SignError::NoCredentials("none".to_owned())), 502),
        (ForwardError::Unreachable(String::new()), 502),
        (ForwardError::Path, 400),
        (ForwardError::Read(ReadError::TooLarge { limit_bytes: 1 }), 413),
        (ForwardError::Read(ReadError::Stalled), 408),
    ] {
        assert_eq!(error.status().as_u16(), status, "{error}");
    }
}
