//! All the ways in which a plugin's file can change, with real files while spans pass.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    time::{Duration, SystemTime},
};

use spanloom_tests::{
    guests::metric,
    swap::{Broken, Load, Rig, RigSettings, Step},
};

/// Checks that the change brings version 1 in, with one attempt only.
async fn check(change: impl AsyncFnOnce(&Rig)) {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    let before = rig.operator().last().await;
    change(&rig).await;
    let attempt = rig.operator().attempt_after(&before, "swapped").await;
    assert_eq!(attempt["version"], "1.0.1", "{attempt}");
    rig.runs(1);
    let metrics = rig.spanloom.metrics().await;
    assert_eq!(metric(&metrics, "spanloom_plugin_swaps", &[]), 1.0, "{}", rig.spanloom.output());
    rig.passes(1).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

async fn wait(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Scenario: a new file is renamed over the plugin's file.
/// Guarantees: the new version runs after one attempt.
#[tokio::test]
async fn a_file_that_is_renamed_over_the_old_one_takes_over() {
    check(async |rig| rig.put(&rig.version(1))).await;
}

/// Scenario: the plugin's file is truncated and written.
/// Guarantees: the new version runs after one attempt, when the file is whole.
#[tokio::test]
async fn a_file_that_is_truncated_and_written_takes_over_when_it_is_whole() {
    check(async |rig| fs::write(rig.path(), rig.version(1)).expect("written")).await;
}

/// Scenario: the file is written in six pieces, with pauses longer than a file must be still.
/// Guarantees: the new version runs after one attempt, when the file is whole.
#[tokio::test]
async fn a_file_that_is_written_slowly_takes_over_when_it_is_whole() {
    check(async |rig| {
        let bytes = rig.version(1);
        let mut file = File::create(rig.path()).expect("truncated");
        for piece in bytes.chunks(bytes.len().div_ceil(6)) {
            file.write_all(piece).expect("written");
            wait(200).await;
        }
    })
    .await;
}

/// Scenario: the link `..data` on the way to the file changes to another folder, as Kubernetes does it.
/// Guarantees: the version in that folder runs after one attempt.
#[tokio::test]
async fn a_link_on_the_way_that_leads_elsewhere_brings_the_file_there_in() {
    check(async |rig| {
        let at = |name: &str| rig.folder().join(name);
        for (folder, mark) in [("..1", 0), ("..2", 1)] {
            fs::create_dir(at(folder)).expect("a folder");
            fs::write(at(folder).join("plugin.wasm"), rig.version(mark)).expect("a file");
        }
        symlink("..1", at("..data")).expect("a link");
        symlink("..data/plugin.wasm", at("link")).expect("a link");
        fs::rename(at("link"), rig.path()).expect("the same content, by links");
        wait(300).await;
        symlink("..2", at("..data_tmp")).expect("a link");
        fs::rename(at("..data_tmp"), at("..data")).expect("another folder");
        fs::remove_dir_all(at("..1")).expect("removed");
    })
    .await;
}

/// Scenario: the file is deleted and made again later.
/// Guarantees: the old version runs meanwhile, and the new version runs after one attempt.
#[tokio::test]
async fn a_file_that_is_deleted_and_made_again_takes_over() {
    check(async |rig| {
        fs::remove_file(rig.path()).expect("removed");
        wait(300).await;
        fs::write(rig.path(), rig.version(1)).expect("a file");
    })
    .await;
}

/// Scenario: the file is touched, then replaced by the same bytes, then by a new version.
/// Guarantees: only the new version is attempted.
#[tokio::test]
async fn a_file_that_is_touched_or_copied_over_itself_is_left_alone() {
    check(async |rig| {
        let file = File::options().write(true).open(rig.path()).expect("the file");
        file.set_modified(SystemTime::now()).expect("touched");
        drop(file);
        wait(300).await;
        rig.put(&rig.version(0));
        wait(300).await;
        rig.put(&rig.version(1));
    })
    .await;
}

/// Scenario: a broken file replaces the plugin's file, and a good version follows.
/// Guarantees: the broken file does not run, and the good version does.
#[tokio::test]
async fn after_a_file_that_is_refused_the_next_one_takes_over() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    let attempt = rig.step(Step::Broken(Broken::Truncated, 7)).await;
    assert_eq!(rig.operator().status().await["generation"], 1, "{attempt}");
    rig.step(Step::Good(1)).await;
    rig.passes(1).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}
