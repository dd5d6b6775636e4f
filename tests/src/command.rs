//! Runs `spanloom` commands that end by themselves.

use std::{env, fs, path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::spanloom::binary;

const END_TIMEOUT: Duration = Duration::from_secs(300);

/// The output of a command and its exit code.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `spanloom ARGS…`.
///
/// No terminal, colour or variable of the developer's changes the output.
pub async fn spanloom(args: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null()).env("NO_COLOR", "1").env("COLUMNS", "100").env_remove("RUST_LOG");
    let ended = timeout(END_TIMEOUT, command.kill_on_drop(true).output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{args:?} does not end")).expect("the spanloom binary");
    Ended {
        code: output.status.code().expect("an exit code"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Compares a command's output with `tests/snapshots/NAME.txt`. `SPANLOOM_UPDATE_SNAPSHOTS=1` rewrites the
/// file.
pub fn assert_snapshot(name: &str, said: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{name}.txt"));
    if env::var_os("SPANLOOM_UPDATE_SNAPSHOTS").is_some() {
        return fs::write(&path, said).expect("the snapshot");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        said == expected,
        "not as in {name}.txt (if it is right now, run the test with SPANLOOM_UPDATE_SNAPSHOTS=1 and look at the \
         difference):\n--- expected\n{expected}\n--- said\n{said}"
    );
}
