//! An operator's commands while spans pass.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use serde_json::Value;
use spanloom_tests::{
    command::{self, Ended},
    guests::built,
    otlp::client::http_client,
    swap::{Broken, Load, Mode, Rig, RigSettings, Step},
};

/// Runs `spanloom ARGS… --admin ADDRESS`.
async fn ask(rig: &Rig, args: &[&str]) -> Ended {
    let admin = rig.spanloom.admin.to_string();
    command::spanloom(&[args, &["--admin", &admin]].concat()).await
}

async fn done(rig: &Rig, args: &[&str]) -> String {
    let ended = ask(rig, args).await;
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    ended.stdout
}

/// Scenario: an operator swaps a version in, tries a broken file and a wrong name, and rolls back.
/// Guarantees: each command does what it says, and the configured file is what the next start runs.
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
    // A version that was rolled back is not kept as the version before.
    let again = ask(&rig, &["plugin", "rollback", "marker"]).await;
    let why = "there is no version before 1.0.0 to go back to";
    assert!(again.code == 1 && again.stderr.contains(why), "{again:?}");
    let status = done(&rig, &["status"]).await;
    assert!(status.contains("marker") && status.contains("1.0.0"), "{status}");

    // A version that was rolled back does not run again until the file changes.
    rig.step(Step::Good(2)).await;
    rig.passes(2).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

/// Scenario: a plugin is paused while its file changes twice, and is then resumed.
/// Guarantees: no change takes effect until the plugin is resumed, and then the latest one does.
#[tokio::test]
async fn a_file_is_left_alone_while_its_plugin_is_paused() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    done(&rig, &["plugin", "pause", "marker"]).await;
    rig.put(&rig.version(1));
    // This is longer than it takes to notice a file and to compile it.
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

/// Scenario: a version runs, fails and is rolled back.
/// Guarantees: the old version runs, and the status and the log show the attempt.
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

/// Sends a request without the command, as any user of the machine can.
async fn post(admin: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let request = http_client().post(format!("http://{admin}/v1/{path}")).body(body.to_owned());
    let answer = request.send().await.expect("the admin endpoint");
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.expect("text")).expect("JSON"))
}

/// Scenario: requests come to the admin port without a token; commands use the socket and a token.
/// Guarantees: the port refuses changes; the commands find the socket, which only this user can open.
#[tokio::test]
async fn only_the_user_that_runs_it_changes_what_runs() {
    let token = tempfile::NamedTempFile::new().expect("a file");
    fs::write(token.path(), "a token\n").expect("a token");
    let token_path = token.path().to_str().expect("UTF-8");
    let args = ["--set", &format!("service::admin::token_file={token_path}")];
    let Some(rig) = Rig::start(RigSettings { args: &args, ..RigSettings::default() }).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    let admin = rig.spanloom.admin;
    for path in ["plugins/marker/swap", "plugins/marker/rollback", "plugins/marker/pause", "reload"] {
        let (status, answer) = post(admin, path, "").await;
        let why = answer["error"].as_str().expect("an error");
        assert!(status == 403 && why.contains("`spanloom` finds it by itself"), "{path}: {status} {why}");
    }
    let ways = http_client().get(format!("http://{admin}/v1/admin")).send().await.expect("an answer");
    let ways: Value = serde_json::from_str(&ways.text().await.expect("text")).expect("JSON");
    let socket = ways["socket"].as_str().expect("a socket").to_owned();
    let found = fs::metadata(&socket).expect("it is there");
    assert_eq!(found.mode() & 0o777, 0o600, "{socket}");
    done(&rig, &["plugin", "pause", "marker"]).await;
    let with_token = ["--admin-token-file", token_path];
    done(&rig, &[&["plugin", "resume", "marker"], &with_token[..]].concat()).await;
    let ended = command::spanloom(&["status", "--admin", &socket]).await;
    assert!(ended.code == 0 && ended.stdout.contains("marker"), "{ended:?}");
    let sent = load.stop().await;
    rig.finish(&sent).await;
    assert!(!Path::new(&socket).exists(), "it goes with its process");
}

/// Scenario: an operator asks for a secret text, a pipe, a folder and a device as a plugin's file.
/// Guarantees: each is refused, its hash is not shown, and nothing waits for the reading.
#[tokio::test]
async fn a_file_that_is_no_plugin_is_refused_and_its_hash_is_not_told() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    let (secret, pipe) = (rig.folder().join("secret"), rig.folder().join("pipe"));
    fs::write(&secret, "one of few things").expect("a file");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    // Reading `/proc/kmsg` would wait for a message of the kernel, if the file is there and may be read.
    for file in [secret.as_path(), &pipe, rig.folder(), Path::new("/proc/kmsg")] {
        let file = file.to_str().expect("UTF-8");
        let refused = ask(&rig, &["plugin", "swap", "marker", file]).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        let status = rig.operator().status().await;
        assert_eq!((&status["last"]["outcome"], &status["last"]["sha256"]), (&"rejected".into(), &"".into()));
    }
    rig.step(Step::Good(1)).await;
    rig.passes(1).await;
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

/// Scenario: another process changes the file again and again while an operator swaps it in.
/// Guarantees: the configured file holds the same bytes as the version that runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bytes_that_were_checked_are_those_that_the_next_start_runs() {
    let Some(mut rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    let new = rig.folder().join("new.wasm");
    for round in 0..6 {
        let marks = [round * 2 + 1, round * 2 + 2];
        for mark in marks {
            fs::write(rig.folder().join(mark.to_string()), rig.version(mark)).expect("a file");
        }
        // In the first round the file is not there.
        let _ = fs::remove_file(&new);
        let stop = Arc::new(AtomicBool::new(false));
        let flipping = tokio::task::spawn_blocking({
            let (stop, folder, new) = (stop.clone(), rig.folder().to_owned(), new.clone());
            move || {
                for turn in (0..).take_while(|_| !stop.load(Relaxed)) {
                    symlink(marks[turn % 2].to_string(), folder.join("link")).expect("a link");
                    fs::rename(folder.join("link"), &new).expect("renamed");
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
        });
        while !new.exists() {
            tokio::task::yield_now().await;
        }
        done(&rig, &["plugin", "swap", "marker", new.to_str().expect("UTF-8")]).await;
        stop.store(true, Relaxed);
        flipping.await.expect("it flipped");
        let version = rig.operator().status().await["version"].take();
        let ran = marks.into_iter().find(|mark| version == format!("1.0.{mark}")).expect("one of the two");
        rig.runs(ran);
        assert!(
            fs::read(rig.path()).expect("the file") == rig.version(ran),
            "{version} runs, another is there"
        );
    }
    let sent = load.stop().await;
    rig.finish(&sent).await;
}

/// Scenario: a sampler's file comes in place of a processor's, by the file and by the command.
/// Guarantees: the sampler is refused, and runs only with `--allow-role-change`.
#[tokio::test]
async fn a_file_of_another_role_runs_only_if_it_is_asked_for_by_name() {
    let Some(sampler) = built("rust-keep-errors.wasm") else { return };
    let Some(rig) = Rig::start(RigSettings::default()).await else { return };
    let load = Load::start(&rig.ways(1, 0), 1).await;
    let expected = "it is a sampler of traces, and the one that runs is a processor of traces; to allow this, run \
                    `spanloom plugin swap marker --allow-role-change`, or set the file's hash as `plugins::marker::sha256`";
    let attempt = rig.operator().replace(&rig.path(), &fs::read(&sampler).expect("a file"), "rejected").await;
    assert_eq!(attempt["why"], expected, "{attempt}");
    let sampler = sampler.to_str().expect("UTF-8");
    let refused = ask(&rig, &["plugin", "swap", "marker", sampler]).await;
    assert!(refused.code == 1 && refused.stderr.contains(expected), "{refused:?}");
    let sent = load.stop().await;
    let spans: usize = sent.iter().map(|sent| sent.spans).sum();
    rig.spanloom.settled().await;
    assert_eq!(rig.arrivals().marked(0), spans, "what ran runs on");
    let said = done(&rig, &["plugin", "swap", "marker", "--allow-role-change"]).await;
    assert!(said.contains("it is a sampler of traces"), "{said}");
    assert_eq!(rig.operator().status().await["role"], "sampler");
    done(&rig, &["plugin", "rollback", "marker"]).await;
    assert_eq!(rig.operator().status().await["role"], "processor");
    rig.finish(&sent).await;
}
