//! `spanloom` commands that end by themselves.

use std::process::{Command, Stdio};

use crate::spanloom::binary;

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `spanloom ARGS…` where no terminal, colour or variable of the developer's changes what it says.
pub fn spanloom(args: &[&str]) -> Ended {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null()).env("NO_COLOR", "1").env("COLUMNS", "100").env_remove("RUST_LOG");
    let output = command.output().expect("the spanloom binary");
    Ended {
        code: output.status.code().expect("an exit code"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}
