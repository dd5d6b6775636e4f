//! The binary under test, as a child process.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    ledger::{self, Ledger},
    otlp::client::http_client,
};

/// The time limit of a start. A plugin that brings CPython takes a minute to compile in a debug build on a
/// busy machine.
const READY_TIMEOUT: Duration = Duration::from_secs(180);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Names the variable that limits how many files the process may open. Without it, the test's own limit
/// applies.
const FILES_LIMIT: &str = "TEST_FILES_LIMIT";
/// The ports that tests listen on: below 32768, where Linux begins to give ports away, and above most
/// services' ports.
const FREE_PORTS: Range<u16> = 20_000..32_000;

/// A running `spanloom run`. End it with [`Spanloom::finish`], which checks its ledger.
pub struct Spanloom {
    child: Child,
    /// Receives OTLP over gRPC.
    pub grpc: SocketAddr,
    /// Receives OTLP over HTTP.
    pub http: SocketAddr,
    /// The admin endpoint, which operators ask.
    pub admin: SocketAddr,
    metrics: SocketAddr,
    output: Output,
    finished: bool,
}

/// The lines that the process wrote to both streams, in the order in which they came.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

/// The addresses on which a process is told to listen.
///
/// They were free a moment ago. If another process takes one first, the start is repeated.
struct Addresses {
    grpc: SocketAddr,
    http: SocketAddr,
    metrics: SocketAddr,
    health: SocketAddr,
    admin: SocketAddr,
}

/// Returns the binary: `$SPANLOOM_BIN`, else the one that cargo builds from this tree.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("SPANLOOM_BIN").map_or_else(build, PathBuf::from))
}

/// Returns an address on which nobody listens, a different one each time.
///
/// The system does not give this port away by itself, neither to a process that connects nor to one that asks
/// for a free port.
pub fn free_address() -> SocketAddr {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // Each test program starts at a different port, because several run at once.
    let first = std::process::id().wrapping_mul(97);
    let listener = FREE_PORTS.into_iter().find_map(|_| {
        let turn = first.wrapping_add(ASKED.fetch_add(1, Relaxed)) % FREE_PORTS.len() as u32;
        TcpListener::bind((Ipv4Addr::LOCALHOST, FREE_PORTS.start + turn as u16)).ok()
    });
    listener.expect("a free port").local_addr().expect("its address")
}

impl Spanloom {
    /// Starts the process with a config that refers to `${env:GRPC}` and `${env:HTTP}`, and returns when it
    /// is ready.
    pub async fn start(config: &str) -> Spanloom {
        Self::start_with(config, &[]).await
    }

    /// Starts the process like [`Spanloom::start`], with more arguments.
    pub async fn start_with(config: &str, args: &[&str]) -> Spanloom {
        let config = format!("yaml:{config}");
        Self::launch(&[&["--config", &config], args].concat(), &[]).await
    }

    /// Starts the process like [`Spanloom::start`], with more arguments and variables.
    pub async fn start_in(config: &str, args: &[&str], environment: &[(&str, &str)]) -> Spanloom {
        let config = format!("yaml:{config}");
        Self::launch(&[&["--config", &config], args].concat(), environment).await
    }

    /// Starts the process like [`Spanloom::start`], and lets it open at most this many files.
    pub async fn start_with_files(config: &str, files: u64) -> Spanloom {
        let config = format!("yaml:{config}");
        Self::launch(&["--config", &config], &[(FILES_LIMIT, &files.to_string())]).await
    }

    /// Starts the process as `spanloom run` alone does, except for the addresses: this machine may run a
    /// collector already.
    pub async fn start_default() -> Spanloom {
        Self::start_default_with(&["--set", &format!("exporters::prometheus::endpoint={}", free_address())])
            .await
    }

    /// Starts the process like [`Spanloom::start_default`], with more arguments. One of them says where
    /// `prometheus` listens.
    pub async fn start_default_with(args: &[&str]) -> Spanloom {
        Self::start_elsewhere(args, &[]).await
    }

    /// Starts the process with a config file that gives no addresses.
    pub async fn start_file(config: &Path) -> Spanloom {
        Self::start_file_with(config, &[], &[]).await
    }

    /// Starts the process like [`Spanloom::start_file`], with more arguments and variables.
    pub async fn start_file_with(config: &Path, args: &[&str], environment: &[(&str, &str)]) -> Spanloom {
        let config = ["--config", config.to_str().expect("UTF-8")];
        Self::start_elsewhere(&[&config, args].concat(), environment).await
    }

    async fn start_elsewhere(args: &[&str], environment: &[(&str, &str)]) -> Spanloom {
        let protocols = "receivers::otlp::protocols";
        let grpc = format!("{protocols}::grpc::endpoint=${{env:GRPC}}");
        let http = format!("{protocols}::http::endpoint=${{env:HTTP}}");
        Self::launch(&[args, &["--set", &grpc, "--set", &http]].concat(), environment).await
    }

    async fn launch(args: &[&str], environment: &[(&str, &str)]) -> Spanloom {
        for _ in 0..3 {
            match Self::try_launch(args, environment).await {
                Ok(spanloom) => return spanloom,
                Err(output) if output.contains("in use") => {}
                Err(output) => panic!("spanloom did not start:\n{output}\nwith {}", args.join("\n")),
            }
        }
        panic!("three times in a row someone took the port");
    }

    /// Starts the process once. The error is the output of the process.
    async fn try_launch(args: &[&str], environment: &[(&str, &str)]) -> Result<Spanloom, String> {
        let at = Addresses::free();
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n ${{{FILES_LIMIT}:-$(ulimit -n)}}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(limited).arg(binary());
        // The caller's arguments come last: `service::extensions` may name others beside `health_check`.
        command.arg("run").args(at.service_args()).args(args);
        command.env("GRPC", at.grpc.to_string()).env("HTTP", at.http.to_string()).env("NO_COLOR", "1");
        command.env("METRICS_PORT", at.metrics.port().to_string());
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the spanloom binary");
        let output = Output::default();
        output.follow(child.stdout.take().expect("piped"));
        output.follow(child.stderr.take().expect("piped"));
        let Addresses { grpc, http, metrics, health, admin } = at;
        let mut spanloom = Spanloom { child, grpc, http, admin, metrics, output, finished: false };
        match spanloom.ready(health).await {
            Ok(()) => Ok(spanloom),
            Err(why) => {
                spanloom.finished = true;
                Err(format!("{}{why}", spanloom.output()))
            }
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().expect("still running") as i32).expect("a process id")
    }

    /// Returns everything that the process has printed so far, both streams.
    pub fn output(&self) -> String {
        self.output.0.lock().unwrap().clone()
    }

    /// Waits until the process has printed this text.
    pub async fn wait_for_output(&self, text: &str) {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        while !self.output().contains(text) {
            assert!(Instant::now() < deadline, "it never printed `{text}`, but:\n{}", self.output());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns the address that shows the process's own metrics.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// Returns the Prometheus text of the process's own metrics.
    pub async fn metrics(&self) -> String {
        let answer = http_client()
            .get(format!("http://{}/metrics", self.metrics))
            .send()
            .await
            .expect("its metrics endpoint");
        answer.text().await.expect("text")
    }

    pub async fn ledger(&self) -> Ledger {
        ledger::parse(&self.metrics().await)
    }

    /// Returns the peak resident memory in bytes, or `None` if there is no procfs.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        self.memory_bytes("VmHWM:")
    }

    /// Returns the current resident memory in bytes, or `None` if there is no procfs.
    pub fn rss_bytes(&self) -> Option<u64> {
        self.memory_bytes("VmRSS:")
    }

    fn memory_bytes(&self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid().as_raw_nonzero())).ok()?;
        let memory = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(memory.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Waits until the process has ended.
    pub async fn exit(&mut self) -> ExitStatus {
        self.finished = true;
        let ended = timeout(EXIT_TIMEOUT, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it did not end:\n{}", self.output())).expect("its exit status")
    }

    /// Waits until nothing is in flight, checks the balance of each account, and ends the process, which must
    /// exit with 0.
    pub async fn finish(mut self) -> Ledger {
        let ledger = self.settled().await;
        for (account, items) in &ledger {
            assert!(items.holds(), "the ledger of {account:?} does not add up: {items:?}\n{}", self.output());
        }
        self.signal(Signal::TERM);
        let status = self.exit().await;
        assert!(status.success(), "it ended with {status}:\n{}", self.output());
        ledger
    }

    /// Waits until nothing is in flight, and returns the ledger.
    pub async fn settled(&self) -> Ledger {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        loop {
            let ledger = self.ledger().await;
            assert!(!ledger.is_empty(), "its metrics have no ledger:\n{}", self.metrics().await);
            if ledger.values().all(|account| account.in_flight == 0) {
                return ledger;
            }
            assert!(Instant::now() < deadline, "items stay in flight: {ledger:?}\n{}", self.output());
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ready(&mut self, health: SocketAddr) -> Result<(), String> {
        let client = http_client();
        let deadline = Instant::now() + READY_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("its status") {
                // The last lines are still on their way through the pipe.
                sleep(Duration::from_millis(50)).await;
                return Err(format!("it ended with {status}"));
            }
            let answer = client.get(format!("http://{health}/")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err("it is not ready".to_owned())
    }
}

/// A test must finish its process, because otherwise it would not notice lost items.
impl Drop for Spanloom {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("spanloom printed:\n{}", self.output());
        } else {
            assert!(self.finished, "end this test with `spanloom.finish()` or `exit()`");
        }
    }
}

impl Output {
    fn follow(&self, stream: impl AsyncRead + Unpin + Send + 'static) {
        let text = self.0.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
    }
}

impl Addresses {
    fn free() -> Addresses {
        Addresses {
            grpc: free_address(),
            http: free_address(),
            metrics: free_address(),
            health: free_address(),
            admin: free_address(),
        }
    }

    /// Returns the settings that let a test ask any process for its health, its ledger and its status.
    fn service_args(&self) -> Vec<String> {
        let Addresses { metrics, health, admin, .. } = self;
        let prometheus = format!("{{host: {}, port: {}}}", metrics.ip(), metrics.port());
        let settings = [
            format!("extensions::health_check::endpoint={health}"),
            format!("service::admin::endpoint={admin}"),
            "service::extensions=[health_check]".to_owned(),
            format!(
                "service::telemetry::metrics::readers=[{{pull: {{exporter: {{prometheus: {prometheus}}}}}}}]"
            ),
        ];
        settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
    }
}

/// Builds the binary, so that a test never runs an old one, and finds it beside this test program.
fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = std::process::Command::new(cargo)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["build", "--quiet", "--package", "spanloom"])
        .status();
    assert!(built.expect("cargo").success(), "spanloom does not build");
    let program = env::current_exe().expect("this program's path");
    program.ancestors().nth(2).expect("the profile's folder").join("spanloom")
}
