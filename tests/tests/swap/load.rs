//! Versions follow one another as fast as possible, under full load.

use std::{env, time::Duration};

use spanloom_tests::swap::{Broken, Concurrency, Load, Mode, Rig, RigSettings, Step};

/// Returns good versions, as many as `SPANLOOM_SWAPS` says, and broken ones between them.
///
/// If there are at least 90 good versions, a broken one follows every ninth; otherwise one follows each.
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

/// Swaps versions while three gRPC connections and one HTTP connection send as fast as they are answered.
///
/// Checks that each span arrives once, marked by one version that had not been replaced by then.
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

/// Scenario: good and broken versions of a stateless plugin follow one another under full load.
/// Guarantees: each span arrives once, marked by one version that had not been replaced by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_follow_one_another_under_full_load_and_nothing_is_lost_or_doubled() {
    check(Concurrency::Stateless, steps()).await;
}

/// Returns a few steps. In plugins with state, each instance must fail for itself before a version is rolled
/// back.
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

/// Scenario: versions of a plugin that is split by trace follow one another under full load.
/// Guarantees: each span arrives once, marked by one version that had not been replaced by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_what_is_split_by_trace_lose_and_double_nothing() {
    check(Concurrency::ByTrace, some_steps()).await;
}

/// Scenario: versions of a plugin with a single instance follow one another under full load.
/// Guarantees: each span arrives once, marked by one version that had not been replaced by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_of_what_runs_once_lose_and_double_nothing() {
    check(Concurrency::Single, some_steps()).await;
}

/// Scenario: thirty versions come faster than they can be compiled.
/// Guarantees: the last version runs in the end, and each span arrives once, marked by one version.
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
