//! Measures what replacing a plugin costs the senders.
//!
//! The figures are how soon a new version runs, how latency and throughput change, and how much memory
//! remains in use afterwards. Every span has a number, and the run compares the spans sent with those that
//! arrive.

mod pause;
mod report;

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use spanloom_tests::swap::{
    Broken, Concurrency, Load, NOT_FOR_SLOWNESS, Request, Rig, RigSettings, Sent, Step,
};

use pause::Pauses;
use report::{Figures, InARow, Memory, Seen};

/// The sizes of a version's file, each with the component whose code fills the file.
const SIZES: [(&str, &str, usize); 2] =
    [("200 KB", "rust-redactor.wasm", 200_000), ("2 MB", "builtin-prometheus.wasm", 2_000_000)];

/// The settings of the process. A slow call does not fail here, because the machine may be busy. The
/// exporter's queue is short, because a new version's first span would wait in it.
const SETTINGS: RigSettings<'static> = RigSettings {
    plugin: NOT_FOR_SLOWNESS,
    args: &[],
    queue: "queue_size: 16",
    grown: None,
    concurrency: Concurrency::Stateless,
};

const CONNECTIONS: (usize, usize) = (3, 1);
const REQUEST_SPANS: usize = 20;

const WARM_UP: Duration = Duration::from_secs(2);
/// The time after which the allocator has given unused memory back.
const GIVING_BACK: Duration = Duration::from_secs(15);
const BETWEEN_SWAPS: Duration = Duration::from_secs(1);
/// In the paced phases, each connection sends one request in this time, which is about a third of full load.
const PACE: Duration = Duration::from_millis(2);
/// The number of swaps in a phase. A phase without swaps and one with swaps follow each other.
const PHASE_SWAPS: u32 = 4;
const FIRST_TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_POLL: Duration = Duration::from_millis(1);
/// One file in this many is broken.
const BROKEN_EVERY: u32 = 10;
/// After this many swaps, the compiler and two versions have had all the memory that they need.
const SETTLING_SWAPS: u32 = 50;
const BROKEN_MARK: u32 = 10_000_000;

#[derive(Args)]
pub(crate) struct SwapsArgs {
    /// How many swaps run one right after another, to measure the memory that they leave in use
    #[arg(long, default_value_t = 1_000)]
    swaps: u32,
    /// Rounds; each has phases of some seconds with swaps and without
    #[arg(long, default_value_t = 6)]
    rounds: u32,
}

/// The time when a version's file was whole, and the time when the first span that it marked arrived.
#[derive(Clone, Copy)]
struct Swap {
    whole: Instant,
    first: Instant,
}

/// A stretch of the run.
struct Phase {
    from: Instant,
    to: Instant,
    swaps: Vec<Swap>,
}

/// One process under load, which runs one version after another.
struct Run {
    rig: Rig,
    load: Load,
    mark: u32,
}

/// Measures and prints. `$SPANLOOM_BIN` names the binary, `$SPANLOOM_PLUGINS` the folder of components.
pub(crate) fn run(args: &SwapsArgs) -> anyhow::Result<()> {
    let runtime = crate::process::runtime()?;
    let mut figures = Vec::new();
    for (name, other, len) in SIZES {
        // Swaps of the large plugin in a row would take too long.
        let swaps = if figures.is_empty() { args.swaps } else { 0 };
        let settings = RigSettings { grown: Some((other, len)), ..SETTINGS };
        figures.push(runtime.block_on(measure(name, settings, args.rounds, swaps))?);
    }
    println!("{}", report::table(&figures));
    Ok(())
}

async fn measure(
    name: &'static str,
    settings: RigSettings<'_>,
    rounds: u32,
    swaps: u32,
) -> anyhow::Result<Figures> {
    let rig = Rig::start(settings).await.context("no components: `cargo xtask plugins` makes them")?;
    let load = Load::start(&rig.ways(CONNECTIONS.0, CONNECTIONS.1), REQUEST_SPANS).await;
    let mut run = Run { rig, load, mark: 0 };
    run.calm(WARM_UP).await;
    let (mut full, mut paced) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        full.push((run.calm(BETWEEN_SWAPS * PHASE_SWAPS).await, run.swap_now_and_then().await));
        run.load.pace(PACE);
        paced.push((run.calm(BETWEEN_SWAPS * PHASE_SWAPS).await, run.swap_now_and_then().await));
        run.load.pace(Duration::ZERO);
    }
    let in_a_row = if swaps > 0 { Some(run.swap_in_a_row(swaps).await?) } else { None };
    let Run { rig, load, .. } = run;
    let begun = load.begun;
    let sent = load.stop().await;
    let pauses = Pauses::of(&rig.spanloom.metrics().await);
    rig.finish(&sent).await;
    Ok(Figures { pauses, ..figures(name, begun, &sent, [&full, &paced], in_a_row) })
}

impl Run {
    async fn calm(&mut self, time: Duration) -> Phase {
        let from = Instant::now();
        tokio::time::sleep(time).await;
        Phase { from, to: Instant::now(), swaps: Vec::new() }
    }

    async fn swap_now_and_then(&mut self) -> Phase {
        let (from, mut swaps) = (Instant::now(), Vec::new());
        for number in 0..PHASE_SWAPS {
            tokio::time::sleep_until((from + BETWEEN_SWAPS * number).into()).await;
            swaps.push(self.swap().await);
        }
        tokio::time::sleep_until((from + BETWEEN_SWAPS * PHASE_SWAPS).into()).await;
        Phase { from, to: Instant::now(), swaps }
    }

    /// Swaps good versions and broken ones. The first swaps take memory that the later ones use again.
    async fn swap_in_a_row(&mut self, swaps: u32) -> anyhow::Result<(Phase, Memory)> {
        let memory = |rig: &Rig| rig.spanloom.rss_bytes().context("no procfs");
        let before_bytes = memory(&self.rig)?;
        let mut settled_bytes = before_bytes;
        let mut broken = Broken::ALL.iter().cycle();
        let (from, mut taken) = (Instant::now(), Vec::new());
        for number in 1..=swaps {
            if number % 100 == 0 {
                eprintln!("swap {number} of {swaps}");
            }
            if number == SETTLING_SWAPS {
                settled_bytes = memory(&self.rig)?;
            }
            let is_broken = number.is_multiple_of(BROKEN_EVERY);
            match if is_broken { broken.next() } else { None } {
                Some(kind) => drop(self.rig.step(Step::Broken(*kind, BROKEN_MARK + number)).await),
                None => taken.push(self.swap().await),
            }
        }
        let phase = Phase { from, to: Instant::now(), swaps: taken };
        self.calm(GIVING_BACK).await;
        Ok((phase, Memory { swaps, before_bytes, settled_bytes, after_bytes: memory(&self.rig)? }))
    }

    async fn swap(&mut self) -> Swap {
        self.mark += 1;
        let version = self.rig.version(self.mark);
        self.rig.put(&version);
        let whole = Instant::now();
        self.rig.runs(self.mark);
        loop {
            let first = self.rig.arrivals().first(self.mark);
            if let Some(first) = first {
                return Swap { whole, first };
            }
            assert!(whole.elapsed() < FIRST_TIMEOUT, "version {} was not run in time", self.mark);
            tokio::time::sleep(FIRST_POLL).await;
        }
    }
}

fn figures(
    name: &'static str,
    begun: Instant,
    sent: &[Sent],
    [full, paced]: [&[(Phase, Phase)]; 2],
    in_a_row: Option<(Phase, Memory)>,
) -> Figures {
    let requests: Vec<Request> = sent.iter().flat_map(|sent| sent.requests.iter().copied()).collect();
    let requests = Requests { begun, requests };
    Figures {
        name,
        full: requests.seen(full),
        paced: requests.seen(paced),
        in_a_row: in_a_row.map(|(phase, memory)| InARow {
            spans_per_s: requests.rate(&phase),
            to_first_ms: phase.swaps.iter().map(|swap| millis(swap.first - swap.whole)).collect(),
            memory,
        }),
        spans: sent.iter().map(|sent| sent.spans as u64).sum(),
        pauses: Pauses::default(),
    }
}

/// Every request that was sent.
struct Requests {
    begun: Instant,
    requests: Vec<Request>,
}

impl Requests {
    /// Returns what senders saw. Each pair is a phase without swaps and the phase with swaps that follows it.
    fn seen(&self, phases: &[(Phase, Phase)]) -> Seen {
        let (calm, swapping): (Vec<&Phase>, Vec<&Phase>) =
            phases.iter().map(|(calm, swapping)| (calm, swapping)).unzip();
        let swaps: Vec<Swap> = swapping.iter().flat_map(|phase| phase.swaps.iter().copied()).collect();
        let instants = calm.iter().flat_map(|phase| instants(phase));
        Seen {
            to_first_ms: swaps.iter().map(|swap| millis(swap.first - swap.whole)).collect(),
            calm_ms: instants.flat_map(|at| self.under_way(at)).collect(),
            at_swap_ms: swaps.iter().flat_map(|swap| self.under_way(swap.first)).collect(),
            calm_spans_per_s: calm.iter().map(|phase| self.rate(phase)).collect(),
            swapping_spans_per_s: swapping.iter().map(|phase| self.rate(phase)).collect(),
        }
    }

    /// Returns the spans a second that were sent in a phase.
    fn rate(&self, phase: &Phase) -> f64 {
        let (from, to) = (phase.from - self.begun, phase.to - self.begun);
        let within = self.requests.iter().filter(|request| from <= request.at && request.at < to);
        within.count() as f64 * REQUEST_SPANS as f64 / (phase.to - phase.from).as_secs_f64()
    }

    /// Returns how long, in ms, each request took that was under way shortly before `first`.
    ///
    /// If any request was affected by the swap, it is one of these. The first span with the new mark arrives
    /// a little after it was marked.
    fn under_way(&self, first: Instant) -> impl Iterator<Item = f64> {
        const BEFORE: Duration = Duration::from_millis(30);
        let first = first - self.begun;
        let from = first.saturating_sub(BEFORE);
        let ends = |request: &Request| request.at + Duration::from_micros(request.took_us.into());
        let under_way =
            self.requests.iter().filter(move |request| request.at <= first && ends(request) >= from);
        under_way.map(|request| f64::from(request.took_us) / 1e3)
    }
}

/// Returns instants of a phase without swaps, to compare with the instants of swaps.
///
/// Requests that are under way at a given instant take longer than most, so the same choice is made in both
/// kinds of phase.
fn instants(phase: &Phase) -> impl Iterator<Item = Instant> {
    const APART: Duration = Duration::from_millis(100);
    let count = (phase.to - phase.from).as_millis() / APART.as_millis();
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let from = phase.from;
    (1..count).map(move |number| from + APART * number)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
