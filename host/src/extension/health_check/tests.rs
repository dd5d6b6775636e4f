use tower::ServiceExt as _;

use super::*;

fn config(yaml: &str) -> Result<HealthCheckConfig, ConfigError> {
    Node::parse("otel.yaml", yaml).unwrap().read_valid(HealthCheckConfig::validate)
}

/// Returns the status and the body of an answer, and one of its headers.
async fn ask(yaml: &str, is_ready: bool, path: &str) -> (u16, String, Option<String>) {
    let health = Arc::new(Health::default());
    health.set_ready(is_ready);
    let request = http::Request::get(path).header("origin", "https://a.com").body(axum::body::Body::empty());
    let answer = router(&config(yaml).unwrap(), health).unwrap().oneshot(request.unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let allowed = head.headers.get("x-a").or_else(|| head.headers.get("access-control-allow-origin"));
    let allowed = allowed.map(|value| value.to_str().unwrap().to_owned());
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap(), allowed)
}

/// Scenario: probes ask for several paths, with and without a configured path.
/// Guarantees: every path is answered, unless one is configured.
#[tokio::test]
async fn any_path_is_answered_unless_one_is_configured() {
    for (yaml, path, status) in [
        ("", "/", 200),
        ("", "/healthz", 200),
        ("path: /", "/a/b?c", 200),
        ("path: /health", "/health", 200),
        ("path: /health", "/health/live", 404),
        ("path: /health", "/", 404),
        ("path: /health/", "/health/live", 200),
    ] {
        assert_eq!(ask(yaml, true, path).await.0, status, "{yaml} {path}");
    }
}

/// Scenario: the config has bodies, CORS or headers.
/// Guarantees: the answers have them, and the status says whether the service is ready.
#[tokio::test]
async fn what_is_answered_is_as_the_config_has_it() {
    let body = "response_body: { healthy: fine, unhealthy: not yet }";
    assert_eq!(ask(body, true, "/").await, (200, "fine".to_owned(), None));
    assert_eq!(ask(body, false, "/").await, (503, "not yet".to_owned(), None));
    let answer: serde_json::Value = serde_json::from_str(&ask("", true, "/").await.1).unwrap();
    assert_eq!(answer["status"], "Server available");
    assert!(answer["upSince"].as_str().unwrap().starts_with("20"), "{answer}");
    assert!(answer["uptime"].as_str().unwrap().ends_with('s'), "{answer}");
    let expected = r#"{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}"#;
    assert_eq!(ask("", false, "/").await, (503, expected.to_owned(), None));
    let cors = "cors: { allowed_origins: ['https://*.com'] }";
    assert_eq!(ask(cors, true, "/").await.2.as_deref(), Some("https://a.com"));
    assert_eq!(ask("response_headers: { x-a: b }", true, "/").await.2.as_deref(), Some("b"));
}

/// Scenario: durations from nothing to days are written.
/// Guarantees: they look as in the Collector.
#[test]
fn a_duration_looks_as_in_the_collector() {
    for (nanos, expected) in [
        (0, "0s"),
        (999, "999ns"),
        (1_500, "1.5µs"),
        (12_030_000, "12.03ms"),
        (1_000_000_000, "1s"),
        (59_000_000_001, "59.000000001s"),
        (60_000_000_000, "1m0s"),
        (3_723_500_000_000, "1h2m3.5s"),
        (360_000_000_000_000, "100h0m0s"),
    ] {
        assert_eq!(in_words(Duration::from_nanos(nanos)), expected);
    }
}

/// Scenario: a config has many keys of the Collector, and another has wrong values.
/// Guarantees: the first is accepted, with a warning for each key without effect, and all wrong values are
/// reported.
#[test]
fn keys_of_the_collectors_are_known() {
    let yaml = "endpoint: :13133\npath: /\ncheck_collector_pipeline: { enabled: true, interval: 5m, exporter_failure_threshold: 5 }\n\
                tls: { cert_file: a, key_file: b }\nread_timeout: 1s\nuse_v2: true\nhttp: { endpoint: a }\n";
    let node = Node::parse("otel.yaml", yaml).unwrap();
    HealthCheckFactory.check(&node).unwrap();
    assert_eq!(HealthCheckFactory.doubts(&node).len(), 4);
    let error = config("endpoint: a\npath: b\nresponse_headers: { 'a b': c }\ntls: {}").unwrap_err();
    assert_eq!(error.findings().len(), 5, "{error}");
}

/// Scenario: the endpoint has no host, or a name with several addresses.
/// Guarantees: the extension starts.
#[tokio::test]
async fn it_listens_where_the_endpoint_says() {
    for endpoint in ["':0'", "localhost:0"] {
        let running = Running::default();
        let check = HealthCheck(config(&format!("endpoint: {endpoint}")).unwrap());
        check.start(Arc::new(Health::default()), &running).await.unwrap();
        running.stop.cancel();
    }
}
