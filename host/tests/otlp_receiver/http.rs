//! The receiver over OTLP/HTTP.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
};
use prost::Message;
use reqwest::{Method, RequestBuilder, Response, header::CONTENT_TYPE};
use serde_json::{Value as Json, json};
use spanloom::{
    component::Extensions,
    receipt::{Code, Failure, Reason, Retry},
};
use wire::Signal;

use crate::support::{
    AllSignals, Pipeline, Subject, gzip, logs, malformed, metrics, traces, traces_named, with_a_bad_id,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn request(subject: &Subject, path: &str, content_type: &str) -> RequestBuilder {
    reqwest::Client::new().post(subject.http_url(path)).header(CONTENT_TYPE, content_type)
}

async fn post(subject: &Subject, content_type: &str, body: impl Into<reqwest::Body>) -> Response {
    request(subject, "/v1/traces", content_type).body(body).send().await.unwrap()
}

async fn before(pipeline: Pipeline) -> Subject {
    let config = json!({ "acknowledge": "delivered" });
    Subject::before(pipeline, &Signal::ALL_OF_THEM, Extensions::default(), config).await
}

/// Checks an error: its body is a `google.rpc.Status` in the format of the request.
async fn check_refused(response: Response, status: u16, code: i32) -> tonic_types::Status {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()[CONTENT_TYPE], PROTOBUF);
    let body = tonic_types::Status::decode(response.bytes().await.unwrap()).unwrap();
    assert_eq!(body.code, code, "{body:?}");
    assert!(!body.message.is_empty());
    body
}

async fn check_refused_json(response: Response, status: u16, code: i32) -> Json {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()[CONTENT_TYPE], JSON);
    let body: Json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
    body
}

/// Scenario: a request of each signal comes as protobuf.
/// Guarantees: the pipeline gets the exact bytes, and the answer is an empty 200 in protobuf.
#[tokio::test]
async fn every_signal_arrives_as_it_was_sent() {
    let subject = Subject::start(json!({})).await;
    let expected = vec![
        (Signal::Traces, traces().encode_to_vec()),
        (Signal::Metrics, metrics().encode_to_vec()),
        (Signal::Logs, logs().encode_to_vec()),
    ];
    for (signal, bytes) in &expected {
        let answer =
            request(&subject, &format!("/v1/{signal}"), PROTOBUF).body(bytes.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CONTENT_TYPE], PROTOBUF);
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    assert_eq!(subject.pipeline.received(), expected);
}

/// Scenario: a request comes as JSON.
/// Guarantees: the pipeline gets the protobuf of the same meaning, and the answer is JSON.
#[tokio::test]
async fn json_arrives_as_the_protobuf_that_it_means() {
    let subject = Subject::start(json!({})).await;
    let span = json!({ "traceId": "07".repeat(16), "spanId": "08".repeat(8), "name": "GET /" });
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] });
    let answer = post(&subject, "application/json; charset=utf-8", body.to_string()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CONTENT_TYPE], JSON);
    assert_eq!(answer.text().await.unwrap(), "{}");
    let received = subject.pipeline.received();
    assert_eq!(ExportTraceServiceRequest::decode(&*received[0].1).unwrap(), traces());
}

/// Scenario: a request comes uncompressed and with gzip, zstd and deflate.
/// Guarantees: the pipeline gets the decompressed bytes.
#[tokio::test]
async fn every_compression_is_taken() {
    let subject = Subject::start(json!({})).await;
    let plain = traces().encode_to_vec();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zlib, &plain).unwrap();
    let bodies = [
        ("identity", plain.clone()),
        ("gzip", gzip(&plain)),
        ("zstd", zstd::encode_all(&*plain, 1).unwrap()),
        ("deflate", zlib.finish().unwrap()),
    ];
    for (encoding, body) in bodies {
        let request = request(&subject, "/v1/traces", PROTOBUF).header("content-encoding", encoding);
        assert_eq!(request.body(body).send().await.unwrap().status(), 200, "{encoding}");
    }
    assert_eq!(subject.pipeline.received(), vec![(Signal::Traces, plain); 4]);
}

/// Scenario: a request has no spans, in protobuf or in JSON.
/// Guarantees: the answer is a success, and the pipeline gets nothing.
#[tokio::test]
async fn an_empty_request_is_a_success() {
    let subject = Subject::start(json!({})).await;
    assert_eq!(post(&subject, PROTOBUF, "").await.status(), 200);
    assert_eq!(post(&subject, JSON, "{}").await.status(), 200);
    assert_eq!(subject.pipeline.received(), vec![]);
}

/// Scenario: requests are malformed, in protobuf, in JSON and in their compression.
/// Guarantees: the answer is 400; where a field is wrong, the answer names it.
#[tokio::test]
async fn bad_data_is_answered_with_the_field() {
    let subject = Subject::start(json!({})).await;
    let body = check_refused(post(&subject, PROTOBUF, malformed()).await, 400, 3).await;
    assert_eq!(body.details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");
    let bad = tonic_types::pb::BadRequest::decode(&*body.details[0].value).unwrap();
    assert_eq!(bad.field_violations[0].field, "resource_spans[0].scope_spans[0].spans[1].name");

    let body = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "not hex"}]}]}]}"#;
    let body = check_refused_json(post(&subject, JSON, body).await, 400, 3).await;
    let violation = &body["details"][0]["fieldViolations"][0];
    assert_eq!(violation["field"], "resourceSpans[0].scopeSpans[0].spans[0].traceId");

    check_refused_json(post(&subject, JSON, "{").await, 400, 3).await;
    let lies = request(&subject, "/v1/traces", PROTOBUF).header("content-encoding", "gzip").body("not gzip");
    check_refused(lies.send().await.unwrap(), 400, 3).await;
    assert_eq!(subject.pipeline.received(), vec![]);
}

/// Scenario: one span of a request has a trace id of eight bytes; then a request has only such a span.
/// Guarantees: the span is left out and its sender told, because a strict destination would refuse the batch.
#[tokio::test]
async fn a_span_with_an_id_of_a_wrong_length_is_left_out_and_its_sender_told() {
    let subject = Subject::start(json!({})).await;
    let answer = post(&subject, PROTOBUF, with_a_bad_id(false)).await;
    assert_eq!(answer.status(), 200);
    let answer = ExportTraceServiceResponse::decode(answer.bytes().await.unwrap()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    let why = "resource_spans[0].scope_spans[0].spans[1].trace_id";
    assert!(partial.error_message.contains(why), "{partial:?}");

    let span = |id: &str| json!({ "traceId": id, "spanId": "08".repeat(8), "name": "GET /" });
    let (good, bad) = (span(&"07".repeat(16)), span(&"07".repeat(8)));
    let body =
        |spans: &[&Json]| json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] }).to_string();
    let answer = post(&subject, JSON, body(&[&good, &bad])).await;
    assert_eq!(answer.status(), 200);
    let answer: Json = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1");

    for (_, received) in subject.pipeline.received() {
        assert_eq!(ExportTraceServiceRequest::decode(&*received).unwrap(), traces());
    }
    assert_eq!(subject.pipeline.received().len(), 2);

    let body = check_refused_json(post(&subject, JSON, body(&[&bad])).await, 400, 3).await;
    let violation = &body["details"][0]["fieldViolations"][0];
    assert_eq!(violation["field"], "resource_spans[0].scope_spans[0].spans[0].trace_id", "{body}");
}

/// Scenario: a span's name has a byte that is not UTF-8, or half a surrogate pair.
/// Guarantees: U+FFFD replaces it, and the span arrives.
#[tokio::test]
async fn text_that_is_none_is_mended() {
    let subject = Subject::start(json!({})).await;
    let named = (Signal::Traces, traces_named("GET \u{fffd}".to_owned()).encode_to_vec());
    assert_eq!(post(&subject, PROTOBUF, with_a_bad_id(true)).await.status(), 200);
    let json = |name: &[u8]| {
        let ids = format!(r#""traceId":"{}","spanId":"{}""#, "07".repeat(16), "08".repeat(8));
        let head = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"name":""#);
        [head.as_bytes(), name, br#""}]}]}]}"#].concat()
    };
    assert_eq!(post(&subject, JSON, json(br"GET \ud800")).await.status(), 200);
    assert_eq!(post(&subject, JSON, json(b"GET \xff")).await.status(), 200);
    assert_eq!(subject.pipeline.received(), [named.clone(), named.clone(), named]);
}

/// Scenario: the attribute of a span nests a hundred lists, in JSON and in protobuf.
/// Guarantees: the span arrives with the lists that a destination may have, and the sender is told.
#[tokio::test]
async fn a_value_that_nests_too_deep_is_cut_and_its_sender_told() {
    let subject = Subject::start(json!({})).await;
    let lists = (0..100).fold(AnyValue { value: Some(Value::IntValue(7)) }, |inner, _| AnyValue {
        value: Some(Value::ArrayValue(ArrayValue { values: vec![inner] })),
    });
    let mut request = traces();
    let attribute = KeyValue { key: "deep".to_owned(), value: Some(lists), ..KeyValue::default() };
    request.resource_spans[0].scope_spans[0].spans[0].attributes.push(attribute);
    let answer = post(&subject, PROTOBUF, request.encode_to_vec()).await;
    assert_eq!(answer.status(), 200);
    let answer = ExportTraceServiceResponse::decode(answer.bytes().await.unwrap()).unwrap();
    let told = answer.partial_success.unwrap();
    let words = "values nested too deep and were cut, at 1 places";
    assert_eq!((told.rejected_spans, &*told.error_message), (0, words));

    let value = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(100), "]}}".repeat(100));
    let ids = format!(r#""traceId":"{}","spanId":"{}""#, "07".repeat(16), "08".repeat(8));
    let span = format!(r#"{{{ids},"name":"GET /","attributes":[{{"key":"deep","value":{value}}}]}}"#);
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    let answer = post(&subject, JSON, body).await;
    assert_eq!(answer.status(), 200);
    let answer: Json = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(answer, json!({ "partialSuccess": { "errorMessage": words } }));

    assert_eq!(subject.pipeline.received().len(), 2);
    for (_, received) in subject.pipeline.received() {
        let mut received = ExportTraceServiceRequest::decode(&*received).unwrap();
        received.resource_spans[0].scope_spans[0].spans[0].attributes.clear();
        assert_eq!(received, traces());
    }
}

/// Scenario: the pipeline refuses a batch as retryable.
/// Guarantees: the answer is 503 with the reason.
#[tokio::test]
async fn what_may_succeed_later_is_503() {
    let failure = Failure::retryable(Reason::QueueFull, "no room");
    let subject = before(Pipeline { refuses_with: Some(failure), ..Pipeline::default() }).await;
    let response = post(&subject, PROTOBUF, traces().encode_to_vec()).await;
    assert!(!response.headers().contains_key("retry-after"));
    assert_eq!(check_refused(response, 503, 14).await.message, "no room");
}

/// Scenario: the pipeline refuses a batch and asks for a retry after 1.5 s.
/// Guarantees: `retry-after` has whole seconds, rounded up, and the body has the exact delay.
#[tokio::test]
async fn a_known_delay_is_told_in_retry_after() {
    let retry = Retry::After(Some(Duration::from_millis(1500)));
    let failure = Failure { retry, ..Failure::retryable(Reason::QueueFull, "no room") };
    let subject = before(Pipeline { refuses_with: Some(failure), ..Pipeline::default() }).await;
    let response = post(&subject, PROTOBUF, traces().encode_to_vec()).await;
    assert_eq!(response.headers()["retry-after"], "2");
    let body = check_refused(response, 503, 14).await;
    let retry = tonic_types::pb::RetryInfo::decode(&*body.details[0].value).unwrap();
    let delay = retry.retry_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
}

/// Scenario: the pipeline refuses a batch for good.
/// Guarantees: the answer is 500.
#[tokio::test]
async fn what_will_never_succeed_is_500() {
    let failure = Failure::permanent(Reason::Rejected, "bad destination");
    let subject = before(Pipeline { refuses_with: Some(failure), ..Pipeline::default() }).await;
    check_refused(post(&subject, PROTOBUF, traces().encode_to_vec()).await, 500, 13).await;
}

/// Scenario: a destination has answered with each code, for good or for the moment.
/// Guarantees: the sender is told the status that the Collector has for the code, and the code in the body.
#[tokio::test]
async fn what_a_destination_answered_is_told() {
    let told = async |failure: Failure, status: u16| {
        let code = failure.code.number();
        let subject = before(Pipeline { refuses_with: Some(failure), ..Pipeline::default() }).await;
        let response = post(&subject, PROTOBUF, traces().encode_to_vec()).await;
        assert!(!response.headers().contains_key("retry-after"));
        check_refused(response, status, code).await;
    };
    for code in Code::ALL {
        let (failure, status) = match code {
            _ if code.is_retryable() => (Failure::retryable(Reason::RetriesExhausted, "no"), 503),
            Code::InvalidArgument => (Failure::permanent(Reason::Rejected, "no"), 400),
            Code::Unauthenticated => (Failure::permanent(Reason::Rejected, "no"), 401),
            Code::PermissionDenied => (Failure::permanent(Reason::Rejected, "no"), 403),
            Code::Unimplemented => (Failure::permanent(Reason::Rejected, "no"), 404),
            Code::ResourceExhausted => (Failure::retryable(Reason::RetriesExhausted, "no"), 429),
            _ => (Failure::permanent(Reason::Rejected, "no"), 500),
        };
        told(failure.with_code(code), status).await;
    }
    let too_large = Failure::permanent(Reason::TooLarge, "no").with_code(Code::ResourceExhausted);
    told(too_large, 413).await;
}

/// Scenario: the destination rejects a part of the batch.
/// Guarantees: the answer is a success with the destination's message as a warning.
#[tokio::test]
async fn a_partial_delivery_is_a_success_with_a_warning() {
    let failure = Failure::permanent(Reason::PartiallyRejected, "3 spans were too old");
    let subject = before(Pipeline { fails_with: Some(failure), ..Pipeline::default() }).await;
    let response = post(&subject, PROTOBUF, traces().encode_to_vec()).await;
    assert_eq!(response.status(), 200);
    let body = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = body.partial_success.unwrap();
    assert_eq!((partial.rejected_spans, &*partial.error_message), (0, "3 spans were too old"));
    let span = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{ "name": "x" }] }] }] });
    let response = post(&subject, JSON, span.to_string()).await;
    let body: Json = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body, json!({ "partialSuccess": { "errorMessage": "3 spans were too old" } }));
}

/// Scenario: requests come with other methods.
/// Guarantees: the answer is 405 and allows POST.
#[tokio::test]
async fn only_post_is_allowed() {
    let subject = Subject::start(json!({})).await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = reqwest::Client::new().request(method, subject.http_url("/v1/traces"));
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["allow"], "POST");
        check_refused_json(response, 405, 12).await;
    }
    let head = reqwest::Client::new().head(subject.http_url("/v1/logs")).send().await.unwrap();
    assert_eq!(head.status(), 405);
}

/// Scenario: requests have a content type or an encoding that is not supported.
/// Guarantees: the answer is 415 and lists the supported ones.
#[tokio::test]
async fn other_types_and_encodings_are_told_what_is_accepted() {
    let subject = Subject::start(json!({})).await;
    for content_type in ["text/plain", "application/octet-stream", "application/x-protobuf-not"] {
        let response = post(&subject, content_type, "x").await;
        assert_eq!(response.headers()["accept"], "application/x-protobuf, application/json");
        check_refused_json(response, 415, 12).await;
    }
    let request = request(&subject, "/v1/traces", PROTOBUF).header("content-encoding", "br").body("x");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["accept-encoding"], "gzip, zstd, deflate, snappy, x-snappy-framed, lz4");
    check_refused(response, 415, 12).await;
}

/// Scenario: requests come to paths that the config does not have.
/// Guarantees: the answer is 404.
#[tokio::test]
async fn other_paths_are_not_found() {
    let pipeline = Pipeline::default();
    let config = json!({ "protocols": { "http": { "traces_url_path": "/custom/{traces}" } } });
    let subject = Subject::before(pipeline, &[Signal::Traces], Extensions::default(), config).await;
    for path in ["/", "/v1/traces", "/v1/logs", "/v1development/profiles"] {
        let response = request(&subject, path, PROTOBUF).body(traces().encode_to_vec()).send().await.unwrap();
        check_refused(response, 404, 12).await;
    }
}

/// Scenario: the config sets the path of traces, with a colon in it.
/// Guarantees: traces are accepted on exactly this path.
#[tokio::test]
async fn the_paths_are_the_users_choice() {
    let config = json!({ "protocols": { "http": { "traces_url_path": "custom/:traces" } } });
    let subject = Subject::start(config).await;
    let request = request(&subject, "/custom/:traces", PROTOBUF).body(traces().encode_to_vec());
    assert_eq!(request.send().await.unwrap().status(), 200);
}

/// Scenario: requests are above the limit: with a length, without one, and after decompression.
/// Guarantees: they are refused with 413, and others are served.
#[tokio::test]
async fn what_is_larger_than_the_limit_is_413() {
    let config = json!({ "protocols": { "http": { "max_request_body_size": 1 << 20 } } });
    let subject = Subject::start(config).await;
    check_refused(post(&subject, PROTOBUF, vec![0; (1 << 20) + 1]).await, 413, 8).await;
    // Without a length, the receiver notices while it reads.
    let pieces = futures::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![0u8; 100_000])));
    check_refused(post(&subject, PROTOBUF, reqwest::Body::wrap_stream(pieces)).await, 413, 8).await;
    let bomb = vec![0; 64 << 20];
    for (encoding, body) in [("gzip", gzip(&bomb)), ("zstd", zstd::encode_all(&*bomb, 1).unwrap())] {
        let request = request(&subject, "/v1/traces", PROTOBUF).header("content-encoding", encoding);
        check_refused(request.body(body).send().await.unwrap(), 413, 8).await;
    }
    assert_eq!(subject.pipeline.received(), vec![]);
    assert_eq!(post(&subject, PROTOBUF, traces().encode_to_vec()).await.status(), 200);
}

/// Scenario: a request of 65 MiB comes to a receiver with the default limit.
/// Guarantees: the request is refused with 413.
#[tokio::test]
async fn sixty_five_mib_are_413() {
    let subject = Subject::start(json!({})).await;
    check_refused(post(&subject, PROTOBUF, vec![0; 65 << 20]).await, 413, 8).await;
}

/// Scenario: a client speaks HTTP/2 to the HTTP port.
/// Guarantees: its request is accepted.
#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    let subject = Subject::start(json!({})).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = client.post(subject.http_url("/v1/traces")).header(CONTENT_TYPE, PROTOBUF);
    let response = request.body(traces().encode_to_vec()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, reqwest::Version::HTTP_2));
}

async fn preflight(config: Json, origin: &str) -> Response {
    let subject = Subject::start(json!({ "protocols": { "http": { "cors": config } } })).await;
    let request = reqwest::Client::new().request(Method::OPTIONS, subject.http_url("/v1/traces"));
    let request = request.header("origin", origin).header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "content-type,x-team").send().await.unwrap()
}

/// Scenario: a browser asks whether pages of several origins may send.
/// Guarantees: only pages of allowed origins may, with the configured headers and age.
#[tokio::test]
async fn a_page_of_an_allowed_origin_may_send() {
    let config = json!({
        "allowed_origins": ["https://*.example.com"], "allowed_headers": ["X-Team"], "max_age": 7200,
    });
    let response = preflight(config.clone(), "https://app.example.com").await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(response.headers()["access-control-allow-methods"], "POST");
    assert_eq!(response.headers()["access-control-max-age"], "7200");
    let headers = response.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("x-team") && headers.contains("content-type"), "{headers}");
    let other = preflight(config, "https://evil.org").await;
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    let any =
        preflight(json!({ "allowed_origins": ["*"], "allowed_headers": ["*"] }), "https://evil.org").await;
    assert_eq!(any.headers()["access-control-allow-origin"], "*");
    assert!(!any.headers().contains_key("access-control-allow-credentials"));
}
