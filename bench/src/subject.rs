//! The subjects: the bare wire, and every collector, each between a generator and a sink of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::blast::Protocol;
use crate::payload::Payload;
use crate::process::{LOOPBACK, Part, Process};
use crate::sink::SinkAddresses;

pub(crate) const WIRE_FLOOR: &str = "wire floor";

/// Takes OTLP over HTTP and passes it on: the receiver with which `spanloom plugin bench` compares others.
const EMPTY_RECEIVER: &[u8] = include_bytes!("../../host/src/cli/plugin/bench/identity/receiver.wasm");

const START_TIMEOUT: Duration = Duration::from_secs(20);
const START_POLL: Duration = Duration::from_millis(50);

/// How many bytes of a subject's log are shown if the subject does not start.
const LOG_TAIL_BYTES: usize = 2_000;

#[derive(Clone)]
pub(crate) enum SubjectKind {
    /// The generator sends straight to the sink.
    Wire,
    Relay,
    Spanloom(PathBuf),
    /// Spanloom with plugins in its pipeline.
    Plugins(PluginSubject),
    /// Spanloom with an empty receiver plugin in the place of `otlp`.
    Receiver(PathBuf),
    Collector(PathBuf),
    Rotel(PathBuf),
}

/// The settings of a Spanloom with plugins in its pipeline.
#[derive(Clone)]
pub(crate) struct PluginSubject {
    pub(crate) name: &'static str,
    pub(crate) spanloom: PathBuf,
    /// The folder of the components.
    pub(crate) plugins: PathBuf,
    /// The pipeline's processors, as a YAML list.
    pub(crate) processors: &'static str,
}

/// A running subject that receives and sends one protocol.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) sink: Part,
    /// The address to which the generator sends.
    pub(crate) target: SocketAddr,
    /// The subject's process; `None` for the bare wire.
    pub(crate) process: Option<Process>,
}

/// The addresses on which a collector and its sink listen.
struct Ports {
    grpc: SocketAddr,
    http: SocketAddr,
    sink: SinkAddresses,
}

impl SubjectKind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Wire => WIRE_FLOOR,
            Self::Relay => "relay",
            Self::Spanloom(_) => "Spanloom",
            Self::Plugins(plugins) => plugins.name,
            Self::Receiver(_) => "+ receiver",
            Self::Collector(_) => "Collector",
            Self::Rotel(_) => "Rotel",
        }
    }

    /// Returns whether the subject is measured on this protocol.
    ///
    /// The relay is a reference for gRPC only. A plugin costs the same whichever protocol brought the bytes, but the
    /// receiver plugin takes HTTP.
    pub(crate) fn speaks(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Grpc => !matches!(self, Self::Receiver(_)),
            Protocol::Http => !matches!(self, Self::Relay | Self::Plugins(_)),
        }
    }

    /// Starts the subject with a sink of its own that knows `payloads`, and waits until the subject listens.
    ///
    /// The subject's config and log go to `scratch`.
    pub(crate) fn start(
        &self,
        protocol: Protocol,
        payloads: &[Payload],
        scratch: &Path,
    ) -> anyhow::Result<Subject> {
        let name = self.name();
        let known =
            payloads.iter().map(|payload| format!("--known={}={}", payload.bytes.len(), payload.spans));
        let (sink, addresses) = Part::start("sink", &known.collect::<Vec<_>>())?;
        let ports = Ports { grpc: free_address()?, http: free_address()?, sink: addresses };
        let (target, sink_target) = match protocol {
            Protocol::Grpc => (ports.grpc, ports.sink.grpc),
            Protocol::Http => (ports.http, ports.sink.http),
        };
        let process = match self {
            Self::Wire => return Ok(Subject { name, sink, target: sink_target, process: None }),
            Self::Relay => {
                let args = [format!("--listen={target}"), format!("--target={sink_target}")];
                Part::start::<String>("relay", &args)?.0.into_process()
            }
            Self::Spanloom(path) => {
                let config = write(scratch, "spanloom.yaml", include_str!("../configs/spanloom.yaml"))?;
                launch(
                    ports.set(Command::new(path).arg("run").arg("--config").arg(config), protocol),
                    scratch,
                    target,
                )?
            }
            Self::Plugins(PluginSubject { spanloom, plugins, processors, .. }) => {
                let config = write(scratch, "plugins.yaml", include_str!("../configs/plugins.yaml"))?;
                let mut command = Command::new(spanloom);
                command.arg("run").arg("--config").arg(config);
                command.env("BENCH_PLUGINS", plugins).env("BENCH_PROCESSORS", processors);
                launch(ports.set(&mut command, protocol), scratch, target)?
            }
            Self::Receiver(path) => {
                let config = write(scratch, "receiver.yaml", include_str!("../configs/receiver.yaml"))?;
                let component = write(scratch, "receiver.wasm", EMPTY_RECEIVER)?;
                let mut command = Command::new(path);
                command.arg("run").arg("--config").arg(config).env("BENCH_RECEIVER", component);
                launch(ports.set(&mut command, protocol), scratch, target)?
            }
            Self::Collector(path) => {
                let config = write(scratch, "otelcol.yaml", include_str!("../configs/otelcol.yaml"))?;
                launch(ports.set(Command::new(path).arg("--config").arg(config), protocol), scratch, target)?
            }
            Self::Rotel(path) => launch(&mut rotel(path, &ports, protocol, scratch), scratch, target)?,
        };
        Ok(Subject { name, sink, target, process: Some(process) })
    }
}

impl Ports {
    /// Sets the environment variables that the configs in `configs/` use.
    fn set<'a>(&self, command: &'a mut Command, protocol: Protocol) -> &'a mut Command {
        let (collector, spanloom) = match protocol {
            Protocol::Grpc => ("otlp", "otlp_grpc"),
            Protocol::Http => ("otlphttp", "otlp_http"),
        };
        command
            .env("BENCH_GRPC_PORT", self.grpc.port().to_string())
            .env("BENCH_HTTP_PORT", self.http.port().to_string())
            .env("BENCH_SINK_GRPC_PORT", self.sink.grpc.port().to_string())
            .env("BENCH_SINK_HTTP_PORT", self.sink.http.port().to_string())
            .env("BENCH_COLLECTOR_EXPORTER", collector)
            .env("BENCH_SPANLOOM_EXPORTER", spanloom)
    }
}

/// Makes Rotel's command line. Rotel always batches like the others here: 8,192 spans or 200 ms.
fn rotel(path: &Path, ports: &Ports, protocol: Protocol, scratch: &Path) -> Command {
    let (name, sink) = match protocol {
        Protocol::Grpc => ("grpc", ports.sink.grpc),
        Protocol::Http => ("http", ports.sink.http),
    };
    let mut command = Command::new(path);
    command
        .arg("start")
        .args(["--exporter", "otlp", "--otlp-exporter-compression", "none"])
        .args(["--otlp-exporter-protocol", name])
        .arg(format!("--otlp-exporter-endpoint=http://{sink}"))
        .arg(format!("--otlp-grpc-endpoint={}", ports.grpc))
        .arg(format!("--otlp-http-endpoint={}", ports.http))
        .arg("--pid-file")
        .arg(scratch.join("rotel.pid"))
        .arg("--log-file")
        .arg(scratch.join("rotel.log"));
    command
}

/// Starts a collector, and waits until it listens on `target`. Its log goes to `scratch`.
pub(crate) fn launch(command: &mut Command, scratch: &Path, target: SocketAddr) -> anyhow::Result<Process> {
    let log_path = scratch.join("subject.log");
    let log = File::create(&log_path)?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut process = Process::start(command)?;
    let deadline = Instant::now() + START_TIMEOUT;
    while TcpStream::connect(target).is_err() {
        if process.has_exited() || Instant::now() > deadline {
            let log = fs::read(&log_path).unwrap_or_default();
            let tail = log.get(log.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default();
            anyhow::bail!("it does not listen on {target}; its log: {}", String::from_utf8_lossy(tail));
        }
        std::thread::sleep(START_POLL);
    }
    Ok(process)
}

pub(crate) fn write(scratch: &Path, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
    let path = scratch.join(name);
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Returns an address that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((LOOPBACK, 0))?.local_addr()?)
}
