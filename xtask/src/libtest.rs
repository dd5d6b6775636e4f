//! Counts the results that `cargo test` prints.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    folders, shell,
    summary::{Counts, Outcome},
};

/// Names the file in which a test writes one line, `name: reason`, when it cannot run on this machine.
const SKIPS: &str = "SPANLOOM_TEST_SKIPS";

/// How many lines of a failed test's output are repeated below the table.
const REPEATED_LINES: usize = 40;

/// Runs a `cargo test` command, passes its output on and counts its tests.
pub fn run(command: &mut Command) -> Result<Outcome> {
    let skips = folders::target().join("test-skips.txt");
    fs::create_dir_all(folders::target())?;
    fs::write(&skips, "")?;
    println!("$ {}", shell::line(command));
    let mut child = command
        .env(SKIPS, &skips)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            tally.read(&line);
        }
    }
    let status = child.wait()?;
    Ok(tally.close(status.success(), &fs::read_to_string(&skips)?))
}

#[derive(Default)]
struct Tally {
    counts: Counts,
    notes: Vec<String>,
    /// How many more lines of the current failed test's output are repeated.
    repeat: usize,
}

impl Tally {
    fn read(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("---- ").and_then(|name| name.strip_suffix(" stdout ----")) {
            self.notes.push(format!("{name} said:"));
            self.repeat = REPEATED_LINES;
        } else if line == "failures:" || line == "stack backtrace:" {
            self.repeat = 0;
        } else if self.repeat > 0 && !line.is_empty() {
            self.notes.push(format!("  {line:.500}"));
            self.repeat -= 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.counts = self.counts.plus(totals(result));
        } else if let Some((name, why)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... "))
        {
            if why.starts_with("ignored") {
                self.notes.push(format!("skipped {name}: {why}"));
            } else if why == "FAILED" {
                self.notes.push(format!("FAILED {name}"));
            }
        }
    }

    /// Completes the counts after `cargo test` has ended.
    ///
    /// `cargo test` counts a test that skipped itself as passed; here the test counts as skipped. A program
    /// that fails without a failed test counts as one failure.
    fn close(mut self, success: bool, skips: &str) -> Outcome {
        for skip in skips.lines() {
            self.counts.passed = self.counts.passed.saturating_sub(1);
            self.counts.skipped += 1;
            self.notes.push(format!("skipped {skip}"));
        }
        if !success && self.counts.failed == 0 {
            self.counts.failed = 1;
            self.notes
                .push("FAILED to build, or a test program died before it could say how it went".to_owned());
        }
        Outcome { counts: self.counts, notes: self.notes }
    }
}

/// Reads the counts from a result such as
/// `ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
fn totals(result: &str) -> Counts {
    let after_verdict = result.split_once(". ").map_or(result, |(_, totals)| totals);
    let mut counts = Counts::default();
    for total in after_verdict.split("; ") {
        let Some((number, what)) = total.split_once(' ') else { continue };
        let number = number.parse().unwrap_or(0);
        match what {
            "passed" => counts.passed = number,
            "failed" => counts.failed = number,
            "ignored" => counts.skipped = number,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        tally
    }

    /// Scenario: two test programs run; one test is ignored, and another skips itself.
    /// Guarantees: the totals are summed, and neither of these two tests counts as passed.
    #[test]
    fn totals_are_summed_and_self_skipped_tests_are_not_passes() {
        let tally = tally(&[
            "test a ... ok",
            "test b ... ignored, slow",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ]);
        let outcome = tally.close(true, "node_grpc: no node\n");
        assert_eq!(outcome.counts.to_string(), "4 passed, 0 failed, 2 skipped");
        assert_eq!(outcome.notes, ["skipped b: ignored, slow", "skipped node_grpc: no node"]);
    }

    /// Scenario: a test program aborts and prints no result.
    /// Guarantees: one failure is counted.
    #[test]
    fn a_program_that_dies_is_a_failure() {
        assert_eq!(tally(&["test a ... ok"]).close(false, "").counts.failed, 1);
    }

    /// Scenario: one of two tests panics.
    /// Guarantees: the failure is counted, and the notes name the test and repeat its output.
    #[test]
    fn failures_are_counted_and_named_and_say_why() {
        let tally = tally(&[
            "test a ... FAILED",
            "test b ... ok",
            "",
            "failures:",
            "",
            "---- a stdout ----",
            "",
            "thread 'a' (1) panicked at a.rs:1:1:",
            "no",
            "stack backtrace:",
            "   0: main",
            "",
            "failures:",
            "    a",
            "",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ]);
        let outcome = tally.close(false, "");
        assert_eq!(outcome.counts.to_string(), "1 passed, 1 failed, 0 skipped");
        assert_eq!(outcome.notes, ["FAILED a", "a said:", "  thread 'a' (1) panicked at a.rs:1:1:", "  no"]);
    }
}
