//! Why a trace was kept or dropped: in the trace itself, at the admin endpoint, and before a config runs.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;
use serde_json::{Value as Json, json};
use spanloom_tests::{
    Sink, Spanloom,
    command::{Ended, spanloom},
    otlp::{Signal, client::GrpcClient, payload},
};

const TRACES: usize = 70;

/// Returns a config with policies: a trace that has failed is kept, of the others the composite policy keeps the one that
/// is called like the second.
fn config(processors: &Json, list: &[&str], exporter: &Json) -> String {
    json!({
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "${env:GRPC}"}, "http": {"endpoint": "${env:HTTP}"}}}},
        "processors": processors,
        "exporters": exporter,
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": list,
            "exporters": exporter.as_object().expect("a map").keys().collect::<Vec<_>>()}}},
    })
    .to_string()
}

fn policies() -> Json {
    let second = format!("name == \"{}\"", payload::name(1));
    let second = json!({"name": "second", "type": "ottl_condition", "ottl_condition": {"span": [second]}});
    json!([
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "few", "type": "composite", "composite": {"max_total_spans_per_second": 1000, "composite_sub_policy": [second]}},
    ])
}

/// Returns the attributes that say why, of the scope and of the span, for each span that arrived.
fn why(sink: &Sink) -> Vec<(bool, String, String)> {
    let mut all = Vec::new();
    for request in sink.accepted() {
        let request = ExportTraceServiceRequest::decode(request.body).expect("a request");
        for scope in request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans) {
            let of_scope = shown(&scope.scope.map(|scope| scope.attributes).unwrap_or_default());
            for span in scope.spans {
                let has_failed = span.status.is_some_and(|status| status.code == 2);
                all.push((has_failed, of_scope.clone(), shown(&span.attributes)));
            }
        }
    }
    all
}

fn shown(attributes: &[KeyValue]) -> String {
    let mut text = String::new();
    for KeyValue { key, value, .. } in attributes {
        let Some(key) = key.strip_prefix("tailsampling.").or(key.strip_prefix("spanloom.sampling.")) else {
            continue;
        };
        match value.as_ref().and_then(|value| value.value.as_ref()).expect("a value") {
            Value::StringValue(value) => write!(text, "{key}={value} "),
            Value::BoolValue(value) => write!(text, "{key}={value} "),
            Value::DoubleValue(value) => write!(text, "{key}={value} "),
            other => panic!("{key}: {other:?}"),
        }
        .expect("a text");
    }
    text.trim_end().to_owned()
}

/// Scenario: policies keep some traces, once by the part of a composite policy; then more spans of the same traces come.
/// This is repeated for both places of the reason.
/// Guarantees: each kept span says which policy kept its trace and at what rate, in the place that was asked for and in no
/// other; late spans say that they are late; and the operator sees kept and dropped traces with their reasons.
#[tokio::test]
async fn a_kept_trace_says_which_policy_kept_it() {
    for place in ["scope", "span"] {
        let sink = Sink::start().await;
        let tail = json!({"decision_wait": "100ms", "policies": policies(), "record_reason": place});
        let exporter =
            json!({"otlp_grpc": {"endpoint": sink.address.to_string(), "tls": {"insecure": true}}});
        let config = config(&json!({ "tail_sampling": tail }), &["tail_sampling"], &exporter);
        let spanloom = Spanloom::start(&config).await;
        let client = GrpcClient::connect(spanloom.grpc).await;
        client.send(Signal::Traces, payload::traces(0, TRACES)).await.expect("it is taken");
        let failed = (0..TRACES).filter(|number| payload::has_failed(*number)).count();
        let kept = failed + usize::from(!payload::has_failed(1));
        sink.wait_for_items(Signal::Traces, kept).await;
        let in_place = |text: &str| match place {
            "scope" => (text.to_owned(), String::new()),
            _ => (String::new(), text.to_owned()),
        };
        for (has_failed, scope, span) in why(&sink) {
            let expected = match has_failed {
                true => "policy=errors rate=1",
                false => "policy=few composite_policy=second rate=1",
            };
            assert_eq!((scope, span), in_place(expected));
        }
        client.send(Signal::Traces, payload::traces(0, TRACES)).await.expect("it is taken");
        sink.wait_for_items(Signal::Traces, kept * 2).await;
        let late = why(&sink)
            .into_iter()
            .filter(|(_, scope, span)| (scope.clone(), span.clone()) == in_place("cached_decision=true"));
        assert_eq!(late.count(), kept);
        asked_what_was_decided(&spanloom, failed, kept).await;
        for account in spanloom.finish().await.values() {
            let (kept, all) = (kept as u64 * 2, TRACES as u64 * 2);
            assert_eq!((account.delivered, account.sampled_out), (kept, all - kept), "{account:?}");
        }
    }
}

/// Asks a running process what it decided: with metrics, and as an operator.
async fn asked_what_was_decided(spanloom: &Spanloom, failed: usize, kept: usize) {
    let metrics = spanloom.metrics().await;
    for (decision, reason, count) in
        [("keep", "errors", failed), ("keep", "few/second", kept - failed), ("drop", "", TRACES - kept)]
    {
        let series = format!(
            "spanloom_sampler_traces{{component=\"tail_sampling_policies\",decision=\"{decision}\",reason=\"{reason}\"}} {count}\n"
        );
        assert!(metrics.contains(&series), "no {series} in {metrics}");
    }
    let admin = spanloom.admin.to_string();
    let recent = async |args: &[&str]| {
        let ended =
            spanloom_tests::command::spanloom(&[&["sampling", "recent", "--admin", &admin], args].concat())
                .await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        ended.stdout
    };
    let all: Json = serde_json::from_str(&recent(&["--json"]).await).expect("JSON");
    let kinds: Vec<(&Json, &Json, usize)> = (all["decisions"].as_array().expect("a list").iter())
        .map(|kind| (&kind["decision"], &kind["reason"], kind["recent"].as_array().expect("a list").len()))
        .collect();
    let (keep, drop) = (json!("keep"), json!("drop"));
    let (none, errors, second) = (json!(""), json!("errors"), json!("few/second"));
    assert_eq!(
        kinds,
        [(&drop, &none, TRACES - kept), (&keep, &errors, failed), (&keep, &second, kept - failed)]
    );
    let one = &all["decisions"][2]["recent"][0];
    assert_eq!(
        (&one["root"], &one["spans"], &one["rate"]),
        (&json!(payload::name(1)), &json!(1), &json!(1.0))
    );
    let table = recent(&["--decision", "keep", "--reason", "few/second"]).await;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!((lines.len(), lines[0].split_whitespace().count()), (5, 4), "{table}");
    assert!(
        lines[4].contains(one["trace_id"].as_str().expect("an id")) && lines[4].ends_with(&payload::name(1)),
        "{table}"
    );
}

/// One span, by seconds since the beginning.
fn span(trace: u8, id: u8, parent: Option<u8>, name: &str, from_to: (f64, f64), has_failed: bool) -> Json {
    let at = |seconds: f64| ((1_700_000_000.0 + seconds) * 1000.0).round() as u64 * 1_000_000;
    let mut span = json!({
        "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "name": name, "kind": 2,
        "startTimeUnixNano": at(from_to.0).to_string(), "endTimeUnixNano": at(from_to.1).to_string(),
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    if has_failed {
        span["status"] = json!({"code": 2});
    }
    span
}

fn line(spans: &[Json]) -> String {
    json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": spans}]}]}).to_string()
}

/// Runs `sampling explain` with a config and lines of traces.
async fn explain(processors: &Json, list: &[&str], lines: &[String], args: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let config = config(processors, list, &json!({"nop": {}})).replace("${env:GRPC}", "127.0.0.1:4317");
    let config = write("otel.yaml", &config.replace("${env:HTTP}", "127.0.0.1:4318"));
    let traces = write("traces.jsonl", &(lines.join("\n") + "\n"));
    let all = [&["sampling", "explain", "--config", &config, "--traces", &traces], args].concat();
    spanloom(&all).await
}

fn tail() -> Json {
    json!({"tail_sampling": {"decision_wait": "10s", "decision_wait_after_root_received": "2s", "policies": [
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "slow", "type": "latency", "latency": {"threshold_ms": 3000}},
        {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1, "burst_capacity": 1}},
        {"name": "health", "type": "drop", "drop": {"drop_sub_policy": [
            {"type": "ottl_condition", "ottl_condition": {"span": ["name == \"GET /health\""]}}]}},
    ]}})
}

/// Returns lines with five traces: a failed one whose spans come in two requests, a health check, two quick ones that are
/// decided a tenth of a second after one another, and one whose last span ends after the decision.
fn lines() -> Vec<String> {
    vec![
        line(&[
            span(1, 2, Some(1), "SELECT", (0.1, 0.2), true),
            span(2, 1, None, "GET /health", (0.0, 0.1), false),
        ]),
        line(&[span(1, 1, None, "POST /cart", (0.0, 0.3), false)]),
        line(&[
            span(3, 1, None, "GET /a", (20.0, 20.1), false),
            span(4, 1, None, "GET /b", (20.1, 20.2), false),
        ]),
        line(&[
            span(5, 1, None, "GET /c", (40.0, 40.1), false),
            span(5, 2, Some(1), "later", (40.0, 44.0), true),
        ]),
    ]
}

/// Scenario: policies are asked about traces in a file: a failed one, a health check, some for which a limit has room, and
/// one whose error comes too late.
/// Guarantees: what each policy said is shown, also that it was not asked; the limit counts by the times of the spans; late
/// spans are not looked at; and the summary counts all.
#[tokio::test]
async fn what_each_policy_says_of_a_trace_is_explained() {
    let ended = explain(&tail(), &["tail_sampling"], &lines(), &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    spanloom_tests::command::assert_snapshot("sampling-explain", &ended.stdout);
    let ended = explain(&tail(), &["tail_sampling"], &lines(), &["--format", "json"]).await;
    let reports: Json = serde_json::from_str(&ended.stdout).expect("JSON");
    let traces = reports[0]["traces"].as_array().expect("a list");
    let verdicts: Vec<(&str, &str)> = (traces.iter())
        .map(|trace| {
            (
                trace["verdict"].as_str().expect("a word"),
                trace["decisions"][0]["reason"].as_str().expect("a text"),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [("keep", "errors"), ("drop", "health"), ("keep", "few"), ("drop", ""), ("keep", "few")]
    );
    let last = &traces[4]["decisions"][0];
    assert_eq!((&last["late_spans"], &last["decided_after_ms"]), (&json!(1), &json!(2100)));
    let votes = |trace: usize| -> Vec<&str> {
        let policies = traces[trace]["decisions"][0]["policies"].as_array().expect("a list");
        policies.iter().map(|policy| policy["vote"].as_str().expect("a word")).collect()
    };
    assert_eq!(votes(0)[..2], ["sampled", "not_sampled"]);
    assert_eq!(votes(1), ["not_asked", "not_asked", "not_asked", "dropped"]);
    assert_eq!(votes(3), ["not_sampled", "not_sampled", "not_sampled", "not_sampled"]);
}

/// Scenario: at the head of a pipeline, `probabilistic_sampler` and then policies decide about each request; the second has
/// what the first leaves.
/// Guarantees: each decision is shown with its component and rate, `--component` and `--trace` choose, and a trace whose
/// requests are decided differently is kept partly.
#[tokio::test]
async fn samplers_at_the_head_are_explained_by_request() {
    let policies = tail()["tail_sampling"]["policies"].as_array().expect("a list")[..1].to_vec();
    let processors = json!({
        "probabilistic_sampler": {"sampling_percentage": 50, "mode": "equalizing"},
        "tail_sampling_policies": {"policies": policies},
    });
    let high = |mut span: Json| {
        // The randomness is the last part of the id.
        span["traceId"] = json!(format!("{}ff{}", "0".repeat(18), "f".repeat(12)));
        span
    };
    let lines = [
        line(&[
            high(span(0, 2, Some(1), "SELECT", (0.1, 0.2), true)),
            span(1, 1, None, "low", (0.0, 0.1), true),
        ]),
        line(&[high(span(0, 1, None, "POST /cart", (0.0, 0.3), false))]),
    ];
    let list = ["probabilistic_sampler", "tail_sampling_policies"];
    let ended = explain(&processors, &list, &lines, &["--format", "json"]).await;
    let reports: Json = serde_json::from_str(&ended.stdout).expect("JSON");
    let traces = &reports[0]["traces"];
    let of = |trace: usize| -> Vec<(&str, &str, Option<f64>)> {
        let decisions = traces[trace]["decisions"].as_array().expect("a list").iter();
        let word = |of: &'_ Json, key| of[key].as_str().map(str::to_owned).expect("a word").leak() as &str;
        decisions.map(|of| (word(of, "component"), word(of, "decision"), of["rate"].as_f64())).collect()
    };
    assert_eq!((&traces[0]["verdict"], &traces[1]["verdict"]), (&json!("partly"), &json!("drop")));
    assert_eq!(
        of(0),
        [
            ("probabilistic_sampler", "keep", Some(0.5)),
            ("probabilistic_sampler", "keep", Some(0.5)),
            ("tail_sampling_policies", "keep", Some(1.0)),
            ("tail_sampling_policies", "drop", None),
        ]
    );
    assert_eq!(of(1), [("probabilistic_sampler", "drop", None)]);
    let one = ["--component", "probabilistic_sampler", "--trace", &format!("{:032X}", 1)];
    let ended = explain(&processors, &list, &lines, &one).await;
    assert!(
        ended.stdout.contains("low: 1 span, 100 ms, with an error\n  probabilistic_sampler: drop\n"),
        "{}",
        ended.stdout
    );
    assert!(
        !ended.stdout.contains("POST /cart") && !ended.stdout.contains("tail_sampling"),
        "{}",
        ended.stdout
    );
}

/// Scenario: the command is given no config, a config without a sampler, an unknown component or trace, and no traces.
/// Guarantees: each is refused with exit code 2 and a message that says what would be right.
#[tokio::test]
async fn what_cannot_be_explained_is_refused() {
    let refused = async |processors: Json, list: &[&str], lines: &[String], args: &[&str], why: &str| {
        let ended = explain(&processors, list, lines, args).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{}", ended.stderr);
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(why), "{}", ended.stderr);
    };
    let list = ["tail_sampling"];
    refused(json!({}), &[], &lines(), &[], "no pipeline of traces has a sampler").await;
    let unknown = "has a sampler `batch`; there are `tail_sampling`";
    refused(tail(), &list, &lines(), &["--component", "batch"], unknown).await;
    refused(tail(), &list, &lines(), &["--trace", "77"], "has no trace 77").await;
    refused(tail(), &list, &["{}".to_owned()], &[], "request 1 is not OTLP").await;
    refused(tail(), &list, &[], &[], "there is no span in it").await;
    let missing = spanloom(&["sampling", "explain", "--traces", "none.json"]).await;
    assert_eq!(
        (missing.code, missing.stderr.contains("name one with `--config`")),
        (2, true),
        "{}",
        missing.stderr
    );
}
