//! The built-in sampler `xray_sampler` and a server that answers as X-Ray does.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde_json::{Value, json};
use spanloom_tests::{
    Sink, Spanloom,
    guests::metric,
    otlp::{Signal, client::GrpcClient, payload},
    spanloom::free_address,
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

const TRACES: usize = 70;
const QUOTA: usize = 7;
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A server with one rule, which keeps nothing but its reservoir. Its answer to a report is a quota.
struct XRay {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Asked {
    path: String,
    authorization: String,
    body: Value,
}

impl XRay {
    async fn start() -> XRay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let routes = Router::new().fallback(answer).with_state(asked.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        XRay { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn answer(
    State(asked): State<Arc<Mutex<Vec<Asked>>>>,
    headers: HeaderMap,
    uri: Uri,
    body: String,
) -> (StatusCode, String) {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = serde_json::from_str(&body).expect("JSON");
    let (path, authorization) = (uri.path().to_owned(), authorization.to_owned());
    asked.lock().expect("no panic").push(Asked { path, authorization, body });
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
    let answer = match uri.path() {
        "/GetSamplingRules" => json!({"NextToken": null, "SamplingRuleRecords": [{"SamplingRule": {
            "Attributes": {}, "FixedRate": 0.0, "HTTPMethod": "*", "Host": "*", "Priority": 10000, "ReservoirSize": 500,
            "ResourceARN": "*", "RuleARN": "arn:aws:xray:us-east-1:1:sampling-rule/Default", "RuleName": "Default",
            "ServiceName": "*", "ServiceType": "*", "URLPath": "*", "Version": 1}}]}),
        "/SamplingTargets" => json!({"LastRuleModification": 1.5e9, "UnprocessedStatistics": [],
            "SamplingTargetDocuments": [{"RuleName": "Default", "FixedRate": 0.0, "ReservoirQuota": QUOTA,
                "ReservoirQuotaTTL": now + 600.0, "Interval": 1}]}),
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };
    (StatusCode::OK, answer.to_string())
}

/// Starts a pipeline with the sampler. `keys` are keys of the sampler as JSON, without braces.
async fn start(sink: &Sink, keys: &str) -> Spanloom {
    start_with(sink, keys, &[]).await
}

async fn start_with(sink: &Sink, keys: &str, args: &[&str]) -> Spanloom {
    let config = format!(
        r#"{{"receivers": {{"otlp": {{"protocols": {{"grpc": {{"endpoint": "${{env:GRPC}}"}}, "http": {{"endpoint": "${{env:HTTP}}"}}}}}}}},
        "processors": {{"xray_sampler": {{{keys}, "targets_interval": "100ms"}}}},
        "exporters": {{"otlp_grpc": {{"endpoint": "{}", "tls": {{"insecure": true}}}}}},
        "service": {{"pipelines": {{"traces": {{"receivers": ["otlp"],
            "processors": ["xray_sampler"], "exporters": ["otlp_grpc"]}}}}}}}}"#,
        sink.address
    );
    let file = spanloom_tests::config::ConfigFile::new(&config);
    let credentials = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ];
    Spanloom::start_file_with(file.path(), args, &credentials).await
}

async fn wait_for(spanloom: &Spanloom, name: &str, labels: &[&str], at_least: f64) {
    let reached = async {
        while metric(&spanloom.metrics().await, name, labels) < at_least {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WAIT_TIMEOUT, reached).await.unwrap_or_else(|_| panic!("{name}: {}", spanloom.output()));
}

/// Checks that the sampler follows X-Ray's rule, with one borrowed trace until it has a quota. Returns the requests.
async fn check_exchange(keys: impl Fn(SocketAddr) -> String) -> Vec<Asked> {
    let (sink, x_ray) = (Sink::start().await, XRay::start().await);
    let spanloom = start(&sink, &keys(x_ray.address)).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    wait_for(&spanloom, "xray_sampler_rules", &[], 1.0).await;
    client.send(Signal::Traces, payload::traces(0, TRACES)).await.expect("it is taken");
    let reported = ["operation=\"GetSamplingTargets\"", "outcome=\"success\""];
    wait_for(&spanloom, "xray_sampler_requests", &reported, 1.0).await;
    client.send(Signal::Traces, payload::traces(TRACES, TRACES)).await.expect("it is taken");
    sink.wait_for_items(Signal::Traces, 1 + QUOTA).await;

    spanloom.settled().await;
    let metrics = spanloom.metrics().await;
    for (labels, count) in [(["by=\"borrowed\""], 1), (["by=\"reservoir\""], QUOTA), (["by=\"rate\""], 0)] {
        assert_eq!(metric(&metrics, "xray_sampler_kept_traces", &labels), count as f64, "{labels:?}");
    }
    let by_rule =
        |decision| metric(&metrics, "spanloom_sampler_traces", &[decision, "reason=\"Default\""]) as usize;
    assert_eq!(by_rule("decision=\"keep\""), 1 + QUOTA);
    assert_eq!(by_rule("decision=\"drop\""), 2 * TRACES - 1 - QUOTA);
    for account in spanloom.finish().await.values() {
        let expected = (1 + QUOTA, 2 * TRACES - 1 - QUOTA);
        assert_eq!((account.delivered as usize, account.sampled_out as usize), expected, "{account:?}");
    }
    let asked = x_ray.asked();
    assert_eq!(asked[0].path, "/GetSamplingRules");
    let report = asked.iter().find(|asked| asked.path == "/SamplingTargets").expect("a report");
    let statistics = &report.body["SamplingStatisticsDocuments"][0];
    let counts = ["RequestCount", "SampledCount", "BorrowCount"].map(|key| statistics[key].clone());
    assert_eq!(counts, [json!(TRACES), json!(1), json!(1)]);
    asked
}

/// Scenario: the rules are those of X-Ray itself.
/// Guarantees: requests are signed, and what X-Ray says is done.
#[tokio::test]
async fn x_rays_rules_are_followed() {
    let keys = |address| format!(r#""region": "us-east-1", "endpoint": "http://{address}""#);
    for asked in check_exchange(keys).await {
        let signed = asked.authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/");
        assert!(signed && asked.authorization.contains("/us-east-1/xray/"), "{}", asked.authorization);
    }
}

/// Scenario: the rules come through a daemon.
/// Guarantees: requests are not signed, and what X-Ray says is done.
#[tokio::test]
async fn x_rays_rules_are_followed_through_a_proxy() {
    let keys = |address| format!(r#""source": "proxy", "endpoint": "http://{address}""#);
    for asked in check_exchange(keys).await {
        assert_eq!(asked.authorization, "");
    }
}

/// Scenario: nobody listens where X-Ray should be.
/// Guarantees: the log says so, and the rules of the config decide.
#[tokio::test]
async fn without_x_ray_the_rules_of_the_config_decide() {
    let sink = Sink::start().await;
    let keys = format!(
        r#""source": "proxy", "endpoint": "http://{}",
            "rules": {{"version": 2, "default": {{"fixed_target": 3, "rate": 0}}}}"#,
        free_address()
    );
    let spanloom = start(&sink, &keys).await;
    spanloom.wait_for_output("traces are sampled without X-Ray's rules meanwhile").await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, payload::traces(0, TRACES)).await.expect("it is taken");
    sink.wait_for_items(Signal::Traces, 3).await;
    spanloom.settled().await;
    let metrics = spanloom.metrics().await;
    assert_eq!(metric(&metrics, "xray_sampler_fallback_traces", &[]), TRACES as f64);
    for account in spanloom.finish().await.values() {
        assert_eq!((account.delivered, account.sampled_out), (3, TRACES as u64 - 3), "{account:?}");
    }
}

/// Scenario: X-Ray takes a connection and never answers; traces come, and then the end.
/// Guarantees: the last line says how many spans were lost, and no other line says it again behind it.
#[tokio::test]
async fn what_a_hanging_sampler_loses_is_said_before_the_end() {
    let sink = Sink::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("its address");
    let keys = format!(r#""source": "proxy", "endpoint": "http://{address}", "timeout": "4s""#);
    let tail = r#"processors::tail_sampling={"sampler": "xray_sampler", "decision_wait": "50ms"}"#;
    let args = [
        "--set",
        tail,
        "--set",
        "service::pipelines::traces::processors=[tail_sampling]",
        "--set",
        "service::shutdown_timeout=1s",
    ];
    let mut spanloom = start_with(&sink, &keys, &args).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, payload::traces(0, TRACES)).await.expect("it is taken");
    sleep(Duration::from_millis(300)).await;
    let in_flight: u64 = spanloom.ledger().await.values().map(|account| account.in_flight).sum();
    assert_eq!(in_flight, TRACES as u64);
    spanloom.signal(rustix::process::Signal::TERM);
    assert!(!spanloom.exit().await.success());
    let output = spanloom.output();
    let summary = format!("{TRACES} items had not been delivered and were dropped");
    let (_, behind) = output.split_once(&summary).unwrap_or_else(|| panic!("no `{summary}` in\n{output}"));
    assert!(!behind.contains("items are lost"), "{output}");
}
