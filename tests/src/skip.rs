//! Lets a test that cannot run on this machine say so by name.

use std::{env, fs::OpenOptions, io::Write, thread};

/// Notes that the calling test did not run, and why. `cargo xtask test` counts the test as skipped, not as
/// passed.
pub fn skip(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED {test}: {why}");
    let Some(file) = env::var_os("SPANLOOM_TEST_SKIPS") else { return };
    let mut file =
        OpenOptions::new().append(true).create(true).open(file).expect("the list of skipped tests");
    // The line is written at once, so that lines of several test programs do not mix.
    file.write_all(format!("{test}: {why}\n").as_bytes()).expect("the list of skipped tests");
}
