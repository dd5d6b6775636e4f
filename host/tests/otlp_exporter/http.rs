//! The exporter `otlp_http` against axum's server.
use std::{io::Read as _, time::Duration};

use prost::Message as _;
use serde_json::json;
use spanloom::{
    component::{ExportError, Exported},
    receipt::Code,
};
use tokio::{io::AsyncReadExt as _, net::TcpListener};
use wire::Signal;

use crate::{
    data::{batch, http, logs, metrics, span_batch, traces},
    http_destination::{Destination, answer},
};

/// Scenario: a merged batch of traces, metrics and logs are exported without compression.
/// Guarantees: each arrives on its signal's path, byte for byte, with its type and length.
#[tokio::test]
async fn the_very_bytes_of_every_signal_arrive_on_its_path() {
    let destination = Destination::start([]).await;
    let exporter = http(json!({"endpoint": destination.endpoint(), "compression": "none"}));
    let mut merged = span_batch(2);
    merged.merge(span_batch(3)).unwrap();
    let batches = [merged, batch(Signal::Metrics, &metrics()), batch(Signal::Logs, &logs())];
    for batch in &batches {
        assert_eq!(exporter.export(batch).await, Ok(Exported::default()));
    }
    let paths = ["/v1/traces", "/v1/metrics", "/v1/logs"];
    for ((kept, batch), path) in destination.kept().iter().zip(&batches).zip(paths) {
        assert_eq!((kept.path.as_str(), &kept.body[..]), (path, &batch.chunks().concat()[..]));
        assert_eq!(kept.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(kept.header("content-length"), Some(batch.encoded_len().to_string().as_str()));
        assert_eq!((kept.header("content-encoding"), kept.header("transfer-encoding")), (None, None));
    }
    assert_eq!(destination.kept().len(), 3);
}

/// Scenario: the encoding is JSON.
/// Guarantees: the body means the same as the protobuf request.
#[tokio::test]
async fn json_is_what_protobuf_would_have_said() {
    let destination = Destination::start([]).await;
    let config = json!({"endpoint": destination.endpoint(), "encoding": "json", "compression": "none"});
    assert_eq!(http(config).export(&span_batch(2)).await, Ok(Exported::default()));
    let kept = destination.kept().remove(0);
    assert_eq!(kept.header("content-type"), Some("application/json"));
    let protobuf = wire::json::from_json(Signal::Traces, &kept.body).unwrap();
    assert_eq!(protobuf, traces(2).encode_to_vec());
}

/// Scenario: a batch is exported with the default compression (gzip, as in the Collector) and with zstd.
/// Guarantees: the request names its compression, and the decompressed body is the batch.
#[tokio::test]
async fn a_compressed_body_says_so_and_can_be_read() {
    let destination = Destination::start([]).await;
    let endpoint = destination.endpoint();
    let plain = span_batch(100);
    http(json!({"endpoint": endpoint})).export(&plain).await.unwrap();
    http(json!({"endpoint": endpoint, "compression": "zstd"})).export(&plain).await.unwrap();
    let [gzip, zstd] = &destination.kept()[..] else { panic!("two requests were sent") };
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut body).unwrap();
    assert_eq!(body, plain.chunks().concat());
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    assert_eq!(zstd::decode_all(&zstd.body[..]).unwrap(), plain.chunks().concat());
}

/// Scenario: the destination answers with errors of several statuses.
/// Guarantees: 429 and 503 are retryable, 413 is too large, and the others are permanent. Each has the code that
/// its sender is told.
#[tokio::test]
async fn what_the_destination_answers_decides_whether_to_try_again() {
    let script = [
        answer(429, &[("retry-after", "7")], ""),
        answer(503, &[], "over\nloaded"),
        answer(500, &[], ""),
        answer(413, &[], ""),
        answer(401, &[], ""),
        answer(403, &[], ""),
        answer(404, &[], ""),
        answer(400, &[("content-type", "application/json")], r#"{"code": 3, "message": "no name"}"#),
    ];
    let destination = Destination::start(script).await;
    let exporter = http(json!({"endpoint": destination.endpoint()}));
    let retryable = |message: &str, code, after: Option<u64>| ExportError::Retryable {
        message: message.into(),
        code,
        after: after.map(Duration::from_secs),
    };
    let permanent = |message: &str, code| ExportError::Permanent { message: message.into(), code };
    for expected in [
        retryable("HTTP 429 Too Many Requests", Code::ResourceExhausted, Some(7)),
        retryable("HTTP 503 Service Unavailable: over loaded", Code::Unavailable, None),
        permanent("HTTP 500 Internal Server Error", Code::Unknown),
        ExportError::TooLarge { message: "HTTP 413 Payload Too Large".into(), code: Code::Unknown },
        permanent("HTTP 401 Unauthorized", Code::Unauthenticated),
        permanent("HTTP 403 Forbidden", Code::PermissionDenied),
        permanent("HTTP 404 Not Found", Code::Unimplemented),
        permanent("HTTP 400 Bad Request: no name", Code::InvalidArgument),
    ] {
        assert_eq!(exporter.export(&span_batch(1)).await, Err(expected));
    }
}

/// Scenario: a destination sets a cookie with an error and with a success; the exporter keeps cookies or does not,
/// or has a `cookie` among its `headers`.
/// Guarantees: the next request has the cookie, unless the config says otherwise.
#[tokio::test]
async fn a_destinations_cookies_come_back_to_it() {
    let sets = |cookie: &str| answer(503, &[("set-cookie", cookie)], "");
    for (more, expected) in [
        (json!({"cookies": {"enabled": true}}), [None, Some("lb=1"), Some("lb=2")]),
        (json!({}), [None; 3]),
        (json!({"cookies": {}, "headers": {"cookie": "own"}}), [Some("own"); 3]),
    ] {
        let destination = Destination::start([sets("lb=1"), sets("lb=2; Path=/v1")]).await;
        let mut config = more.clone();
        config["endpoint"] = json!(destination.endpoint());
        let exporter = http(config);
        for _ in 0..3 {
            let _ = exporter.export(&span_batch(1)).await;
        }
        let cookies: Vec<Option<String>> =
            destination.kept().iter().map(|kept| kept.header("cookie").map(str::to_owned)).collect();
        assert_eq!(cookies.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "{more}");
    }
}

/// Scenario: the destination rejects two of five spans, once in protobuf and once in JSON.
/// Guarantees: the exporter reports the number and the destination's message.
#[tokio::test]
async fn partial_success_is_told_in_either_encoding() {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "old".into() };
    let response = ExportTraceServiceResponse { partial_success: Some(partial) };
    let protobuf = String::from_utf8(response.encode_to_vec()).unwrap();
    let json = r#"{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "old"}}"#;
    let script = [
        answer(200, &[("content-type", "application/x-protobuf")], protobuf),
        answer(200, &[("content-type", "application/json")], json),
    ];
    let destination = Destination::start(script).await;
    let exporter = http(json!({"endpoint": destination.endpoint()}));
    for _ in 0..2 {
        let exported = exporter.export(&span_batch(5)).await;
        assert_eq!(exported, Ok(Exported { rejected: 2, message: "old".into() }));
    }
}

/// Scenario: the destination's answer has 5 MiB.
/// Guarantees: the exporter does not read the answer, but an error status still counts.
#[tokio::test]
async fn an_answer_above_the_limit_is_not_read() {
    let long = "x".repeat(5 << 20);
    let destination = Destination::start([answer(200, &[], long.clone()), answer(503, &[], long)]).await;
    let exporter = http(json!({"endpoint": destination.endpoint()}));
    let error = exporter.export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Permanent { .. }), "{error:?}");
    let error = exporter.export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Retryable { .. }), "the status still counts: {error:?}");
}

/// Scenario: the config has headers and an authenticator.
/// Guarantees: both reach the destination.
#[tokio::test]
async fn headers_and_authentication_reach_the_destination() {
    let destination = Destination::start([]).await;
    let exporter = http(json!({
        "endpoint": destination.endpoint(),
        "headers": {"x-scope-orgid": "team"},
        "auth": {"authenticator": "token"},
    }));
    exporter.export(&span_batch(1)).await.unwrap();
    let kept = destination.kept().remove(0);
    assert_eq!(kept.header("x-scope-orgid"), Some("team"));
    assert_eq!(kept.header("authorization"), Some("Bearer sesame"));
    assert!(kept.header("user-agent").unwrap().starts_with("spanloom/"));
}

/// Scenario: a destination hangs up, and then nobody listens; the URL has a key in its query.
/// Guarantees: the failures are retryable; they name the address and not the key.
#[tokio::test]
async fn no_answer_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = json!({"traces_endpoint": format!("http://{address}/in?key=sesame")});
    let exporter = http(config);
    let hang_up = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 64]).await;
    });
    for _ in 0..2 {
        let error = exporter.export(&span_batch(1)).await.unwrap_err();
        assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(&address.to_string()) && !message.contains("sesame"), "{message}");
    }
    hang_up.await.unwrap();
}

/// Scenario: the config has an address for traces only, and logs are exported.
/// Guarantees: nothing is sent, and the error names the missing key.
#[tokio::test]
async fn a_signal_without_an_address_is_not_sent_to_anothers() {
    let destination = Destination::start([]).await;
    let exporter = http(json!({"traces_endpoint": format!("{}/in", destination.endpoint())}));
    let error = exporter.export(&batch(Signal::Logs, &logs())).await.unwrap_err();
    assert!(error.to_string().contains("logs_endpoint"), "{error}");
    assert!(destination.kept().is_empty());
}
