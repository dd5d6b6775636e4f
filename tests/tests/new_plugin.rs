//! What `spanloom plugin new` makes: from nothing to a plugin that changes live spans, by README's commands.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use spanloom_tests::{Spanloom, command::spanloom, skip::skip};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

const BUILD_TIMEOUT: Duration = Duration::from_secs(600);

/// A new plugin in a folder of its own. It is compiled with the versions that this tree was, into one folder for all.
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

    /// Runs a command in its folder. Returns whether it succeeded, and all that it said.
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

/// Beside what cargo builds of this tree, so that it is there again at the next run.
fn build_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugins")
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Each template compiles without a warning, and its tests pass natively.
#[tokio::test]
async fn every_role_begins_with_tests_that_pass() {
    for role in ["processor", "sampler", "exporter", "connector"] {
        let plugin = NewPlugin::make(&format!("new-{role}"), role).await;
        let (passed, said) = plugin.run(&cargo(), &["test", "--offline", "--quiet"]).await;
        assert!(passed && !said.contains("warning"), "{role}:\n{said}");
        assert!(said.contains("test result: ok"), "{role}:\n{said}");
    }
}

/// README's five commands: new, cd, build, run, generate.
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
