//! Programs with the OpenTelemetry SDKs, in `tests/clients/`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::skip::skip;

const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The SDK of one language, installed by `cargo xtask test`.
pub struct Client {
    interpreter: PathBuf,
    script: &'static str,
    environment: Vec<(String, PathBuf)>,
    /// Arguments that follow the protocol and the endpoint.
    signals: Vec<&'static str>,
}

/// Returns the Python SDK. Returns `None` and notes the test as skipped if the SDK is not installed.
pub fn python() -> Option<Client> {
    let interpreter = installed("SPANLOOM_PYTHON", "Python")?;
    Some(Client { interpreter, script: "python/send.py", environment: Vec::new(), signals: Vec::new() })
}

/// Returns the Node SDK. Returns `None` and notes the test as skipped if the SDK is not installed.
pub fn node() -> Option<Client> {
    let modules = installed("SPANLOOM_NODE_MODULES", "Node")?;
    Some(Client {
        interpreter: "node".into(),
        script: "node/send.js",
        environment: vec![("NODE_PATH".to_owned(), modules)],
        signals: Vec::new(),
    })
}

impl Client {
    /// Sends only this signal from now on.
    pub fn of(mut self, signal: &'static str) -> Client {
        self.signals = vec![signal];
        self
    }

    /// Adds environment variables with which the application is started.
    pub fn with(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Client {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name, value.into())));
        self
    }

    /// Runs the script, and fails if the SDK reports that it could not send.
    pub async fn send(&self, args: &[&str]) {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(self.script))
            .args(args)
            .args(&self.signals);
        command.envs(self.environment.clone()).stdin(Stdio::null()).kill_on_drop(true);
        let ended = timeout(CLIENT_TIMEOUT, command.output()).await.expect("the client ends in time");
        let output = ended.expect("the client starts");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{} {args:?} failed:\n{}{}",
            self.script,
            said(&output.stdout),
            said(&output.stderr)
        );
    }
}

fn installed(variable: &str, language: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skip(&format!("no OpenTelemetry SDK for {language}; `cargo xtask test` installs it"));
    }
    path
}
