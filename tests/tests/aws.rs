//! AWS by OTLP: requests are signed, and within the limits of its endpoints. The proxy that signs.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use serde_json::json;
use spanloom_tests::{
    Spanloom,
    aws::{Asked, Aws, CREDENTIALS},
    ledger::Account,
    otlp::client::{http_client, post},
    spanloom::free_address,
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A config whose exporter signs for a region that only the environment names.
fn config(aws: SocketAddr, limits: &str, service: &str, headers: &str) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}, http: {{endpoint: \"${{env:HTTP}}\"}}}}}}}}
extensions:
  sigv4auth: {{service: {service}}}
exporters:
  otlp_http/aws:
    endpoint: http://{aws}
    auth: {{authenticator: sigv4auth}}
    headers: {{{headers}}}
    limits: {limits}
    retry_on_failure: {{enabled: false}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http/aws]}}
    logs: {{receivers: [otlp], exporters: [otlp_http/aws]}}
"
    )
}

async fn start(config: &str, extensions: &str) -> Spanloom {
    let environment = [&CREDENTIALS[..], &[("AWS_REGION", "us-west-2")]].concat();
    let extensions = format!("service::extensions=[health_check, {extensions}]");
    Spanloom::start_in(config, &["--set", &extensions], &environment).await
}

/// Returns a time so long from now, in nanoseconds.
fn at(ahead: Duration, ago: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    (now + ahead - ago).as_nanos() as u64
}

fn ago(ago: Duration) -> u64 {
    at(Duration::ZERO, ago)
}

fn text(key: &str, value: String) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value)) }),
        ..KeyValue::default()
    }
}

/// Returns a span with a name and an attribute of so many bytes.
fn span(name: &str, start: u64, bytes: usize) -> Span {
    let attributes = if bytes > 0 { vec![text("large", "x".repeat(bytes))] } else { Vec::new() };
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        attributes,
        ..Span::default()
    }
}

fn of_service(service: &str, bytes: usize, spans: Vec<Span>) -> ResourceSpans {
    let attributes = vec![text("service.name", service.to_owned()), text("rest", "y".repeat(bytes))];
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

async fn send_spans(to: SocketAddr, resource_spans: Vec<ResourceSpans>) {
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let answer = post(to, "/v1/traces", "application/x-protobuf", body.into()).await;
    assert_eq!(answer.status(), 200);
}

/// Returns the names of the spans of the requests that were taken.
fn names(asked: &[Asked]) -> Vec<String> {
    let mut names = Vec::new();
    for asked in asked.iter().filter(|asked| asked.refusal.is_none()) {
        let request = ExportTraceServiceRequest::decode(asked.plain()).expect("spans");
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        names.extend(scopes.flat_map(|scope| scope.spans).map(|span| span.name));
    }
    names.sort();
    names
}

fn assert_nothing_refused(asked: &[Asked]) {
    let refused: Vec<_> = asked.iter().filter_map(|asked| asked.refusal.as_deref()).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

fn dropped(account: &Account) -> Vec<(&str, u64)> {
    account.dropped.iter().map(|(reason, items)| (reason.as_str(), *items)).collect()
}

/// Scenario: among good spans are some that AWS would never take: large, of a large resource, old, from the future.
/// The good ones are of two days, and in other requests are too many, or too large together.
/// Guarantees: AWS refuses no request; the bad spans are dropped and counted by their reasons, and no other is. Every
/// request is signed for the region of the environment.
#[tokio::test]
async fn one_span_that_aws_would_not_take_costs_no_other() {
    let aws = Aws::start().await;
    let spanloom = start(&config(aws.address, "aws_xray", "xray", ""), "sigv4auth").await;
    let mixed = vec![
        span("now", ago(Duration::ZERO), 0),
        span("large", ago(Duration::ZERO), 200_000),
        span("nearly large", ago(HOUR), 199_000),
        span("old", ago(14 * DAY + HOUR), 0),
        span("new", at(3 * HOUR, Duration::ZERO), 0),
        span("ahead", at(HOUR, Duration::ZERO), 0),
        span("two weeks", ago(14 * DAY - HOUR), 0),
        span("yesterday", ago(DAY), 0),
    ];
    let heavy = vec![span("of a large resource", ago(Duration::ZERO), 0)];
    send_spans(spanloom.http, vec![of_service("a", 0, mixed), of_service("b", 16_000, heavy)]).await;
    aws.wait_for_requests(3).await;
    let expected = ["ahead", "nearly large", "now", "two weeks", "yesterday"];
    assert_eq!(names(&aws.asked()), expected);

    let many = (0..10_500).map(|_| span("many", ago(Duration::ZERO), 0)).collect();
    send_spans(spanloom.http, vec![of_service("many", 0, many)]).await;
    let much = |service| {
        let spans = (0..20).map(|_| span("much", ago(Duration::ZERO), 150_000)).collect();
        of_service(service, 0, spans)
    };
    send_spans(spanloom.http, vec![much("much"), much("more")]).await;
    let asked = aws.wait_for_requests(3 + 2 + 2).await;
    assert_nothing_refused(&asked);
    assert_eq!(asked.len(), 7);
    assert_eq!(names(&asked).len(), expected.len() + 10_500 + 40);
    for asked in &asked {
        assert!(asked.header("authorization").contains("/us-west-2/xray/aws4_request"));
    }
    aws.check_signatures().await;
    let ledger = spanloom.finish().await;
    let account = &ledger[&("traces".to_owned(), "otlp_http/aws".to_owned())];
    assert_eq!(dropped(account), [("too_large", 2), ("too_new", 1), ("too_old", 1)]);
    assert_eq!(account.delivered, 5 + 10_500 + 40);
}

/// Scenario: log records of two megabytes together, one of them too old and one without a time, are sent to a log group.
/// Guarantees: the requests are within the limits, with the headers that name the group; only the old one is dropped.
#[tokio::test]
async fn log_records_arrive_in_requests_of_a_megabyte() {
    let aws = Aws::start().await;
    let headers = "x-aws-log-group: shop, x-aws-log-stream: default";
    let limits = "{preset: aws_logs, request_items: 15}";
    let spanloom = start(&config(aws.address, limits, "logs", headers), "sigv4auth").await;
    let record = |time: u64, bytes: usize| LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: ago(Duration::ZERO),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue("x".repeat(bytes))) }),
        ..LogRecord::default()
    };
    let mut log_records: Vec<LogRecord> = (0..40).map(|_| record(ago(HOUR), 50_000)).collect();
    log_records.push(record(ago(15 * DAY), 10));
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }],
    };
    let answer =
        post(spanloom.http, "/v1/logs", "application/x-protobuf", request.encode_to_vec().into()).await;
    assert_eq!(answer.status(), 200);
    let asked = aws.wait_for_requests(3).await;
    assert_nothing_refused(&asked);
    for asked in &asked {
        assert_eq!((asked.header("x-aws-log-group"), asked.header("x-aws-log-stream")), ("shop", "default"));
        assert!(asked.header("authorization").contains("/us-west-2/logs/aws4_request"));
    }
    aws.check_signatures().await;
    let ledger = spanloom.finish().await;
    let account = &ledger[&("logs".to_owned(), "otlp_http/aws".to_owned())];
    assert_eq!((account.delivered, dropped(account)), (40, vec![("too_old", 1)]));
}

/// Scenario: an X-Ray SDK asks for its sampling targets through `awsproxy`, with fields that AWS may add one day.
/// Guarantees: AWS gets the same path, query and body, signed; the SDK gets AWS's answer. Without AWS, it gets 502.
#[tokio::test]
async fn an_sdk_reaches_x_ray_through_the_proxy() {
    let (aws, nobody) = (Aws::start().await, free_address());
    let (listens, listens_too) = (free_address(), free_address());
    let config = format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}, http: {{endpoint: \"${{env:HTTP}}\"}}}}}}}}
extensions:
  awsproxy: {{endpoint: '{listens}', aws_endpoint: 'http://{}', local_mode: true}}
  awsproxy/nobody: {{endpoint: '{listens_too}', aws_endpoint: 'http://{nobody}', region: eu-west-1}}
exporters: {{nop: }}
service:
  pipelines: {{traces: {{receivers: [otlp], exporters: [nop]}}}}
",
        aws.address
    );
    let spanloom = start(&config, "awsproxy, awsproxy/nobody").await;
    let body = json!({"SamplingStatisticsDocuments": [], "SamplingBoostStatistics": [{"New": [null, 1.5]}]})
        .to_string();
    let ask = |to: SocketAddr| {
        let request = http_client().post(format!("http://{to}/SamplingTargets?a=%20b"));
        request.header("content-type", "application/json").header("authorization", "none").body(body.clone())
    };
    assert_eq!(ask(listens).send().await.expect("an answer").status(), 200);
    let [asked] = aws.asked().try_into().expect("one request");
    assert_eq!((asked.uri.to_string().as_str(), &*asked.body), ("/SamplingTargets?a=%20b", body.as_bytes()));
    assert!(asked.header("authorization").contains("/us-west-2/xray/aws4_request"));
    aws.check_signatures().await;
    let answer = ask(listens_too).send().await.expect("an answer");
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.expect("text").contains("AWS is not reached"));
    spanloom.finish().await;
}
