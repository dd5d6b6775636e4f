//! Tests the requests that are sent, and how spans fail for each answer of the service.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use spanloom_plugin::http::HttpError;
use spanloom_plugin::prelude::*;
use spanloom_xray::XRay;

const CONFIG: &str = r#"{"endpoint": "http://127.0.0.1:5000", "region": "us-east-1"}"#;

fn exporter(config: &str) -> testing::Exporter<XRay> {
    testing::Exporter::new(config).expect("a config")
}

/// Returns `count` spans, each with a trace of its own.
fn spans(count: u128) -> testing::Spans {
    (1..=count).fold(testing::spans("shop"), |spans, at| spans.trace(at).span("GET /"))
}

/// Returns the documents of each request.
fn documents() -> Vec<Vec<Value>> {
    let requests = testing::requests();
    let puts = requests.iter().filter(|request| request.url().ends_with("/TraceSegments"));
    puts.map(|request| {
        let body: Value = serde_json::from_str(request.body_text()).expect("JSON");
        let documents = body["TraceSegmentDocuments"].as_array().expect("documents");
        documents
            .iter()
            .map(|text| serde_json::from_str(text.as_str().expect("text")).expect("JSON"))
            .collect()
    })
    .collect()
}

fn unprocessed(segments: &[(u64, &str)]) -> Vec<u8> {
    let segment = |(id, code): &(u64, &str)| json!({"Id": format!("{id:016x}"), "ErrorCode": code, "Message": format!("about {id}")});
    let segments: Vec<Value> = segments.iter().map(segment).collect();
    json!({"UnprocessedTraceSegments": segments}).to_string().into_bytes()
}

#[test]
fn documents_are_sent_fifty_at_a_time() {
    let mut exporter = exporter(CONFIG);
    for _ in 0..3 {
        testing::answer(200, &[], b"{\"UnprocessedTraceSegments\": []}");
    }
    assert_eq!(exporter.export(spans(120)), Ok(()));
    assert_eq!(documents().iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    let request = &testing::requests()[0];
    assert_eq!((request.method(), request.url()), ("POST", "http://127.0.0.1:5000/TraceSegments"));
    assert_eq!(documents()[2][19]["id"], "0000000000000078");
}

#[test]
fn nothing_is_sent_of_an_empty_batch() {
    assert_eq!(exporter(CONFIG).export(testing::spans("shop")), Ok(()));
    assert_eq!(testing::requests(), []);
}

/// Scenario: of four segments one is throttled, one fails inside the service, and one is bad. Guarantees: the
/// first two are retried, by their rows; the third is dropped and counted by its code.
#[test]
fn what_was_not_processed_comes_again_or_is_dropped_by_its_code() {
    let mut exporter = exporter(CONFIG);
    let codes = [(2, "ThrottledException"), (3, "InternalFailure"), (4, "InvalidSegment")];
    testing::answer(200, &[], &unprocessed(&codes));
    let Err(ExportError::Parts(parts)) = exporter.export(spans(4)) else { panic!("no parts") };
    let said = |code: &str| format!("X-Ray did not process the segment: {code}");
    let expected = vec![
        (vec![1], Failure::retryable(said("ThrottledException"))),
        (vec![2], Failure::retryable(said("InternalFailure"))),
        (vec![3], Failure::permanent(said("InvalidSegment"))),
    ];
    assert_eq!(parts, expected);
    assert_eq!(testing::metric("awsxray_unprocessed_documents{code=\"InvalidSegment\"}"), Some(1.0));
    assert_eq!(testing::metric("awsxray_unprocessed_documents{code=\"ThrottledException\"}"), Some(1.0));
}

/// Scenario: the second of three requests is throttled. Guarantees: the first is delivered, the third is not
/// tried, and the second and third are retried when the service said.
#[test]
fn a_throttle_stops_the_batch_and_says_when_to_come_again() {
    let mut exporter = exporter(CONFIG);
    testing::answer(200, &[], b"{}");
    let body = br#"{"__type": "ThrottledException", "message": "Rate exceeded"}"#;
    testing::answer(429, &[("Retry-After", "3")], body);
    let later =
        Failure::retryable("status 429: ThrottledException: Rate exceeded").after(Duration::from_secs(3));
    let parts = vec![((50..120).collect(), later)];
    assert_eq!(exporter.export(spans(120)), Err(ExportError::Parts(parts)));
    assert_eq!(documents().len(), 2);
}

#[test]
fn an_answer_says_whether_to_come_again() {
    let check = |status: u16, headers: &[(&str, &str)], body: &str, expected: Failure| {
        let mut exporter = exporter(CONFIG);
        testing::answer(status, headers, body.as_bytes());
        assert_eq!(exporter.export(spans(2)), Err(ExportError::Whole(expected)));
    };
    let denied = r#"{"Message": "no permission for xray:PutTraceSegments"}"#;
    let told = "status 403: AccessDeniedException: no permission for xray:PutTraceSegments";
    check(403, &[("x-amzn-ErrorType", "AccessDeniedException:https://x")], denied, Failure::permanent(told));
    check(
        403,
        &[],
        r#"{"code": "ExpiredTokenException"}"#,
        Failure::retryable("status 403: ExpiredTokenException"),
    );
    let throttled = r#"{"__type": "com.amazonaws.xray#ThrottledException"}"#;
    check(400, &[], throttled, Failure::retryable("status 400: ThrottledException"));
    check(503, &[], "<html>", Failure::retryable("status 503"));
    check(302, &[], "", Failure::permanent("status 302"));
}

/// Scenario: one of two requests is bad. Guarantees: the other is sent all the same.
#[test]
fn a_bad_request_costs_no_more_than_itself() {
    let mut exporter = exporter(CONFIG);
    testing::answer(400, &[], br#"{"message": "bad"}"#);
    testing::answer(200, &[], b"");
    let parts = vec![((0..50).collect(), Failure::permanent("status 400: bad"))];
    assert_eq!(exporter.export(spans(60)), Err(ExportError::Parts(parts)));
}

#[test]
fn without_an_answer_all_comes_again() {
    let mut exporter = exporter(CONFIG);
    testing::fail(HttpError::Timeout);
    assert_eq!(exporter.export(spans(60)), Err(Failure::retryable("no answer in time").into()));
    assert_eq!(documents().len(), 1);
}

/// Scenario: trace ids are checked. One of two spans has an old id, and one link too. Guarantees: the old
/// span is dropped and counted, and the other is sent.
#[test]
fn a_span_that_has_no_document_is_counted() {
    let config = r#"{"endpoint": "http://x", "skip_timestamp_validation": false}"#;
    let mut exporter = exporter(config);
    testing::advance(Duration::from_secs(1_760_000_000));
    testing::answer(200, &[], b"");
    let spans = testing::spans("shop").span("old").trace(1_760_000_000 << 96).span("recent");
    let parts =
        vec![(vec![0], Failure::permanent("the trace id does not begin with a time of the past 28 days"))];
    assert_eq!(exporter.export(spans), Err(ExportError::Parts(parts)));
    assert_eq!(testing::metric("awsxray_untranslatable_spans{reason=\"trace_id_epoch\"}"), Some(1.0));
    assert_eq!(documents()[0].len(), 1);
}

/// Scenario: a link without a trace, in a valid span. Guarantees: the link is counted, and the span is sent.
#[test]
fn a_bad_link_costs_the_link() {
    let mut exporter = exporter(CONFIG);
    testing::answer(200, &[], b"");
    let link = json!({"traceId": "", "spanId": "01".repeat(8)});
    let span = json!({"traceId": "01".repeat(16), "spanId": "01".repeat(8), "name": "s", "links": [link]});
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    assert_eq!(exporter.export(testing::from_json(&request.to_string()).expect("OTLP")), Ok(()));
    assert_eq!(testing::metric("awsxray_dropped_links{reason=\"no_trace_id\"}"), Some(1.0));
    assert_eq!(documents()[0][0].get("links"), None);
}

/// Scenario: a span is split, and the service has not processed the half with a derived id. Guarantees: the
/// span is retried.
#[test]
fn either_half_of_a_split_span_brings_it_back() {
    let split = || testing::spans("shop").span("a").span("b").attribute("aws.span.kind", "LOCAL_ROOT");
    let mut client = serde_json::from_value::<Value>(testing::to_json(&split().into())).expect("JSON");
    client["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["kind"] = json!(3);
    let spans = || testing::from_json(&client.to_string()).expect("OTLP");
    let mut exporter = exporter(CONFIG);
    testing::answer(200, &[], b"");
    assert_eq!(exporter.export(spans()), Ok(()));
    let first = documents().remove(0);
    assert_eq!(first.len(), 3);
    assert_eq!(first[1]["parent_id"], first[2]["id"]);
    let id = u64::from_str_radix(first[2]["id"].as_str().expect("an id"), 16).expect("hex");
    testing::answer(200, &[], &unprocessed(&[(id, "Throttled")]));
    let Err(ExportError::Parts(parts)) = exporter.export(spans()) else { panic!("no parts") };
    assert_eq!(parts[0].0, [1]);
    assert_eq!(documents()[1], first, "a repeated call makes the same documents");
}

/// Scenario: documents are too long because of their metadata, annotations, a stack of 3,000 frames, or
/// messages. Guarantees: they are cut in that order, no further than needed, and counted by what was cut.
#[test]
fn what_had_to_be_cut_is_counted() {
    let attribute = |key: String, text: String| json!({"key": key, "value": {"stringValue": text}});
    let check = |attributes: Vec<Value>, trace: String, cut: usize| {
        let mut exporter = exporter(r#"{"endpoint": "http://x", "index_all_attributes": true}"#);
        testing::answer(200, &[], b"");
        let told = [("exception.type", "T".to_owned()), ("exception.stacktrace", trace)];
        let told: Vec<Value> = told.into_iter().map(|(key, text)| attribute(key.to_owned(), text)).collect();
        let request = json!({"resourceSpans": [{
            "resource": {"attributes": [attribute("telemetry.sdk.language".to_owned(), "java".to_owned())]},
            "scopeSpans": [{"spans": [{
                "traceId": "01".repeat(16), "spanId": "01".repeat(8), "name": "s", "attributes": attributes,
                "events": [{"name": "exception", "attributes": told}],
            }]}],
        }]});
        let spans = testing::from_json(&request.to_string()).expect("OTLP");
        assert_eq!(exporter.export(spans), Ok(()));
        for (at, label) in ["metadata", "annotations", "stacks", "texts"].iter().enumerate() {
            let series = format!("awsxray_trimmed_documents{{cut={label:?}}}");
            assert_eq!(testing::metric(&series), (at < cut).then_some(1.0), "{label}");
        }
        documents().remove(0).remove(0)
    };
    let texts = |bytes: usize| (0..100).map(|at| attribute(format!("key{at}"), "x".repeat(bytes))).collect();
    let frames = |frames: usize| format!("T\n{}", "\tat com.example.Shop.pay(Shop.java:43)\n".repeat(frames));

    let whole = check(texts(100), frames(3), 0);
    assert_eq!(whole["annotations"]["key99"].as_str().map(str::len), Some(100));
    // Texts above 1,000 characters are not annotations.
    let short = check(texts(1100), frames(3), 1);
    assert_eq!(short.get("metadata"), None);
    assert_eq!(short["cause"]["exceptions"][0]["stack"].as_array().map(Vec::len), Some(3));
    let without_annotations = check(texts(900), frames(3), 2);
    assert_eq!(without_annotations.get("annotations"), None);
    let stack = &check(texts(900), frames(3000), 3)["cause"]["exceptions"][0];
    assert_eq!((stack["stack"].as_array().map(Vec::len), &stack["truncated"]), (Some(32), &json!(2968)));
    let caused = (0..500).map(|at| format!("Caused by: a.B: {at}{}\n", "y".repeat(300))).collect::<String>();
    let cause = &check(texts(900), format!("T\n{caused}"), 4)["cause"]["exceptions"];
    assert_eq!(cause.as_array().map(Vec::len), Some(8));
    assert_eq!(cause[1]["cause"], cause[2]["id"]);
    assert_eq!(cause[7].get("cause"), None);
}

/// Scenario: telemetry is enabled, and one of fifty segments is rejected; then the service is unreachable.
/// Guarantees: each minute has a record, a record that could not be sent waits, and nothing is sent if
/// nothing was counted.
#[test]
fn the_service_is_told_of_the_exporter() {
    let config = r#"{"endpoint": "http://x", "telemetry":
        {"enabled": true, "include_metadata": true, "hostname": "box", "resource_arn": "arn:x"}}"#;
    let mut exporter = exporter(config);
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(60)));
    testing::advance(Duration::from_millis(1_760_000_000_500));
    testing::answer(200, &[], &unprocessed(&[(7, "InvalidSegment")]));
    exporter.export(spans(50)).expect_err("one was rejected");
    let mut wake = || Timer::wake(exporter.plugin(), &mut Output::default()).expect("woken");
    wake();
    testing::answer(200, &[], b"");
    wake();
    wake();
    let told: Vec<Request> = testing::requests()
        .into_iter()
        .filter(|request| request.url() == "http://x/TelemetryRecords")
        .collect();
    assert_eq!(told.len(), 2, "the first had no answer, and the third nothing to tell");
    assert_eq!(told[0].body_text(), told[1].body_text());
    let body: Value = serde_json::from_str(told[0].body_text()).expect("JSON");
    assert_eq!((&body["Hostname"], &body["ResourceARN"]), (&json!("box"), &json!("arn:x")));
    let record = &body["TelemetryRecords"][0];
    assert_eq!(record["Timestamp"], 1_760_000_000.5);
    assert_eq!((&record["SegmentsReceivedCount"], &record["SegmentsSentCount"]), (&json!(50), &json!(49)));
    assert_eq!(record["SegmentsRejectedCount"], 1);
}

#[test]
fn telemetry_is_off_unless_asked_for() {
    let mut exporter = exporter(CONFIG);
    assert_eq!(testing::wake_after(), None);
    testing::answer(200, &[], b"");
    assert_eq!(exporter.export(spans(1)), Ok(()));
    Flush::flush(exporter.plugin(), &mut Output::default()).expect("flushed");
    assert_eq!(testing::requests().len(), 1);
}

#[test]
fn a_config_that_cannot_work_is_refused() {
    let check = |config: &str, path: &str| {
        let error = testing::Exporter::<XRay>::new(config).expect_err("refused");
        assert_eq!(error.path, path, "{}", error.message);
    };
    check("{}", "endpoint");
    check(r#"{"endpoint": "127.0.0.1:5000"}"#, "endpoint");
    check(r#"{"endpoint": "http://x", "request_timeout_seconds": 0}"#, "request_timeout_seconds");
    check(r#"{"endpoint": "http://x", "indexed_attributes": [1]}"#, "indexed_attributes[0]");
    check(r#"{"endpoint": "http://x", "endpoints": "y"}"#, "endpoints");
}

/// Guarantees: the schema has every key of the config, with a description and the config's default.
#[test]
fn every_key_is_in_the_schema_and_taken() {
    let described = XRay::describe(Description::of_crate("", "", ""));
    let schema: Value = serde_json::from_str(&described.config_schema.expect("a schema")).expect("JSON");
    let mut config = json!({"endpoint": "http://x"});
    for (key, of) in schema["properties"].as_object().expect("properties") {
        assert!(of["description"].as_str().is_some_and(|text| text.len() > 20), "{key}");
        let value = match (of.get("default"), of["type"].as_str()) {
            (Some(default), _) => default.clone(),
            (None, Some("integer")) => json!(1),
            (None, Some("array")) => json!(["x"]),
            (None, Some("object")) => json!({"enabled": false, "contributors": ["awsxray/1"]}),
            _ => json!("x"),
        };
        config[key] = if key == "endpoint" { json!("http://x") } else { value };
    }
    exporter(&config.to_string());
    assert!(config.as_object().expect("an object").len() >= 19);
}
