//! What replacing a plugin costs those who send: how soon a new version runs, what its coming does to latency and throughput, and
//! what is left of it in memory. Every span is numbered, and held against what arrives.

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

/// How large a version's file is, and the component whose code makes it so large.
const SIZES: [(&str, &str, usize); 2] =
    [("200 KB", "rust-redactor.wasm", 200_000), ("2 MB", "builtin-prometheus.wasm", 2_000_000)];

/// A swap is no race: slowness on a busy machine is not the plugin's. What waits at the exporter would be waited for.
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
/// After so long the allocator has given back what it had no more use for.
const GIVING_BACK: Duration = Duration::from_secs(15);
const BETWEEN_SWAPS: Duration = Duration::from_secs(1);
/// What a connection sends at in the phases that are not under full load: a third of that or so.
const PACE: Duration = Duration::from_millis(2);
/// Of each kind, with swaps and without, one after the other.
const PHASE_SWAPS: u32 = 4;
const FIRST_TIMEOUT: Duration = Duration::from_secs(60);
const FIRST_POLL: Duration = Duration::from_millis(1);
/// One file of so many is broken.
const BROKEN_EVERY: u32 = 10;
/// After so many the compiler and two versions have had all the memory that they need.
const SETTLING_SWAPS: u32 = 50;
const BROKEN_MARK: u32 = 10_000_000;

#[derive(Args)]
pub(crate) struct SwapsArgs {
    /// Swaps one right after another, for what they leave in memory
    #[arg(long, default_value_t = 1_000)]
    swaps: u32,
    /// Rounds of some seconds with swaps and some without
    #[arg(long, default_value_t = 6)]
    rounds: u32,
}

/// When a version's file was whole, and when a span that it had marked arrived.
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

/// One process under load, its versions one after another.
struct Run {
    rig: Rig,
    load: Load,
    mark: u32,
}

/// Measures and prints. The binary is `$SPANLOOM_BIN`, the components are in `$SPANLOOM_PLUGINS`.
pub(crate) fn run(args: &SwapsArgs) -> anyhow::Result<()> {
    let runtime = crate::process::runtime()?;
    let mut figures = Vec::new();
    for (name, other, len) in SIZES {
        // Those of the large plugin would take too long.
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

    /// Good versions and broken ones. The first ones make room that the others use again.
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
            assert!(whole.elapsed() < FIRST_TIMEOUT, "version {} does not come to run", self.mark);
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

/// All that were sent.
struct Requests {
    begun: Instant,
    requests: Vec<Request>,
}

impl Requests {
    /// In phases without swaps, each with one with swaps after it.
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

    /// Spans a second.
    fn rate(&self, phase: &Phase) -> f64 {
        let (from, to) = (phase.from - self.begun, phase.to - self.begun);
        let within = self.requests.iter().filter(|request| from <= request.at && request.at < to);
        within.count() as f64 * REQUEST_SPANS as f64 / (phase.to - phase.from).as_secs_f64()
    }

    /// What the requests took, in ms, that were under way shortly before: they saw the swap if any did. The first span with the new
    /// mark arrives a little later than it was marked.
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

/// As swaps would be, if there were any in this phase: what is under way at an instant takes longer than most.
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
