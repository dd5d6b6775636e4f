//! One of the two collectors as a child process, with a stub behind it.

use std::{
    collections::BTreeSet,
    net::{Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use spanloom_tests::spanloom::free_address;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::{TcpStream, UnixStream},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    front::{self, Front},
    promcheck::Promcheck,
    stub::Stub,
};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Collector,
    Spanloom,
}

/// The two programs that are compared, and the one that judges their scrapes.
#[derive(Clone)]
pub(crate) struct Binaries {
    pub(crate) collector: PathBuf,
    pub(crate) spanloom: PathBuf,
    pub(crate) promcheck: Promcheck,
}

/// What a side is started with.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    /// The later over the earlier.
    pub(crate) configs: Vec<Config>,
    /// Files in the working directory, by their names.
    pub(crate) files: Vec<(String, String)>,
    /// Variables, in whose values `{PROXY}` is the address of the proxy.
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) fronts: Vec<front::Kind>,
}

/// An argument that says what the config is.
#[derive(Clone, Debug)]
pub(crate) enum Config {
    /// The text of a file.
    File(String),
    /// The value of `--config`.
    Source(String),
    /// The value of `--set`.
    Set(String),
}

/// The addresses of a side. A config refers to them as `${env:HTTP}` and so on, so that both sides read the
/// same bytes.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    /// Where the process serves its own metrics: `${env:METRICS_PORT}` on the loopback address.
    pub(crate) metrics: SocketAddr,
    pub(crate) health: SocketAddr,
    /// Where an exporter serves Prometheus.
    pub(crate) scrape: SocketAddr,
}

/// A collector that runs. It is killed when this value is dropped; [`Side::stop`] lets it drain first.
pub(crate) struct Side {
    pub(crate) kind: Kind,
    pub(crate) at: Addresses,
    pub(crate) stub: Stub,
    fronts: Vec<Front>,
    /// The working directory of the process.
    pub(crate) folder: TempDir,
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// What was printed by a process that ended before it was ready.
pub(crate) struct Refused {
    pub(crate) output: String,
}

impl Setup {
    /// Returns a setup with configs that are files.
    pub(crate) fn of(configs: &[String]) -> Setup {
        Setup { configs: configs.iter().cloned().map(Config::File).collect(), ..Setup::default() }
    }
}

/// The lines that a process wrote to one of its streams.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Side {
    /// Starts one side, and waits until it accepts connections. The inner error is a process that ended.
    pub(crate) async fn start(
        kind: Kind,
        binaries: &Binaries,
        setup: &Setup,
    ) -> Result<Result<Side, Refused>> {
        let at = Addresses::free();
        let folder = tempfile::tempdir()?;
        for (name, text) in &setup.files {
            std::fs::write(folder.path().join(name), text)?;
        }
        let stub = Stub::start().await?;
        let fronts = Front::all(&setup.fronts, stub.at, folder.path()).await?;
        let mut command = command(kind, binaries, folder.path());
        for (number, config) in setup.configs.iter().enumerate() {
            match config {
                Config::File(text) => {
                    let path = folder.path().join(format!("config{number}.yaml"));
                    std::fs::write(&path, text)?;
                    command.arg("--config").arg(path);
                }
                Config::Source(source) => {
                    command.args(["--config", source]);
                }
                Config::Set(key) => {
                    command.args(["--set", key]);
                }
            }
        }
        at.tell(&mut command, &stub);
        for (name, address) in fronts.iter().filter_map(Front::address) {
            command.env(name, address.to_string()).env(format!("{name}_PORT"), address.port().to_string());
        }
        let proxy = fronts.iter().filter_map(Front::address).find(|(name, _)| *name == front::PROXY);
        let proxy = proxy.map(|(_, address)| address.to_string()).unwrap_or_default();
        for (name, value) in &setup.environment {
            command.env(name, value.replace("{PROXY}", &proxy));
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {kind:?}"))?;
        let (stdout, stderr) = (Output::default(), Output::default());
        stdout.follow(child.stdout.take());
        stderr.follow(child.stderr.take());
        let mut side = Side { kind, at, stub, fronts, folder, child, stdout, stderr };
        match side.ready().await? {
            true => Ok(Ok(side)),
            false => Ok(Err(Refused { output: side.output() })),
        }
    }

    /// Returns everything that the process has printed so far, its standard output first.
    pub(crate) fn output(&self) -> String {
        self.stdout() + &self.stderr.text()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns what the fronts have noted, each note once.
    pub(crate) fn connections(&self) -> String {
        let notes: BTreeSet<String> = self.fronts.iter().flat_map(Front::notes).collect();
        notes.into_iter().collect::<Vec<_>>().join(" | ")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the process to drain and end. Returns its exit code, or `None` if it had to be killed.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()))?;
        kill_process(pid, Signal::TERM).ok()?;
        timeout(EXIT_TIMEOUT, self.child.wait()).await.ok()?.ok()?.code()
    }

    /// Returns whether OTLP over HTTP is taken on IPv4, on IPv6 or on a Unix socket.
    async fn listens(&self) -> bool {
        let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, self.at.http.port()));
        TcpStream::connect(self.at.http).await.is_ok()
            || TcpStream::connect(ipv6).await.is_ok()
            || UnixStream::connect(self.folder.path().join(SOCKET)).await.is_ok()
    }

    /// Waits until the process accepts a connection for OTLP over HTTP. Returns false if it has ended.
    async fn ready(&mut self) -> Result<bool> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while Instant::now() < deadline {
            if !self.is_running() {
                // The last lines are still on their way through the pipe.
                sleep(Duration::from_millis(30)).await;
                return Ok(false);
            }
            if self.listens().await {
                return Ok(true);
            }
            sleep(Duration::from_millis(15)).await;
        }
        anyhow::bail!("{:?} neither ends nor listens:\n{}", self.kind, self.output())
    }
}

/// The name of a socket in the working directory that a config may listen on.
pub(crate) const SOCKET: &str = "otlp.sock";

fn command(kind: Kind, binaries: &Binaries, folder: &Path) -> Command {
    let mut command = match kind {
        Kind::Collector => Command::new(&binaries.collector),
        Kind::Spanloom => {
            let mut command = Command::new(&binaries.spanloom);
            // The Collector has no admin endpoint, and several Spanlooms would want the same port.
            command.args(["run", "--set", "service::admin::endpoint=none"]);
            command
        }
    };
    command.current_dir(folder).env("NO_COLOR", "1").env("FOLDER", folder);
    // The machine's own proxies would change what both sides do.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Addresses {
    fn free() -> Addresses {
        Addresses {
            grpc: free_address(),
            http: free_address(),
            metrics: free_address(),
            health: free_address(),
            scrape: free_address(),
        }
    }

    fn tell(&self, command: &mut Command, stub: &Stub) {
        let all = [
            ("GRPC", self.grpc),
            ("HTTP", self.http),
            ("METRICS", self.metrics),
            ("HEALTH", self.health),
            ("SCRAPE", self.scrape),
            ("STUB", stub.at),
        ];
        for (name, at) in all {
            command.env(name, at.to_string()).env(format!("{name}_PORT"), at.port().to_string());
        }
    }
}

impl Output {
    fn text(&self) -> String {
        self.0.lock().map(|text| text.clone()).unwrap_or_default()
    }

    fn follow(&self, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(stream) = stream else { return };
        let text = self.0.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(mut text) = text.lock() {
                    text.push_str(&line);
                    text.push('\n');
                }
            }
        });
    }
}
