//! Versions follow one another as fast as they come, under as much load as there can be.

use std::{env, time::Duration};

use spanloom_tests::swap::{Broken, Concurrency, Load, Mode, Rig, RigSettings, Step};

/// Good versions; `SPANLOOM_SWAPS` says how many. Of so many files every tenth is broken, of few ones there is one of each kind.
fn steps() -> Vec<Step> {
    let swaps: u32 = env::var("SPANLOOM_SWAPS").map_or(10, |swaps| swaps.parse().expect("a number"));
    let good_before_bad = if swaps < 90 { 1 } else { 9 };
    let mut broken = (0..).zip(Broken::ALL.into_iter().cycle());
    let mut steps = Vec::new();
    for mark in 1..=swaps {
        steps.push(Step::Good(mark));
        if mark % good_before_bad == 0
            && let Some((number, kind)) = broken.next()
        {
            steps.push(Step::Broken(kind, 10_000_000 + number));
        }
    }
    steps
}

/// Three gRPC connections and one over HTTP send as fast as they are answered, while versions follow one another, some of them
/// broken: each span arrives once, marked by one version, and by none that had been replaced by then.
async fn check(concurrency: Concurrency, steps: impl IntoIterator<Item = Step>) {
    let settings = RigSettings { concurrency, ..RigSettings::default() };
    let Some(mut rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(3, 1), 5).await;
    for step in steps {
        let attempt = rig.step(step).await;
        assert!(attempt["why"].is_string() != matches!(step, Step::Good(_)), "{step:?}: {attempt}");
    }
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_follow_one_another_under_full_load_and_nothing_is_lost_or_doubled() {
    check(Concurrency::Stateless, steps()).await;
}

/// Of some kinds each instance must fail for itself.
fn some_steps() -> [Step; 5] {
    let traps = Broken::Plugin(Mode::TrapsLater);
    [
        Step::Good(1),
        Step::Broken(traps, 100),
        Step::Good(2),
        Step::Broken(Broken::Truncated, 101),
        Step::Good(3),
    ]
}

/// A request whose spans are split among the instances may find some of them replaced already, and the next one all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_what_is_split_by_trace_lose_and_double_nothing() {
    check(Concurrency::ByTrace, some_steps()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_what_runs_once_lose_and_double_nothing() {
    check(Concurrency::Single, some_steps()).await;
}

/// Nobody waits for a version to run before the next one comes: some never do, and the last one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_burst_of_versions_the_last_one_comes_to_stay() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(3, 1), 5).await;
    for mark in 1..=30 {
        rig.put(&rig.version(mark));
        rig.runs(mark);
        tokio::time::sleep(Duration::from_millis(u64::from(mark) * 7 % 50)).await;
    }
    rig.passes(30).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}
