//! A new version beside the running one: a canary gets a share of the batches, a shadow gets copies.

use std::{fs, time::Duration};

use spanloom_tests::{
    command,
    swap::{Broken, Load, Mode, Rig, RigSettings, Sent, Step},
};
use tokio::time::sleep;

const CANARY: &str = "swap: {canary: 20%, probation: 2s, max_slowdown: 1000}";

/// Ends the process and checks that every span arrived once, whichever version processed it.
async fn finish(rig: Rig, sent: &[Sent]) {
    let errors: Vec<&String> = sent.iter().flat_map(|sent| &sent.errors).collect();
    assert!(errors.is_empty(), "senders were answered {errors:?}");
    let total: usize = sent.iter().map(|sent| sent.spans).sum();
    rig.spanloom.settled().await;
    assert_eq!(rig.arrivals().spans(), total);
    let ledger = rig.spanloom.finish().await;
    assert!(ledger.values().all(|account| account.delivered == total as u64), "{ledger:?}");
}

/// Scenario: a version comes as a canary with 20 % of the batches.
/// Guarantees: the canary gets about this share, and takes over after its probation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_has_its_share_until_it_has_proved_itself() {
    let settings = RigSettings { plugin: CANARY, ..RigSettings::default() };
    let Some(rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(3, 0), 5).await;
    rig.operator().replace(&rig.path(), &rig.version(1), "canary").await;
    let counts = |rig: &Rig| {
        let arrivals = rig.arrivals();
        (arrivals.marked(0), arrivals.marked(1))
    };
    let before = counts(&rig);
    sleep(Duration::from_secs(1)).await;
    let after = counts(&rig);
    assert_eq!(rig.operator().status().await["state"], "canary");
    let (old, new) = ((after.0 - before.0) as f64, (after.1 - before.1) as f64);
    let share = new / (old + new);
    assert!((0.1..0.3).contains(&share), "{share} of the batches, {old} and {new}");
    rig.spanloom.wait_for_output("swapped plugin=\"marker\" version=\"1.0.1\"").await;
    rig.passes(1).await;
    assert_eq!(rig.operator().status().await["version"], "1.0.1");
    finish(rig, &load.stop().await).await;
}

/// Scenario: a canary traps after a hundred batches.
/// Guarantees: the canary is rolled back, the old version runs on, and no sender notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_fails_goes_and_does_not_come_back() {
    let settings =
        RigSettings { plugin: "swap: {canary: 20%, max_slowdown: 1000}", ..RigSettings::default() };
    let Some(rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(3, 0), 5).await;
    let bad = Broken::Plugin(Mode::TrapsLater).file(&rig.marker, 1);
    rig.operator().replace(&rig.path(), &bad, "rolled_back").await;
    assert!(rig.arrivals().marked(1) > 0, "it had no batch");
    rig.passes(0).await;
    assert_eq!(rig.operator().status().await["version"], "1.0.0");
    finish(rig, &load.stop().await).await;
}

/// Runs `plugin swap` with these bytes, which must make a canary of them.
async fn swap(rig: &Rig, bytes: &[u8]) {
    let (file, admin) = (rig.folder().join("new.wasm"), rig.spanloom.admin.to_string());
    fs::write(&file, bytes).expect("a file");
    let args = ["plugin", "swap", "marker", file.to_str().expect("UTF-8"), "--admin", &admin];
    let ended = command::spanloom(&args).await;
    assert!(ended.code == 0 && ended.stdout.starts_with("canary: "), "{ended:?}");
}

/// Scenario: an operator swaps a version in, which runs as a canary first.
/// Guarantees: the version replaces the configured file when it takes over, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_a_canary_is_what_the_next_start_runs_once_it_is_kept() {
    let settings = RigSettings { plugin: CANARY, ..RigSettings::default() };
    let Some(rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(3, 0), 5).await;
    swap(&rig, &rig.version(1)).await;
    assert!(fs::read(rig.path()).expect("the file") == rig.version(0), "it is on trial");
    rig.spanloom.wait_for_output("swapped plugin=\"marker\" version=\"1.0.1\"").await;
    assert!(fs::read(rig.path()).expect("the file") == rig.version(1));
    finish(rig, &load.stop().await).await;
}

/// Scenario: an operator swaps a version in, which fails as a canary.
/// Guarantees: the configured file stays as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_a_canary_that_fails_is_not_what_the_next_start_runs() {
    let settings =
        RigSettings { plugin: "swap: {canary: 50%, max_slowdown: 1000}", ..RigSettings::default() };
    let Some(rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(3, 0), 5).await;
    let before = rig.operator().last().await;
    swap(&rig, &Broken::Plugin(Mode::TrapsLater).file(&rig.marker, 1)).await;
    rig.operator().attempt_after(&before, "rolled_back").await;
    assert!(fs::read(rig.path()).expect("the file") == rig.version(0));
    finish(rig, &load.stop().await).await;
}

/// Scenario: a version with another output runs as a shadow; then an operator swaps it in.
/// Guarantees: the differences are reported and its output is not used, until the operator swaps it in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_is_compared_and_its_output_is_not_used() {
    let settings =
        RigSettings { plugin: "swap: {shadow: true, max_slowdown: 1000}", ..RigSettings::default() };
    let Some(mut rig) = Rig::start(settings).await else { return };
    let load = Load::start(&rig.ways(2, 0), 5).await;
    rig.operator().replace(&rig.path(), &rig.version(1), "shadowing").await;
    let shadow = loop {
        let shadow = rig.operator().status().await["shadow"].take();
        if shadow["different"].as_u64().is_some_and(|different| different > 10) {
            break shadow;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((&shadow["same"], &shadow["failed"]), (&0.into(), &0.into()), "{shadow}");
    assert!(shadow["first_difference"].as_str().is_some_and(|text| text.contains('1')), "{shadow}");
    assert_eq!(rig.operator().status().await["version"], "1.0.0");
    assert_eq!(rig.arrivals().marked(1), 0);
    let before = rig.operator().last().await;
    let swap = ["plugin", "swap", "marker", "--admin", &rig.spanloom.admin.to_string()];
    let ended = command::spanloom(&swap).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    rig.operator().attempt_after(&before, "swapped").await;
    rig.runs(1);
    rig.passes(1).await;
    rig.step(Step::Broken(Broken::Truncated, 2)).await;
    rig.finish(&load.stop().await).await;
}
