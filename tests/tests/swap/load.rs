//! Versions follow one another as fast as they come, under as much load as there can be.

use std::env;

use spanloom_tests::swap::{Broken, Load, Rig, RigSettings, Step};

/// A load test proves little with slow machines' pauses taken for slow plugins.
const NOT_FOR_SLOWNESS: &str = "swap: {max_slowdown: 1000}";

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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_follow_one_another_under_full_load_and_nothing_is_lost_or_doubled() {
    let settings = RigSettings { plugin: NOT_FOR_SLOWNESS, ..RigSettings::default() };
    let Some(mut rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(3, 1), 5).await;
    for step in steps() {
        let attempt = rig.step(step).await;
        assert!(attempt["why"].is_string() != matches!(step, Step::Good(_)), "{step:?}: {attempt}");
    }
    let sent = load.stop().await;
    rig.finish(&sent).await;
}
