//! Real back ends and a traced application, as child processes on ports of their own. `cargo xtask test`
//! installs them.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{otlp::client::http_client, skip::skip, spanloom::free_address};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The X-Ray of moto, which stands for AWS.
pub struct Moto {
    pub address: SocketAddr,
    _child: Child,
}

/// A Prometheus server that scrapes one address every second.
pub struct Prometheus {
    address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

/// Three services that call one another: `front`, `cart`, `post`.
pub struct Shop {
    front: SocketAddr,
    children: Vec<Child>,
}

impl Moto {
    /// Starts moto. Returns `None` and notes the test as skipped if moto is not installed.
    pub async fn start() -> Option<Moto> {
        let program = moto_program()?;
        let address = free_address();
        let port = address.port().to_string();
        let child = start(Command::new(program).args(["-H", "127.0.0.1", "-p", &port]));
        answers(&format!("http://{address}/moto-api/")).await;
        Some(Moto { address, _child: child })
    }

    /// Returns every segment document of the last hour.
    pub async fn documents(&self) -> Vec<Value> {
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let range = json!({ "StartTime": now - 3600, "EndTime": now + 60 });
        let summaries = self.ask("TraceSummaries", &range).await;
        let ids: Vec<&Value> =
            summaries["TraceSummaries"].as_array().into_iter().flatten().map(|trace| &trace["Id"]).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let traces = self.ask("Traces", &json!({ "TraceIds": ids })).await;
        let segments =
            traces["Traces"].as_array().into_iter().flatten().flat_map(|trace| trace["Segments"].as_array());
        let documents =
            segments.flatten().map(|segment| segment["Document"].as_str().expect("a document").to_owned());
        documents.map(|document| serde_json::from_str(&document).expect("JSON")).collect()
    }

    async fn ask(&self, operation: &str, question: &Value) -> Value {
        // moto reads the region and the service from the signature and checks nothing else of the signature.
        let signature = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/xray/aws4_request, SignedHeaders=host, Signature=0";
        let request = http_client().post(format!("http://{}/{operation}", self.address));
        let request = request.header("authorization", signature).header("content-type", "application/json");
        let answer = request.body(question.to_string()).send().await.expect("moto answers");
        let text = answer.text().await.expect("text");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{operation}: {text}"))
    }
}

impl Prometheus {
    /// Starts Prometheus. Returns `None` and notes the test as skipped if Prometheus is not installed.
    pub async fn start(scraped: SocketAddr) -> Option<Prometheus> {
        let program = installed("SPANLOOM_PROMETHEUS", "Prometheus")?;
        let folder = TempDir::new().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let scrape = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
            "scrape_configs": [{ "job_name": "spanloom", "honor_labels": true, "static_configs": [{ "targets": [scraped.to_string()] }] }],
        });
        std::fs::write(&config, scrape.to_string()).expect("a config");
        let address = free_address();
        let child = start(Command::new(program).args([
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
            "--enable-feature=native-histograms".to_owned(),
        ]));
        answers(&format!("http://{address}/-/ready")).await;
        Some(Prometheus { address, _child: child, _folder: folder })
    }

    /// Returns the series that a query finds now, as `{"metric": {…}, "value": [at, "…"]}`.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let url = reqwest::Url::parse_with_params(
            &format!("http://{}/api/v1/query", self.address),
            [("query", query)],
        );
        let answer = http_client().get(url.expect("a URL")).send().await.expect("Prometheus answers");
        let answer: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().expect("series").clone()
    }

    /// Waits until a query finds exactly one series, and returns its value.
    pub async fn wait_for(&self, query: &str) -> f64 {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let found = self.query(query).await;
            if let [series] = found.as_slice() {
                return series["value"][1].as_str().and_then(|value| value.parse().ok()).expect("a number");
            }
            assert!(Instant::now() < deadline, "`{query}` finds {found:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Returns what `promtool check metrics` prints about an exposition: nothing, if the exposition is sound.
///
/// Returns `None` and notes the test as skipped if promtool is not installed.
pub async fn promtool_check(exposition: &str) -> Option<String> {
    let program = installed("SPANLOOM_PROMTOOL", "promtool")?;
    let mut command = Command::new(program);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("promtool");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(exposition.as_bytes()).await.expect("promtool reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("promtool ends");
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

impl Shop {
    /// Starts the services. Returns `None` and notes the test as skipped if their packages are not installed.
    pub async fn start(grpc: SocketAddr, http: SocketAddr) -> Option<Shop> {
        let python = installed("SPANLOOM_SHOP", "an instrumented Flask application")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/shop/shop.py");
        let at = ["front", "cart", "post"].map(|name| (name, free_address()));
        let mut children = Vec::new();
        for (number, (name, address)) in at.iter().enumerate() {
            let mut command = Command::new(&python);
            command.arg(&script).args([*name, &address.port().to_string()]);
            if let Some((next, address)) = at.get(number + 1) {
                command.arg(format!("http://{address}/{next}"));
            }
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{grpc}"));
            command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("http://{http}/v1/traces"));
            // The current names of attributes: durations in seconds, and HTTP attributes that X-Ray knows as
            // well.
            command.env("OTEL_SEMCONV_STABILITY_OPT_IN", "http");
            // A readiness check makes no span.
            command.env("OTEL_PYTHON_EXCLUDED_URLS", "ready");
            children.push(start(&mut command));
            answers(&format!("http://{address}/is/ready")).await;
        }
        Some(Shop { front: at[0].1, children })
    }

    /// Orders an item and returns the status of the answer.
    pub async fn order(&self, item: &str) -> u16 {
        let answer = http_client().get(format!("http://{}/front/{item}", self.front)).send().await;
        answer.expect("the shop answers").status().as_u16()
    }

    pub async fn stop(mut self) {
        for child in &mut self.children {
            child.kill().await.expect("it ran");
        }
    }
}

/// Returns moto's server. The interpreter that it is installed for, with botocore, is the `python` beside it.
pub(crate) fn moto_program() -> Option<PathBuf> {
    installed("SPANLOOM_MOTO", "moto")
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.as_std()))
}

/// Waits until a server answers with success.
async fn answers(url: &str) {
    let deadline = Instant::now() + START_TIMEOUT;
    while !http_client().get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        assert!(Instant::now() < deadline, "{url} does not answer");
        sleep(Duration::from_millis(100)).await;
    }
}

fn installed(variable: &str, what: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skip(&format!("no {what}; `cargo xtask test` installs it"));
    }
    path
}
