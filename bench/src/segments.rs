//! Measures what an X-Ray segment costs on its way from UDP to X-Ray: Spanloom in place of the X-Ray daemon, beside the
//! daemon itself, if its program is there. Both get the same flags, the same datagrams and the same stub of X-Ray.
//!
//! A round sends segments at a steady pace, which gives the CPU time of one, and then a burst as fast as one socket
//! can, which shows how many are lost. The rounds of the subjects follow one another, so that the machine's load hits
//! both.

mod x_ray;

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use crate::process::{LOOPBACK, Process};
use x_ray::XRay;

/// The steady pace: so many segments in each interval.
const INTERVAL: Duration = Duration::from_millis(10);
const IN_AN_INTERVAL: usize = 20;
/// Segments before the first round, which compile and warm up.
const WARM_UP: usize = 2_000;
/// The first start of Spanloom compiles its plugins.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// Segments that have not arrived are lost once none has arrived for this long.
const SILENCE: Duration = Duration::from_secs(4);
const POLL: Duration = Duration::from_millis(20);

#[derive(Args)]
pub(crate) struct SegmentsArgs {
    /// The spanloom binary
    #[arg(long, value_name = "FILE")]
    spanloom: PathBuf,
    /// The AWS X-Ray daemon's binary, to measure beside it
    #[arg(long, value_name = "FILE")]
    daemon: Option<PathBuf>,
    /// How many times each subject is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The segments of a round's steady part
    #[arg(long, default_value_t = 6_000)]
    steady: usize,
    /// The segments of a round's burst
    #[arg(long, default_value_t = 20_000)]
    burst: usize,
}

/// A running subject, with an X-Ray of its own.
struct Subject {
    name: &'static str,
    process: Process,
    x_ray: XRay,
    sender: UdpSocket,
    /// The number of the next segment.
    next: usize,
    rounds: Vec<Round>,
    _folder: TempDir,
}

/// The figures of one round.
struct Round {
    /// CPU microseconds for a segment that arrived, in the steady part and in the burst.
    steady_us: f64,
    burst_us: f64,
    steady_lost: usize,
    burst_lost: usize,
}

/// Measures, and prints the table.
pub(crate) fn run(args: &SegmentsArgs) -> anyhow::Result<()> {
    let mut subjects = vec![Subject::start("spanloom", &args.spanloom, &["xray-daemon"])?];
    match &args.daemon {
        Some(daemon) => subjects.push(Subject::start("X-Ray daemon", daemon, &[])?),
        None => println!("measured without the X-Ray daemon: no --daemon names its binary"),
    }
    for subject in &mut subjects {
        subject.steady(WARM_UP)?;
    }
    for _ in 0..args.rounds {
        for subject in &mut subjects {
            let (steady_us, steady_lost) = subject.steady(args.steady)?;
            let (burst_us, burst_lost) = subject.burst(args.burst)?;
            subject.rounds.push(Round { steady_us, burst_us, steady_lost, burst_lost });
        }
    }
    let SegmentsArgs { rounds, steady, burst, .. } = args;
    let pace = IN_AN_INTERVAL as u128 * 1_000 / INTERVAL.as_millis();
    println!(
        "\nX-Ray segments over UDP (medians of {rounds} rounds): {steady} at {pace} a second, bursts of {burst}"
    );
    println!(
        "  {:<16}{:>14}{:>12}{:>14}{:>12}{:>12}",
        "", "CPU us each", "lost", "in a burst", "lost", "peak MB"
    );
    for subject in &subjects {
        subject.print()?;
    }
    if let [spanloom, daemon] = subjects.as_slice() {
        let ratio = |of: fn(&Round) -> f64| spanloom.median(of) / daemon.median(of);
        let (steady, burst) = (ratio(|round| round.steady_us), ratio(|round| round.burst_us));
        println!("  {:<16}{steady:>14.2}{:>12}{burst:>14.2}", "ratio", "");
    }
    Ok(())
}

impl Subject {
    /// Starts a program that takes the daemon's flags, and waits until it listens.
    fn start(name: &'static str, program: &Path, command: &[&str]) -> anyhow::Result<Subject> {
        let (x_ray, folder) = (XRay::start()?, TempDir::new()?);
        let (udp, tcp) = (free_udp()?, TcpListener::bind((LOOPBACK, 0))?.local_addr()?);
        let cfg = folder.path().join("cfg.yaml");
        let endpoint = format!("http://{}", x_ray.address);
        fs::write(&cfg, json!({"Version": 2, "Endpoint": endpoint}).to_string())?;
        let mut child = Command::new(program);
        child.args(command).arg("-c").arg(&cfg).args(["-o", "-n", "us-east-1", "-l", "error"]);
        child.args(["-b", &udp.to_string(), "-t", &tcp.to_string()]);
        child.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "EXAMPLEKEY");
        child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start(&mut child)?;
        let deadline = Instant::now() + READY_TIMEOUT;
        while TcpStream::connect(tcp).is_err() {
            anyhow::ensure!(!process.has_exited() && Instant::now() < deadline, "{name} did not start");
            sleep(POLL);
        }
        let sender = UdpSocket::bind((LOOPBACK, 0))?;
        sender.connect(udp).context("an address")?;
        Ok(Subject { name, process, x_ray, sender, next: 1, rounds: Vec::new(), _folder: folder })
    }

    /// Sends segments at the steady pace. Returns the CPU time of one that arrives, and how many do not.
    fn steady(&mut self, segments: usize) -> anyhow::Result<(f64, usize)> {
        self.measured(segments, |subject| {
            let begun = Instant::now();
            for (interval, first) in (0..segments).step_by(IN_AN_INTERVAL).enumerate() {
                let due = begun + INTERVAL * u32::try_from(interval)?;
                sleep(due.saturating_duration_since(Instant::now()));
                subject.send(IN_AN_INTERVAL.min(segments - first))?;
            }
            Ok(())
        })
    }

    /// Sends segments as fast as the socket takes them.
    fn burst(&mut self, segments: usize) -> anyhow::Result<(f64, usize)> {
        self.measured(segments, |subject| subject.send(segments))
    }

    fn measured(
        &mut self,
        segments: usize,
        send: impl FnOnce(&mut Subject) -> anyhow::Result<()>,
    ) -> anyhow::Result<(f64, usize)> {
        let (arrived_before, cpu_before) = (self.x_ray.arrived(), self.process.cpu()?);
        send(self)?;
        let (mut arrived, mut changed) = (arrived_before, Instant::now());
        while arrived - arrived_before < segments && changed.elapsed() < SILENCE {
            sleep(POLL);
            let now = self.x_ray.arrived();
            if now != arrived {
                (arrived, changed) = (now, Instant::now());
            }
        }
        let (cpu, arrived) = (self.process.cpu()? - cpu_before, arrived - arrived_before);
        anyhow::ensure!(arrived > 0, "no segment of {} arrived", self.name);
        Ok((cpu.as_secs_f64() * 1e6 / arrived as f64, segments.saturating_sub(arrived)))
    }

    fn send(&mut self, segments: usize) -> anyhow::Result<()> {
        for _ in 0..segments {
            self.sender.send(segment(self.next).as_bytes())?;
            self.next += 1;
        }
        Ok(())
    }

    fn median(&self, of: fn(&Round) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.rounds.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn print(&self) -> anyhow::Result<()> {
        let peak_mb = self.process.peak_rss_bytes()? as f64 / 1e6;
        println!(
            "  {:<16}{:>14.1}{:>12.0}{:>14.1}{:>12.0}{peak_mb:>12.0}",
            self.name,
            self.median(|round| round.steady_us),
            self.median(|round| round.steady_lost as f64),
            self.median(|round| round.burst_us),
            self.median(|round| round.burst_lost as f64),
        );
        Ok(())
    }
}

fn free_udp() -> anyhow::Result<SocketAddr> {
    Ok(UdpSocket::bind((LOOPBACK, 0))?.local_addr()?)
}

/// Returns a datagram like those of an SDK: a request with its answer, an annotation, and no subsegment, so that each
/// subject sends one document of it.
fn segment(number: usize) -> String {
    let document = json!({
        "trace_id": format!("1-{:08x}-{number:024x}", 0x6b0e_b888),
        "id": format!("{number:016x}"),
        "name": "shop",
        "start_time": 1_796_126_856.122,
        "end_time": 1_796_126_856.131,
        "http": {
            "request": {"method": "POST", "url": "http://shop.example/orders", "client_ip": "203.0.113.7"},
            "response": {"status": 200, "content_length": 512},
        },
        "aws": {"xray": {"sdk": "X-Ray for Python", "sdk_version": "2.15.0"}},
        "service": {"runtime": "CPython", "runtime_version": "3.11.2"},
        "annotations": {"tier": "gold", "items": 3},
        "metadata": {"shop": {"cart": {"books": [1, 2, 3]}}},
        "user": "u-7",
    });
    format!("{{\"format\":\"json\",\"version\":1}}\n{document}")
}
