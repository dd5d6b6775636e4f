//! The same plugins in several languages: each gives the golden output for the fixture, in a real pipeline.

use std::{fs, path::Path};

use serde_json::Value;
use similar::TextDiff;
use spanloom_tests::{Sink, Spanloom, guests::built, otlp::client::http_client};

/// Sends the fixture twice through the plugin, which must give the golden output each time.
async fn check(language: &str, plugin: &str) {
    if let Some(component) = built(&format!("{language}-{plugin}.wasm")) {
        check_component(&component, plugin).await;
    }
}

async fn check_component(component: &Path, plugin: &str) {
    let sink = Sink::start().await;
    let spanloom = Spanloom::start(&pipeline(component, plugin, &sink)).await;
    for _ in 0..2 {
        let answer = http_client()
            .post(format!("http://{}/v1/traces", spanloom.http))
            .header("content-type", "application/json")
            .body(fixture("shop.json"))
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{}: {:?}", answer.status(), answer.text().await);
    }
    sink.wait_for_requests(2).await;
    let ledger = spanloom.finish().await;

    let sent = canonical(&fixture("shop.json"));
    let golden = canonical(&expected(plugin));
    let received = sink.accepted();
    assert_eq!(received.len(), 2);
    for request in received {
        let got = canonical(std::str::from_utf8(&request.body).expect("JSON is text"));
        let diff = TextDiff::from_lines(&golden, &got);
        assert!(got == golden, "not the golden output:\n{}", diff.unified_diff().context_radius(3));
    }
    let account = &ledger[&("traces".to_owned(), "otlp_http".to_owned())];
    let spans = |json: &str| json.matches("\"spanId\"").count() as u64;
    assert_eq!(account.received, 2 * spans(&sent));
    assert_eq!(account.delivered, 2 * spans(&golden));
    assert_eq!(account.sampled_out, 2 * (spans(&sent) - spans(&golden)), "{account:?}");
}

fn pipeline(component: &Path, plugin: &str, sink: &Sink) -> String {
    let config = fixture(&format!("{plugin}/config.json"));
    let name = plugin.replace('-', "_");
    format!(
        "plugins:\n  {name}: {{path: \"{}\"}}\n\
         receivers:\n  otlp: {{protocols: {{http: {{endpoint: \"${{env:HTTP}}\"}}}}}}\n\
         processors:\n  {name}: {config}\n\
         exporters:\n  otlp_http: {{endpoint: \"http://{}\", encoding: json}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], processors: [{name}], exporters: [otlp_http]}}\n",
        component.display(),
        sink.address,
    )
}

fn fixture(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/plugins/fixtures").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the request that should go on: a processor's golden file itself, or the traces that a sampler
/// keeps.
fn expected(plugin: &str) -> String {
    let golden = fixture(&format!("{plugin}/shop.golden.json"));
    let Ok(Value::Array(decisions)) = serde_json::from_str(&golden) else { return golden };
    let kept = decisions.iter().filter(|decision| decision["decision"] == "keep");
    let kept: Vec<&Value> = kept.map(|decision| &decision["traceId"]).collect();
    let mut request: Value = serde_json::from_str(&fixture("shop.json")).expect("JSON");
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut resources = list(&request, "resourceSpans");
    for resource in &mut resources {
        let mut scopes = list(resource, "scopeSpans");
        for scope in &mut scopes {
            let mut spans = list(scope, "spans");
            spans.retain(|span| kept.contains(&&span["traceId"]));
            scope["spans"] = spans.into();
        }
        scopes.retain(|scope| scope["spans"] != Value::Array(Vec::new()));
        resource["scopeSpans"] = scopes.into();
    }
    resources.retain(|resource| resource["scopeSpans"] != Value::Array(Vec::new()));
    request["resourceSpans"] = resources.into();
    request.to_string()
}

/// Writes a request so that equal requests are equal texts: keys and attributes in alphabetical order, one a
/// line.
fn canonical(json: &str) -> String {
    let mut request: Value = serde_json::from_str(json).expect("JSON");
    sort_attributes(&mut request);
    serde_json::to_string_pretty(&request).expect("JSON") + "\n"
}

fn sort_attributes(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // The host writes it for samplers of interface 0.2 and later: how many traces a kept one stands for.
            fields.retain(|key, value| key != "traceState" || *value != "ot=th:f3333333333333");
            if let Some(Value::Array(attributes)) = fields.get_mut("attributes") {
                attributes.sort_by_key(|attribute| attribute["key"].to_string());
            }
            fields.values_mut().for_each(sort_attributes);
        }
        Value::Array(items) => items.iter_mut().for_each(sort_attributes),
        _ => {}
    }
}

/// Scenario: the fixture passes twice through the redactor in C.
/// Guarantees: the output is the golden output, and the ledger balances.
#[tokio::test]
async fn the_redactor_in_c_gives_the_golden_output() {
    check("c", "redactor").await;
}

/// Scenario: the fixture passes twice through the redactor in JavaScript.
/// Guarantees: the output is the golden output, and the ledger balances.
#[tokio::test]
async fn the_redactor_in_javascript_gives_the_golden_output() {
    check("javascript", "redactor").await;
}

/// Scenario: the fixture passes twice through the redactor in Python.
/// Guarantees: the output is the golden output, and the ledger balances.
#[tokio::test]
async fn the_redactor_in_python_gives_the_golden_output() {
    check("python", "redactor").await;
}

/// Scenario: the fixture passes twice through the redactor in Rust.
/// Guarantees: the output is the golden output, and the ledger balances.
#[tokio::test]
async fn the_redactor_in_rust_gives_the_golden_output() {
    check("rust", "redactor").await;
}

/// Scenario: the fixture passes twice through the sampler in C.
/// Guarantees: the kept traces are those of the golden file, and the ledger balances.
#[tokio::test]
async fn the_sampler_in_c_gives_the_golden_output() {
    check("c", "keep-errors").await;
}

/// Scenario: the fixture passes twice through the sampler in JavaScript.
/// Guarantees: the kept traces are those of the golden file, and the ledger balances.
#[tokio::test]
async fn the_sampler_in_javascript_gives_the_golden_output() {
    check("javascript", "keep-errors").await;
}

/// Scenario: the fixture passes twice through the sampler in Python.
/// Guarantees: the kept traces are those of the golden file, and the ledger balances.
#[tokio::test]
async fn the_sampler_in_python_gives_the_golden_output() {
    check("python", "keep-errors").await;
}

/// Scenario: the fixture passes twice through the sampler in Rust.
/// Guarantees: the kept traces are those of the golden file, and the ledger balances.
#[tokio::test]
async fn the_sampler_in_rust_gives_the_golden_output() {
    check("rust", "keep-errors").await;
}

/// Scenario: the redactor in C, as it was compiled when 0.1.0 was new, gets the fixture twice.
/// Guarantees: a compiled plugin of a released version gives what it gave, for as long as the version is served.
#[tokio::test]
async fn a_plugin_in_c_that_was_built_against_0_1_0_still_runs() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("interface/0.1.0/redactor.wasm");
    check_component(&kept, "redactor").await;
}
