//! The files of `deploy/`: every config is valid and runs, every file can be parsed, and the dashboards and alerts ask
//! for metrics that exist. `cargo xtask deploy` checks what needs other programs, such as a Kubernetes API server.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal as ProcessSignal;
use serde_json::Value;
use spanloom_tests::{
    Answer, Sink, Spanloom,
    back_ends::Prometheus,
    command::spanloom as command,
    config::ConfigFile,
    otlp::{Signal, client, payload},
    spanloom::free_address,
};
use tokio::time::{Instant, sleep};

/// The name of each config of Spanloom below `deploy/`.
const CONFIG: &str = "spanloom.yaml";

/// The folders whose YAML is made by templates.
const TEMPLATES: &str = "helm/spanloom/templates";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Returns the files below a folder, in the order of their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn configs() -> Vec<PathBuf> {
    files(&folder()).into_iter().filter(|path| path.file_name().is_some_and(|name| name == CONFIG)).collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the settings that a config needs to run here: the file of its plugin.
fn settings(config: &str) -> Vec<String> {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("interface/0.1.0/redactor.wasm");
    let mut settings = Vec::new();
    if config.contains("\nplugins:\n") {
        settings.push(format!("plugins::redact::path={}", plugin.display()));
    }
    if config.contains("\n  prometheus:\n") {
        settings.push(format!("exporters::prometheus::endpoint={}", free_address()));
    }
    settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

/// Scenario: `spanloom validate` reads each config.
/// Guarantees: each is accepted without a warning, with the variables that it reads unset.
#[tokio::test]
async fn each_config_is_accepted_without_a_warning() {
    let configs = configs();
    assert!(configs.len() >= 8, "{configs:?}");
    for path in configs {
        let settings = settings(&text(&path));
        let path = path.display().to_string();
        let mut args = vec!["validate", "--config", &path];
        args.extend(settings.iter().map(String::as_str));
        let ended = command(&args).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{path}");
    }
}

/// Scenario: each config runs, with free addresses and a destination that records; if the config sends traces on over
/// OTLP, it is sent some.
/// Guarantees: it starts, the destination gets the traces, and it drains.
#[tokio::test]
async fn each_config_runs_and_sends_what_it_is_sent() {
    for path in configs() {
        let config = text(&path);
        let sink = Sink::start().await;
        let settings = settings(&config);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let address = sink.address.to_string();
        let destinations = ["BACKEND", "GATEWAY", "JAEGER"].map(|name| (name, address.as_str()));
        let aws = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "EXAMPLE"),
        ];
        let spanloom = Spanloom::start_file_with(&path, &settings, &[&destinations[..], &aws].concat()).await;
        if destinations.iter().any(|(name, _)| config.contains(&format!("${{env:{name}:-"))) {
            client::grpc(spanloom.grpc, Signal::Traces, payload::request(Signal::Traces, 30)).await.unwrap();
            client::http(spanloom.http, Signal::Traces, payload::request(Signal::Traces, 20)).await;
            sink.wait_for_items(Signal::Traces, 50).await;
        }
        spanloom.finish().await;
    }
}

/// Scenario: each YAML and JSON file, but for Helm's templates.
/// Guarantees: each can be parsed.
#[test]
fn each_file_can_be_parsed() {
    let templates = folder().join(TEMPLATES);
    for path in files(&folder()).iter().filter(|path| !path.starts_with(&templates)) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => {
                for event in saphyr_parser::Parser::new_from_str(&text(path)) {
                    event.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                }
            }
            Some("json") => {
                serde_json::from_str::<Value>(&text(path))
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            }
            _ => {}
        }
    }
}

/// Returns the number after `key:` on the one line that has it.
fn seconds(text: &str, key: &str) -> u64 {
    let mut found = text.lines().filter_map(|line| line.split_once(key)).filter_map(|(_, rest)| {
        rest.trim_start_matches([':', ' ', '"', '='])
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    });
    found.next().unwrap_or_else(|| panic!("no `{key}` in:\n{text}"))
}

/// Scenario: each way to run Spanloom that ends it with SIGTERM and then SIGKILL.
/// Guarantees: the time in between is longer than the pause before and `service.shutdown_timeout` together, so a drain is
/// not cut short.
#[test]
fn nothing_is_killed_while_it_drains() {
    const GRACE: &str = "terminationGracePeriodSeconds";
    let pairs = [
        ("kubernetes/agent/daemonset.yaml", GRACE, "kubernetes/agent"),
        ("kubernetes/gateway/deployment.yaml", GRACE, "kubernetes/gateway"),
        ("kubernetes/gateway/deployment.yaml", GRACE, "kubernetes/plugin"),
        ("kubernetes/sidecar/pod.yaml", GRACE, "kubernetes/sidecar"),
        ("compose/compose.yaml", "stop_grace_period", "compose/spanloom"),
        ("systemd/spanloom.service", "TimeoutStopSec", "systemd"),
        ("aws/task-definition.json", "stopTimeout", "aws"),
    ];
    for (manifest, key, config) in pairs {
        let config = text(&folder().join(config).join(CONFIG));
        check_times(&without_comments(&folder().join(manifest)), key, &config, manifest);
    }
    let values = without_comments(&folder().join("helm/spanloom/values.yaml"));
    check_times(&values, GRACE, &values, "helm/spanloom/values.yaml");
}

fn check_times(manifest: &str, key: &str, config: &str, path: &str) {
    let pauses = ["sleep: { seconds", "preStopSeconds"];
    let pause =
        pauses.iter().find(|pause| manifest.contains(**pause)).map_or(0, |pause| seconds(manifest, pause));
    let (killed, drains) = (seconds(manifest, key), seconds(config, "shutdown_timeout"));
    assert!(killed >= pause + drains + 5, "{path}: {killed} s, of which {pause} and {drains} are needed");
}

fn without_comments(path: &Path) -> String {
    let text = text(path);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Returns the queries of a dashboard's panels, with Grafana's variables replaced.
fn queries_of_dashboard(path: &Path) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text(path)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.map(|target| target["expr"].as_str().expect("a query"));
    let replaced = |query: &str| {
        let query = query.replace("$__rate_interval", "1m").replace("$job", ".*");
        query.replace("$instance", ".*").replace("$service", ".*")
    };
    queries.map(replaced).collect()
}

/// Returns the queries of the alerts: what follows `expr:`, on its line or indented below it.
fn queries_of_alerts(path: &Path) -> Vec<String> {
    let text = text(path);
    let mut queries = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(query) = line.trim_start().strip_prefix("expr:") else { continue };
        let mut query = query.trim().trim_start_matches(">-").to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("          ")) {
            query = format!("{query} {}", more.trim());
        }
        queries.push(query.trim().to_owned());
    }
    queries
}

/// Returns the names of Spanloom's metrics in a query.
fn metrics(query: &str) -> BTreeSet<&str> {
    const OURS: [&str; 4] = ["otelcol_", "spanloom_", "prometheus_exporter_", "traces_"];
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| OURS.iter().any(|start| word.starts_with(start))).collect()
}

/// A config with every component that the dashboards ask about.
const EVERYTHING: &str = "\
receivers:
  otlp: {protocols: {grpc: {endpoint: \"${env:GRPC}\"}, http: {endpoint: \"${env:HTTP}\"}}}
plugins:
  redact: {path: redact.wasm, limits: {max_calls: 2}}
processors:
  redact: {keys: [card.number]}
  groupbytrace: {wait_duration: 100ms}
  batch: {timeout: 50ms}
connectors:
  span_metrics: {metrics_flush_interval: 100ms}
  service_graph: {metrics_flush_interval: 100ms}
exporters:
  otlp_grpc: {endpoint: \"${env:BACKEND}\", tls: {insecure: true}}
  prometheus: {endpoint: \"${env:EXPOSITION}\"}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [redact, groupbytrace, batch], exporters: [otlp_grpc, span_metrics, service_graph]}
    metrics: {receivers: [otlp, span_metrics, service_graph], exporters: [prometheus]}
    logs: {receivers: [otlp], exporters: [otlp_grpc]}
";

/// Scenario: traffic of all signals through every kind of component, a config that is read again, a broken file in the
/// place of a plugin, and a destination that refuses.
/// Guarantees: each metric that a dashboard or an alert asks for is shown; a real Prometheus accepts each query, and finds
/// something for each panel of own metrics.
#[tokio::test]
async fn dashboards_and_alerts_ask_for_what_there_is() {
    let (sink, exposition) = (Sink::start().await, free_address());
    let config = ConfigFile::new(EVERYTHING);
    let plugin = config.path().with_file_name("redact.wasm");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("interface/0.1.0/redactor.wasm"), &plugin).unwrap();
    let (backend, shows) = (sink.address.to_string(), exposition.to_string());
    let variables = [("BACKEND", backend.as_str()), ("EXPOSITION", shows.as_str())];
    let spanloom = Spanloom::start_file_with(config.path(), &[], &variables).await;
    let endpoint = format!("http://{}", spanloom.grpc);
    let generate = ["generate", "traces", "--endpoint", &endpoint, "--total", "300"];

    fs::write(plugin.with_extension("new"), "no plugin").unwrap();
    fs::rename(plugin.with_extension("new"), &plugin).unwrap();
    spanloom.signal(ProcessSignal::HUP);
    for signal in Signal::ALL {
        client::grpc(spanloom.grpc, signal, payload::request(signal, 3)).await.unwrap();
    }
    sink.answer_next([Answer::Refuse]);
    let sent = command(&generate).await;
    assert_eq!(sent.code, 0, "{}{}", sent.stdout, sent.stderr);

    let dashboards: Vec<PathBuf> = files(&folder().join("grafana"));
    let panels: Vec<String> = dashboards.iter().flat_map(|path| queries_of_dashboard(path)).collect();
    let alerts = queries_of_alerts(&folder().join("prometheus/alerts.yaml"));
    assert!(dashboards.len() >= 2 && panels.len() > 40 && alerts.len() > 10, "{panels:?} {alerts:?}");
    let asked: BTreeSet<&str> = panels.iter().chain(&alerts).flat_map(|query| metrics(query)).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let shown = spanloom.metrics().await + &scrape(&shows).await;
        let is_shown = |name: &&str| {
            let mut lines = shown.lines().filter_map(|line| line.strip_prefix(name));
            lines.any(|rest| rest.starts_with(['{', ' ']))
        };
        let missing: Vec<&&str> = asked.iter().filter(|name| !is_shown(name)).collect();
        if missing.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{missing:?} are asked for, but not shown:\n{shown}");
        sleep(Duration::from_millis(200)).await;
    }
    if let Some(prometheus) = Prometheus::start(spanloom.metrics_address()).await {
        for query in &alerts {
            prometheus.query(query).await;
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        // This Prometheus does not scrape the metrics of the spans. A comparison may find nothing.
        for query in panels.iter().filter(|query| !query.contains("traces_") && !query.contains(" > ")) {
            while prometheus.query(query).await.is_empty() {
                assert!(
                    Instant::now() < deadline,
                    "`{query}` finds nothing in:\n{}",
                    spanloom.metrics().await
                );
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    spanloom.finish().await;
}

async fn scrape(address: &str) -> String {
    let answer = client::http_client().get(format!("http://{address}/metrics")).send().await;
    answer.expect("a scrape").text().await.expect("text")
}
