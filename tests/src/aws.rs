//! A stub of AWS: its OTLP endpoints with their limits, and any other path. What it is sent is kept, and the
//! signatures can be checked with botocore.

mod limits;

use std::{
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State as Shared},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpListener,
    process::Command,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{back_ends::moto_program, otlp::Signal};

/// Example credentials from AWS's documentation, as variables of the environment.
pub const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
];

const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A running stub. It serves until it is dropped.
pub struct Aws {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

/// A request as it came, and the answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    /// The body as it was sent, maybe compressed.
    pub body: Bytes,
    pub status: StatusCode,
    /// Why the request was refused.
    pub refusal: Option<String>,
}

impl Aws {
    pub async fn start() -> Aws {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let routes = Router::new().fallback(any(answer)).with_state(asked.clone());
        let routes = routes.layer(DefaultBodyLimit::disable());
        let server =
            tokio::spawn(async move { axum::serve(listener, routes).await.expect("the stub serves") });
        Aws { address, asked, server }
    }

    /// Returns every request, refused requests included.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until this many requests have come.
    pub async fn wait_for_requests(&self, requests: usize) -> Vec<Asked> {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            let asked = self.asked();
            if asked.len() >= requests {
                return asked;
            }
            assert!(Instant::now() < deadline, "{requests} requests are due, there are {}", asked.len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Checks every signature with botocore. Without botocore, notes the test as skipped.
    pub async fn check_signatures(&self) {
        let Some(moto) = moto_program() else { return };
        let requests: Vec<Value> = self.asked().iter().map(|asked| asked.to_json(self.address)).collect();
        assert!(!requests.is_empty(), "nothing was sent");
        let said = botocore(&moto, &Value::from(requests)).await;
        assert_eq!(said, "", "botocore has something to say");
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Asked {
    /// Returns the body, decompressed.
    pub fn plain(&self) -> Bytes {
        plain(&self.headers, &self.body)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn to_json(&self, address: SocketAddr) -> Value {
        let headers = self.headers.iter().map(|(name, value)| {
            (name.to_string(), Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        let body: String = self.body.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "method": self.method.as_str(),
            "url": format!("http://{address}{}", self.uri),
            "headers": headers.collect::<serde_json::Map<String, Value>>(),
            "body": body,
        })
    }
}

async fn answer(
    Shared(asked): Shared<Arc<Mutex<Vec<Asked>>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signal = Signal::ALL.into_iter().find(|signal| signal.http_path() == uri.path());
    let refusal = signal.and_then(|signal| limits::refusal(signal, &plain(&headers, &body)));
    let status = if refusal.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let answer = (status, refusal.clone().unwrap_or_default()).into_response();
    asked.lock().unwrap().push(Asked { method, uri, headers, body, status, refusal });
    answer
}

fn plain(headers: &HeaderMap, body: &Bytes) -> Bytes {
    if headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return body.clone();
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&**body).read_to_end(&mut plain).expect("gzip");
    plain.into()
}

/// Returns what botocore says of the requests' signatures. It is installed beside moto.
async fn botocore(moto: &Path, requests: &Value) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("back_ends/sigv4.py");
    let [(_, key), (_, secret)] = CREDENTIALS;
    let mut python = Command::new(moto.with_file_name("python"));
    python.arg(script).args([key, secret]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = python.spawn().expect("python");
    let mut stdin = child.stdin.take().expect("its input");
    let input = requests.to_string();
    let write = async move { stdin.write_all(input.as_bytes()).await.expect("python reads") };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    let output = output.expect("its output");
    assert!(output.status.success(), "python failed: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}
