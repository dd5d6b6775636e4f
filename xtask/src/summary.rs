//! The summary of a run: its steps, their results, and how long each took.

use std::{
    fmt,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

/// Every step of one run, in order.
#[derive(Default)]
pub struct Summary {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    counts: Counts,
    took: Duration,
    /// One line for each thing that was skipped or went wrong.
    notes: Vec<String>,
}

/// How many tests passed, failed and were skipped. A check that is no test program counts as one test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// The result of a step that ran to its end.
pub struct Outcome {
    pub counts: Counts,
    pub notes: Vec<String>,
}

impl Outcome {
    pub const PASSED: Outcome =
        Outcome { counts: Counts { passed: 1, failed: 0, skipped: 0 }, notes: Vec::new() };
    /// The result of a preparation. A preparation counts only when it fails or is skipped.
    pub const READY: Outcome =
        Outcome { counts: Counts { passed: 0, failed: 0, skipped: 0 }, notes: Vec::new() };

    /// The result of a step that this machine cannot run, with the reason.
    pub fn skipped(why: impl Into<String>) -> Outcome {
        Outcome { counts: Counts { skipped: 1, ..Counts::default() }, notes: vec![why.into()] }
    }
}

impl Summary {
    /// Runs a step and records its result. An error counts as one failure.
    pub fn step(&mut self, name: &str, step: impl FnOnce() -> Result<Outcome>) {
        println!("\n── {name}");
        let started = Instant::now();
        let outcome = step().unwrap_or_else(|error| Outcome {
            counts: Counts { failed: 1, ..Counts::default() },
            notes: vec![format!("{error:#}")],
        });
        let step = Step {
            name: name.to_owned(),
            counts: outcome.counts,
            took: started.elapsed(),
            notes: outcome.notes,
        };
        println!("── {name}: {} in {:.1} s", step.verdict(), step.took.as_secs_f64());
        self.steps.push(step);
    }

    /// Prints the table, with the totals as its last line, and returns failure if anything failed.
    pub fn finish(&self) -> ExitCode {
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        println!("\n{:width$}  {:32}  {:>7}", "step", "result", "seconds");
        for step in &self.steps {
            println!("{:width$}  {:32}  {:>7.1}", step.name, step.verdict(), step.took.as_secs_f64());
        }
        for step in self.steps.iter().filter(|step| !step.notes.is_empty()) {
            println!("\n{}:", step.name);
            for note in &step.notes {
                println!("  {note}");
            }
        }
        let total = self.total();
        println!("\n{total}");
        if total.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn total(&self) -> Counts {
        self.steps.iter().fold(Counts::default(), |total, step| total.plus(step.counts))
    }
}

impl Step {
    fn verdict(&self) -> String {
        match self.counts {
            Counts { passed: 0, failed: 0, skipped: 0 } => "ready".to_owned(),
            Counts { passed: 1, failed: 0, skipped: 0 } => "passed".to_owned(),
            Counts { passed: 0, failed: 0, skipped: 1 } => "skipped".to_owned(),
            Counts { passed: 0, failed: 1, skipped: 0 } => "failed".to_owned(),
            several => several.to_string(),
        }
    }
}

impl Counts {
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: one step returns an error, and two steps follow it.
    /// Guarantees: the error counts as one failure, and the following steps still run.
    #[test]
    fn an_error_counts_as_one_failure_and_the_next_step_still_runs() {
        let mut summary = Summary::default();
        summary.step("broken", || anyhow::bail!("no"));
        summary.step("fine", || Ok(Outcome::PASSED));
        summary.step("absent", || Ok(Outcome::skipped("no such tool")));
        assert_eq!(summary.total().to_string(), "1 passed, 1 failed, 1 skipped");
    }
}
