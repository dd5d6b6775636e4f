//! The packages of a release: a script in `deploy/check/` makes each of the binary under test, installs it and runs it.
//! `cargo xtask deploy` runs the same scripts, and more of them.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use spanloom_tests::{skip::skip, spanloom::binary};

/// The exit code of a script that cannot run here. Its last line names the program that is missing.
const LACKS_A_PROGRAM: i32 = 3;

fn check(kind: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../deploy/check/{kind}.sh"));
    let mut command = Command::new(&script);
    // Installing in a Debian of its own takes a minute and the network: `cargo xtask deploy debian` does it.
    command.arg(binary()).env("SPANLOOM_DEBIAN_ROOT", "none").stdin(Stdio::null());
    let ended = command.output().unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    let said = String::from_utf8_lossy(&ended.stderr);
    match ended.status.code() {
        Some(0) => print!("{}", String::from_utf8_lossy(&ended.stdout)),
        Some(LACKS_A_PROGRAM) => skip(said.trim().lines().last().unwrap_or_default()),
        _ => panic!("{}{said}", String::from_utf8_lossy(&ended.stdout)),
    }
}

/// Scenario: the archive is made twice and unpacked in an empty folder.
/// Guarantees: both are the same bytes; the binary runs there with the config in it, and accounts for each span.
#[test]
fn the_tarball_runs_where_it_is_unpacked() {
    check("tarball");
}

/// Scenario: the Debian package is made twice and unpacked.
/// Guarantees: both are the same bytes; the binary runs with the config in it, and accounts for each span.
#[test]
fn the_debian_package_has_all_that_it_needs() {
    check("debian");
}

/// Scenario: the wheel is made twice, installed with pip in a fresh environment, and uninstalled.
/// Guarantees: both are the same bytes; `spanloom` is in the environment's PATH and runs; nothing is left.
#[test]
fn the_wheel_puts_the_binary_in_the_path() {
    check("wheel");
}

/// Scenario: the packages for npm are made twice, installed globally and in a project, and uninstalled.
/// Guarantees: both are the same bytes; the launcher becomes the binary, with its signals and exit codes; without the
/// binary, the launcher says what to install.
#[test]
fn the_npm_packages_put_the_binary_in_the_path() {
    check("npm");
}
