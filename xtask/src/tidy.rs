//! `cargo xtask tidy`: checks the invariants of the source tree. Most of them say what must be absent, and
//! where.

mod order;
mod paths;
pub mod rules;

use std::{fs, process::Command, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{
    folders, shell,
    summary::{Counts, Outcome, Summary},
};

/// A text file of the project that is committed, or is new and not ignored.
pub struct Source {
    /// The path from the root of the clone, with `/` as separator.
    pub path: String,
    pub text: String,
}

/// An invariant, and the check that finds its violations.
pub struct Rule {
    /// The invariant, as a sentence.
    pub name: &'static str,
    /// Returns the violations in one file: line number, and what is wrong.
    pub check: fn(&Source) -> Vec<(usize, String)>,
}

pub fn run() -> Result<ExitCode> {
    let mut summary = Summary::default();
    summary.step("invariants of the source tree", check);
    Ok(summary.finish())
}

/// Checks every rule. Each rule counts as one test.
pub fn check() -> Result<Outcome> {
    let sources = sources()?;
    let mut outcome = Outcome { counts: Counts::default(), notes: Vec::new() };
    for rule in rules::RULES {
        let violations = violations(rule, &sources);
        if violations.is_empty() {
            outcome.counts.passed += 1;
            println!("holds: {}", rule.name);
        } else {
            outcome.counts.failed += 1;
            println!("BROKEN: {}", rule.name);
        }
        for violation in violations {
            println!("  {violation}");
            outcome.notes.push(format!("{}: {violation}", rule.name));
        }
    }
    Ok(outcome)
}

fn violations(rule: &Rule, sources: &[Source]) -> Vec<String> {
    let at = |source: &Source| {
        let path = source.path.clone();
        (rule.check)(source).into_iter().map(move |(line, what)| format!("{path}:{line}: {what}"))
    };
    sources.iter().flat_map(at).collect()
}

fn sources() -> Result<Vec<Source>> {
    let mut git = Command::new("git");
    git.current_dir(folders::root()).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = shell::ask(&mut git).context("git ls-files failed: is this a git clone?")?;
    let read = |path: &str| {
        // A file that was deleted but is still listed, or is not text, is not checked.
        let text = fs::read_to_string(folders::root().join(path)).ok()?;
        Some(Source { path: path.to_owned(), text })
    };
    let sources: Vec<Source> = listed.lines().filter_map(read).collect();
    if sources.is_empty() {
        bail!("git lists no files");
    }
    Ok(sources)
}
