//! `spanloom xray-daemon` as a child process, and applications with the AWS X-Ray SDKs.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    back_ends::{Moto, moto_program},
    skip::skip,
    spanloom::{binary, free_address},
};

/// The first start of a debug build compiles its plugins.
const READY_TIMEOUT: Duration = Duration::from_secs(180);
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// A running daemon, whose log is a file.
pub struct Daemon {
    child: Child,
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    folder: TempDir,
}

/// A language with an SDK. Each has an application in `tests/clients/xray` that sends the same.
#[derive(Clone, Copy, Debug)]
pub enum Sdk {
    Python,
    Node,
    Go,
    Java,
}

impl Daemon {
    /// Starts the daemon before moto, with a `cfg.yaml`, and returns when it is ready.
    pub async fn start(moto: &Moto) -> Daemon {
        let folder = TempDir::new().expect("a folder");
        let (udp, tcp, cfg) = (free_address(), free_address(), folder.path().join("cfg.yaml"));
        let endpoint = format!("http://{}", moto.address);
        let text = json!({"Version": 2, "Region": "us-east-1", "Endpoint": endpoint, "LocalMode": true});
        std::fs::write(&cfg, text.to_string()).expect("a config");
        let log = folder.path().join("xray.log");
        let mut command = Command::new(binary());
        // The flags in the forms that Go's library takes.
        command.arg("xray-daemon").arg("-c").arg(&cfg).arg("-log-file").arg(&log);
        command.args([format!("-b={udp}"), format!("--bind-tcp={tcp}")]);
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "EXAMPLEKEY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut daemon = Daemon { child: command.spawn().expect("the spanloom binary"), udp, tcp, folder };
        let deadline = Instant::now() + READY_TIMEOUT;
        while !daemon.log().contains("ready") {
            let ended = daemon.child.try_wait().expect("its status");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}:\n{}", daemon.log());
            sleep(Duration::from_millis(20)).await;
        }
        daemon
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("xray.log")).unwrap_or_default()
    }

    /// Runs an application to its end, and returns the ids of its traces. Returns `None` and notes the test as skipped
    /// if the SDK is not installed.
    pub async fn trace(&self, sdk: Sdk, args: &[&str]) -> Option<Vec<String>> {
        let mut application = sdk.application()?;
        application.args(args).env("AWS_XRAY_DAEMON_ADDRESS", self.udp.to_string()).kill_on_drop(true);
        let ended = timeout(END_TIMEOUT, application.output()).await.expect("it ends").expect("it starts");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{sdk:?}: {stderr}");
        Some(String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect())
    }

    /// Waits until moto has this many documents, and returns them.
    pub async fn wait_for_documents(&self, moto: &Moto, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + END_TIMEOUT;
        loop {
            let documents = moto.documents().await;
            if documents.len() >= count {
                return documents;
            }
            let found = documents.len();
            assert!(Instant::now() < deadline, "{found} of {count}: {documents:#?}\n{}", self.log());
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends the daemon as its service manager does, and returns its log.
    pub async fn end(mut self) -> String {
        let pid = Pid::from_raw(self.child.id().expect("it runs") as i32).expect("a process id");
        kill_process(pid, Signal::TERM).expect("it runs");
        let status = timeout(END_TIMEOUT, self.child.wait()).await.expect("it ends").expect("its status");
        assert!(status.success(), "{status}:\n{}", self.log());
        self.log()
    }
}

impl Sdk {
    fn application(self) -> Option<Command> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/xray");
        Some(match self {
            Sdk::Python => {
                // moto is tested with the SDK, and brings it.
                let mut python = Command::new(moto_program()?.with_file_name("python"));
                python.arg(source.join("app.py"));
                python
            }
            Sdk::Node => {
                let modules = installed("SPANLOOM_XRAY_NODE", "Node")?;
                let mut node = Command::new("node");
                node.arg(source.join("node/app.js")).env("NODE_PATH", modules);
                node
            }
            Sdk::Go => Command::new(installed("SPANLOOM_XRAY_GO", "Go")?),
            Sdk::Java => {
                let target = installed("SPANLOOM_XRAY_JAVA", "Java")?;
                let classes = [target.join("classes"), target.join("lib/*")];
                let mut java = Command::new("java");
                java.arg("-cp").arg(env::join_paths(classes).expect("no colon")).arg("shop.App");
                java
            }
        })
    }
}

fn installed(variable: &str, language: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skip(&format!(
            "no X-Ray SDK for {language}; `cargo xtask test` installs it where it finds the language"
        ));
    }
    path
}
