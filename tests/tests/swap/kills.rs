//! Processes that are killed or told to end while they swap: the next start finds nothing that stops it.

use std::{
    fs::{self, File},
    io::Write as _,
    num::NonZeroI32,
    time::{Duration, Instant},
};

use rustix::process::Signal as Kill;
use spanloom_tests::{
    Sink, Spanloom, command, config,
    guests::{built, component},
    otlp::{self, Signal, client::GrpcClient, payload},
    swap::{
        Load, Mode, NOT_FOR_SLOWNESS, Rig, RigSettings, Step, VERSION_KEY, grown, move_into_place, stamp,
    },
};
use tempfile::TempDir;

const ROUNDS: u32 = 6;
/// The time by which each kill comes later, as a share of the time that a swap takes.
const STEP: f64 = 0.15;

/// A config that takes no port from another process.
const OTHER: &str = "yaml:
receivers: {otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}}}}
exporters: {nop: }
service:
  admin: {endpoint: 127.0.0.1:0}
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}
";

const SWAPPED: &str = "swapped plugin=";

/// Scenario: a process is killed during a swap, at a different moment each round.
/// Guarantees: the plugin's file is always one of the whole files written, and the next process runs it.
#[tokio::test]
async fn a_process_that_is_killed_while_it_swaps_starts_again_with_a_whole_version() {
    let Some(marker) = component("marker") else { return };
    let marker = fs::read(marker).expect("the component");
    let version = |mark| stamp(&marker, Mode::Works, mark);
    let folder = TempDir::new().expect("a folder");
    let (file, next) = (folder.path().join("plugin.wasm"), folder.path().join("next.wasm"));
    let (config, cache) = (folder.path().join("spanloom.yaml"), folder.path().join("cache"));
    let cache = [("XDG_CACHE_HOME", cache.to_str().expect("UTF-8"))];
    let sink = Sink::start().await;
    fs::write(&config, config_of(&sink)).expect("a file");
    fs::write(&file, version(0)).expect("a file");
    let (mut took, mut met) = (None, 0);
    for round in 0..=ROUNDS {
        let mut spanloom = Spanloom::start_file_with(&config, &[], &cache).await;
        let mark = fs::read(&file).map(|bytes| mark_of(&bytes, &marker, round)).expect("the file");
        send(&spanloom, &sink, mark).await;
        // The next version was never compiled before.
        let admin = spanloom.admin.to_string();
        if round % 2 == 0 {
            move_into_place(&file, &version(round + 1));
        } else {
            fs::write(&next, version(round + 1)).expect("a file");
            let next = next.to_str().expect("UTF-8").to_owned();
            tokio::spawn(async move {
                command::spanloom(&["plugin", "swap", "marker", &next, "--admin", &admin]).await
            });
        }
        let begun = Instant::now();
        match took {
            // The first round measures how long a swap takes.
            None => {
                spanloom.wait_for_output(SWAPPED).await;
                took = Some(begun.elapsed());
            }
            Some(took) => tokio::time::sleep(took.mul_f64(f64::from(round) * STEP)).await,
        }
        spanloom.signal(Kill::KILL);
        spanloom.exit().await;
        if spanloom.output().contains(SWAPPED) {
            // The swap that was measured may have been slow, on a busy machine.
            took = took.map(|took| took / 2);
        } else {
            met += 1;
        }
    }
    assert!(met > 0, "every swap was over before its process was killed");
    let spanloom = Spanloom::start_file_with(&config, &[], &cache).await;
    let mark = fs::read(&file).map(|bytes| mark_of(&bytes, &marker, ROUNDS + 1)).expect("the file");
    send(&spanloom, &sink, mark).await;
    spanloom.finish().await;
}

/// Scenario: a process is killed and started again while its plugin's file is being copied.
/// Guarantees: the process waits for the rest of the file and runs the new version.
#[tokio::test]
async fn a_process_that_is_started_while_its_plugin_is_written_waits_for_the_rest() {
    let Some(marker) = component("marker") else { return };
    let marker = fs::read(marker).expect("the component");
    let version = |mark| stamp(&marker, Mode::Works, mark);
    let folder = TempDir::new().expect("a folder");
    let (path, config) = (folder.path().join("plugin.wasm"), folder.path().join("spanloom.yaml"));
    let sink = Sink::start().await;
    fs::write(&config, config_of(&sink)).expect("a file");
    fs::write(&path, version(0)).expect("a file");
    let mut spanloom = Spanloom::start_file_with(&config, &[], &[]).await;
    let mut file = File::create(&path).expect("truncated");
    let next = version(1);
    let (first, rest) = next.split_at(next.len() / 2);
    file.write_all(first).expect("written");
    spanloom.signal(Kill::KILL);
    spanloom.exit().await;
    let rest = rest.to_vec();
    let copy = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        file.write_all(&rest).expect("written");
    });
    let spanloom = Spanloom::start_file_with(&config, &[], &[]).await;
    copy.await.expect("copied");
    send(&spanloom, &sink, 1).await;
    spanloom.finish().await;
}

/// Scenario: a process is killed and leaves its admin socket behind; two more processes want the socket.
/// Guarantees: the second process takes the socket over; the third is refused while the second runs.
#[tokio::test]
async fn the_next_process_has_the_socket_of_one_that_was_killed_and_not_of_one_that_runs() {
    let folder = TempDir::new().expect("a folder");
    let socket = folder.path().join("admin.sock");
    let set = format!("service::admin::socket={}", socket.display());
    let (config, args) = (config::relay("nop:"), ["--set", &set]);
    let mut first = Spanloom::start_with(&config, &args).await;
    first.signal(Kill::KILL);
    first.exit().await;
    assert!(socket.exists());
    let second = Spanloom::start_with(&config, &args).await;
    let path = socket.to_str().expect("UTF-8");
    let status = command::spanloom(&["status", "--admin", path]).await;
    assert_eq!(status.code, 0, "{status:?}");
    let third = ["run", "--config", OTHER, "--set", &set];
    let third = command::spanloom(&third).await;
    assert!(third.code == 1 && third.stderr.contains("another process listens there"), "{third:?}");
    let status = command::spanloom(&["status", "--admin", path]).await;
    assert_eq!(status.code, 0, "{status:?}");
    second.finish().await;
    assert!(!socket.exists(), "it goes with its process");
}

/// Scenario: a process is told to end at five moments of a swap.
/// Guarantees: it ends with success, and every accepted span is delivered once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_told_to_end_while_it_swaps_delivers_what_it_has() {
    for round in 0..5 {
        let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
        let load = Load::start(&rig.ways(2, 1), 5).await;
        rig.step(Step::Good(1)).await;
        let sent = load.stop().await;
        rig.put(&rig.version(2));
        tokio::time::sleep(Duration::from_millis(round * 50)).await;
        rig.spanloom.signal(Kill::TERM);
        let status = rig.spanloom.exit().await;
        assert!(status.success(), "{status}:\n{}", rig.spanloom.output());
        let spans: Vec<usize> = sent.iter().map(|sent| sent.spans).collect();
        let wrong = rig.arrivals().check(&spans, 5, &[0, 1, 2]);
        assert!(wrong.is_empty(), "{wrong:#?}\n{}", rig.spanloom.output());
    }
}

/// Scenario: a process is told to end while it compiles a large version, which takes seconds.
/// Guarantees: it drains and ends with success, and the large version never runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_told_to_end_while_it_compiles_ends_before_the_version_is_compiled() {
    let Some(other) = built("builtin-prometheus.wasm") else { return };
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let large = grown(&rig.version(1), &fs::read(other).expect("the component"), LARGE_BYTES);
    let pid = rig.spanloom.pid().as_raw_nonzero();
    let Some(before) = compilers_ticks(pid) else { return rig.finish(&[]).await };
    rig.put(&large);
    let deadline = Instant::now() + Duration::from_secs(60);
    while compilers_ticks(pid).is_some_and(|ticks| ticks < before + COMPILING_TICKS) {
        assert!(Instant::now() < deadline, "it does not compile:\n{}", rig.spanloom.output());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.spanloom.signal(Kill::TERM);
    let status = rig.spanloom.exit().await;
    let output = rig.spanloom.output();
    assert!(status.success() && output.contains("drained"), "{status}:\n{output}");
    assert!(!output.contains(SWAPPED) && !output.contains("rejected"), "{output}");
}

const LARGE_BYTES: usize = 6 << 20;
/// In hundredths of a second. No small version takes so long to compile.
const COMPILING_TICKS: u64 = 20;

/// Returns the processor time of the threads that compile, or `None` if there is no procfs.
fn compilers_ticks(pid: NonZeroI32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    // The twelfth and thirteenth field after the name are user and system time.
    let ticks = stats.filter(|stat| stat.contains("(plugin-compiler")).filter_map(|stat| {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    });
    Some(ticks.sum())
}

/// Returns the mark of the version in the file, which must be one of the versions written so far.
fn mark_of(file: &[u8], marker: &[u8], latest: u32) -> u32 {
    let found = (0..=latest).find(|mark| file == stamp(marker, Mode::Works, *mark));
    found.expect("the file is whole, and one of those that were written")
}

/// Sends a span and checks that this version marks it.
async fn send(spanloom: &Spanloom, sink: &Sink, mark: u32) {
    let before = sink.requests().len();
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, payload::traces(0, 1)).await.expect("taken");
    sink.wait_for_requests(before + 1).await;
    let span = otlp::spans(&sink.requests()[before].body).remove(0);
    assert_eq!(otlp::text_attribute(&span, VERSION_KEY), mark.to_string());
}

fn config_of(sink: &Sink) -> String {
    format!(
        "plugins:\n  marker: {{path: ./plugin.wasm, {NOT_FOR_SLOWNESS}}}\n\
         receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\n\
         processors:\n  marker:\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], processors: [marker], exporters: [otlp_grpc]}}\n",
        sink.address,
    )
}
