//! `spanloom plugin new`: from nothing to a plugin that changes live spans, with the commands of the README.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use spanloom_tests::{
    Spanloom,
    command::spanloom,
    otlp::{
        Signal,
        client::{self, GrpcClient},
        payload,
    },
    skip::skip,
    spanloom::free_address,
};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

const BUILD_TIMEOUT: Duration = Duration::from_secs(600);

/// A new plugin in a folder of its own.
///
/// It is compiled with the versions of this tree's lock file. All new plugins share one target folder.
struct NewPlugin {
    folder: PathBuf,
    _parent: TempDir,
}

impl NewPlugin {
    async fn make(name: &str, role: &str) -> NewPlugin {
        let parent = TempDir::new().expect("a folder");
        let folder = parent.path().join(name);
        let path = folder.display().to_string();
        let sdk = repository().join("plugins/sdk").display().to_string();
        let made = spanloom(&["plugin", "new", name, "--role", role, "--path", &path, "--sdk", &sdk]).await;
        assert_eq!(made.code, 0, "{}{}", made.stdout, made.stderr);
        fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the list of versions");
        NewPlugin { folder, _parent: parent }
    }

    /// Runs a command in the plugin's folder. Returns whether the command succeeded, and its output.
    async fn run(&self, program: &Path, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        command.env("CARGO_TARGET_DIR", build_folder()).env("CARGO_PROFILE_DEV_DEBUG", "false");
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = timeout(BUILD_TIMEOUT, command.output()).await.expect("in time").expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// Returns the shared target folder, which is inside this tree's target folder and so lasts until the next
/// run.
fn build_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugins")
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Scenario: a new plugin of each role is made, and its tests run natively.
/// Guarantees: the template compiles without a warning, and its tests pass.
#[tokio::test]
async fn every_role_begins_with_tests_that_pass() {
    for role in ["processor", "sampler", "exporter", "connector", "receiver"] {
        let plugin = NewPlugin::make(&format!("new-{role}"), role).await;
        let (passed, said) = plugin.run(&cargo(), &["test", "--offline", "--quiet"]).await;
        assert!(passed && !said.contains("warning"), "{role}:\n{said}");
        assert!(said.contains("test result: ok"), "{role}:\n{said}");
    }
}

const PANICKING: &str = r#"
use spanloom_plugin::prelude::*;

#[derive(Deserialize)]
pub struct Panicking {}

impl Processor for Panicking {
    fn process_spans(&mut self, spans: SpanBatch, _: &mut Output) -> Result<(), Failure> {
        info!("{} spans came", spans.len());
        panic!("no span has a shop\n2026-01-01 ERROR forged");
    }
}

spanloom_plugin::processor!(Panicking);
"#;

/// Scenario: a plugin built with the SDK panics with a text of two lines.
/// Guarantees: the sender's error and the log's line about the batch have the text and its place.
#[tokio::test]
async fn what_a_plugin_says_when_it_panics_is_told() {
    let plugin = NewPlugin::make("panicking", "processor").await;
    fs::write(plugin.folder.join("src/lib.rs"), PANICKING).expect("another source");
    let (built, said) = plugin.run(spanloom_tests::spanloom::binary(), &["plugin", "build"]).await;
    if !built && said.contains("wasm32-unknown-unknown") && said.contains("install") {
        return skip(&said);
    }
    assert!(built, "{said}");
    let running = Spanloom::start_file(&plugin.folder.join("spanloom.yaml")).await;
    let client = GrpcClient::connect(running.grpc).await;
    let status = client.send(Signal::Traces, payload::traces(0, 1)).await.expect_err("it is rejected");
    let says = "it said: panicked at src/lib.rs:10:9:";
    assert!(status.message().contains(says), "{status:?}");
    assert!(status.message().contains("no span has a shop"), "{status:?}");
    running.wait_for_output("1 spans came").await;
    running.wait_for_output("the batch is rejected").await;
    let output = running.output();
    assert!(
        output.lines().any(|line| line.contains(says) && line.contains("the batch is rejected")),
        "{output}"
    );
    assert!(!output.lines().any(|line| line.starts_with("2026-01-01 ERROR forged")), "{output}");
    running.finish().await;
}

/// Scenario: the README's five commands run: new, cd, build, run, generate.
/// Guarantees: the new plugin changes the generated spans.
#[tokio::test]
async fn five_commands_lead_to_a_plugin_that_changes_live_spans() {
    let plugin = NewPlugin::make("tag-team", "processor").await;
    let spanloom_path = spanloom_tests::spanloom::binary();
    let (built, said) = plugin.run(spanloom_path, &["plugin", "build"]).await;
    if !built && said.contains("wasm32-unknown-unknown") && said.contains("install") {
        return skip(&said);
    }
    assert!(built, "{said}");
    let config = plugin.folder.join("spanloom.yaml");
    let running = Spanloom::start_file(&config).await;
    let endpoint = format!("http://{}", running.grpc);
    let generate = ["generate", "traces", "--endpoint", &endpoint, "--total", "5"];
    let generated = spanloom(&generate).await;
    assert_eq!(generated.code, 0, "{}{}", generated.stdout, generated.stderr);
    running.wait_for_output("\"checkout\"").await;
    running.finish().await;
}

/// Scenario: a new receiver is built and run as the command's next steps say, and its fixture is posted.
/// Guarantees: the sender is answered with success, and the events come out.
#[tokio::test]
async fn the_next_steps_lead_to_a_receiver_that_takes_events() {
    let plugin = NewPlugin::make("new-receiver", "receiver").await;
    let (built, said) = plugin.run(spanloom_tests::spanloom::binary(), &["plugin", "build"]).await;
    if !built && said.contains("wasm32-unknown-unknown") && said.contains("install") {
        return skip(&said);
    }
    assert!(built, "{said}");
    let endpoint = free_address();
    let set = format!("receivers::new_receiver::endpoint={endpoint}");
    let config = plugin.folder.join("spanloom.yaml");
    let running = Spanloom::start_file_with(&config, &["--set", &set], &[]).await;
    let events = fs::read(plugin.folder.join("fixtures/events.json")).expect("the fixture");
    let form = "application/x-www-form-urlencoded";
    let answer = client::post(endpoint, "/events", form, events.into()).await;
    assert!(answer.status().is_success(), "{answer:?}");
    running.wait_for_output("shipped").await;
    running.finish().await;
}
