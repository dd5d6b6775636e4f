//! What an operator does from a terminal while spans pass.

use std::fs;

use spanloom_tests::{
    command::{self, Ended},
    swap::{Broken, Load, Mode, Rig, RigSettings, Step},
};

/// `spanloom ARGS… --admin ADDRESS`
async fn ask(rig: &Rig, args: &[&str]) -> Ended {
    let admin = rig.spanloom.admin.to_string();
    command::spanloom(&[args, &["--admin", &admin]].concat()).await
}

async fn done(rig: &Rig, args: &[&str]) -> String {
    let ended = ask(rig, args).await;
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    ended.stdout
}

#[tokio::test]
async fn an_operator_brings_a_version_in_and_takes_it_back() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 1), 1).await;

    let (new, bad) = (rig.folder().join("new.wasm"), rig.folder().join("bad.wasm"));
    fs::write(&new, rig.version(1)).expect("a file");
    fs::write(&bad, Broken::Truncated.file(&rig.marker, 9)).expect("a file");
    let (new, bad) = (new.to_str().expect("UTF-8"), bad.to_str().expect("UTF-8"));

    let said = done(&rig, &["plugin", "swap", "marker", new]).await;
    assert!(said.contains("1.0.1"), "{said}");
    rig.runs(1);
    rig.passes(1).await;
    assert_eq!(fs::read(rig.path()).expect("the file"), rig.version(1), "the next start runs it too");

    let refused = ask(&rig, &["plugin", "swap", "marker", bad]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(fs::read(rig.path()).expect("the file"), rig.version(1), "it stays as it was");
    let unknown = ask(&rig, &["plugin", "swap", "market", new]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("marker"), "{unknown:?}");

    done(&rig, &["plugin", "rollback", "marker"]).await;
    rig.runs(0);
    rig.passes(0).await;
    let status = done(&rig, &["status"]).await;
    assert!(status.contains("marker") && status.contains("1.0.0"), "{status}");

    // What was taken back stays so until the file is another.
    rig.step(Step::Good(2)).await;
    rig.passes(2).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

#[tokio::test]
async fn a_file_is_left_alone_while_its_plugin_is_paused() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    done(&rig, &["plugin", "pause", "marker"]).await;
    rig.put(&rig.version(1));
    // For longer than it takes to notice a file and compile it.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let status = rig.operator().status().await;
    assert_eq!((&status["version"], &status["paused"]), (&"1.0.0".into(), &true.into()), "{status}");
    rig.put(&rig.version(2));
    let said = done(&rig, &["plugin", "resume", "marker"]).await;
    assert!(said.contains("1.0.2"), "{said}");
    rig.runs(2);
    rig.step(Step::Good(3)).await;
    rig.passes(3).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

/// The one that fails comes to run, is found out, and does not come again by itself.
#[tokio::test]
async fn what_was_rolled_back_is_shown_with_the_reason() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(2, 0), 1).await;
    rig.step(Step::Broken(Broken::Plugin(Mode::TrapsLater), 1)).await;
    rig.passes(0).await;
    let status = rig.operator().status().await;
    assert_eq!(status["version"], "1.0.0", "{status}");
    assert_eq!(status["last"]["version"], "1.0.1", "{status}");
    let output = rig.spanloom.output();
    assert!(output.contains("rolled back to the version before"), "{output}");
    let sent = load.stop().await;
    rig.finish(&sent).await;
}
