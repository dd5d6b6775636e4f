//! A new version beside the one that runs: with a share of the batches, or with copies.

use std::{fs, time::Duration};

use spanloom_tests::{
    command,
    swap::{Broken, Load, Mode, Rig, RigSettings, Sent, Step},
};
use tokio::time::sleep;

const CANARY: &str = "swap: {canary: 20%, probation: 2s, max_slowdown: 1000}";

/// All that was sent has arrived once, by whichever version.
async fn finish(rig: Rig, sent: &[Sent]) {
    let errors: Vec<&String> = sent.iter().flat_map(|sent| &sent.errors).collect();
    assert!(errors.is_empty(), "senders were answered {errors:?}");
    let total: usize = sent.iter().map(|sent| sent.spans).sum();
    rig.spanloom.settled().await;
    assert_eq!(rig.arrivals().spans(), total);
    let ledger = rig.spanloom.finish().await;
    assert!(ledger.values().all(|account| account.delivered == total as u64), "{ledger:?}");
}

/// It has about its share, and then everything.
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

/// Whoever sends does not notice that there was one.
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

/// An operator brings this in as a canary.
async fn swap(rig: &Rig, bytes: &[u8]) {
    let (file, admin) = (rig.folder().join("new.wasm"), rig.spanloom.admin.to_string());
    fs::write(&file, bytes).expect("a file");
    let args = ["plugin", "swap", "marker", file.to_str().expect("UTF-8"), "--admin", &admin];
    let ended = command::spanloom(&args).await;
    assert!(ended.code == 0 && ended.stdout.starts_with("canary: "), "{ended:?}");
}

/// An operator's file takes the place of the configured one when the canary has proved itself, and not before.
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

/// What it does differently is told, and nobody gets it. An operator who likes it has it run.
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
