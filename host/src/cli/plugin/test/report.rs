//! Reports the outcomes of cases, as text and as JSON.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::{
    difference::{Change, ChangeKind, Difference, Line, LineKind},
    tap::LogLine,
};

/// The outcome of one case.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CaseReport {
    pub(super) case: String,
    pub(super) status: Status,
    /// A few words beside the status.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
    /// The plugin's mistakes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) faults: Vec<String>,
    /// The difference from the golden file to the outcome, or from the input to the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
    /// The outcome, if there is nothing to compare it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) logs: Vec<LogLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) metrics: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// The outcome is the same as the golden file.
    Passed,
    Failed,
    /// There is no golden file.
    Shown,
    /// The golden file was written.
    Updated,
    /// The plugin does not take the case's signal.
    Skipped,
}

/// The outcomes of all cases.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// The plugin, written as `redactor 0.1.0 (processor)`.
    pub(super) plugin: String,
    pub(super) cases: Vec<CaseReport>,
}

/// A report as text.
pub(super) struct Shown<'a> {
    pub(super) report: &'a Report,
    pub(super) colour: bool,
}

/// The changes of one case that are shown. Further changes are only counted.
const CHANGE_LIMIT: usize = 100;
const LINE_LIMIT: usize = 200;

impl Report {
    pub(super) fn has_failed(&self) -> bool {
        self.cases.iter().any(|case| case.status == Status::Failed)
    }

    /// Writes the summary: `5 cases, 4 passed, 1 failed`.
    pub(super) fn summary(&self) -> String {
        let mut summary = match self.cases.len() {
            1 => "1 case".to_owned(),
            count => format!("{count} cases"),
        };
        let statuses = [Status::Passed, Status::Updated, Status::Shown, Status::Skipped, Status::Failed];
        for status in statuses {
            let count = self.cases.iter().filter(|case| case.status == status).count();
            if count > 0 {
                let _ = write!(summary, ", {count} {}", status.as_str());
            }
        }
        summary
    }
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Shown => "without a golden file",
            Status::Updated => "updated",
            Status::Skipped => "skipped",
        }
    }

    /// Returns the colour and the word before the case's name.
    fn mark(self) -> (&'static str, &'static str) {
        match self {
            Status::Passed => ("32", "pass"),
            Status::Failed => ("1;31", "FAIL"),
            Status::Shown => ("36", "show"),
            Status::Updated => ("33", "wrote"),
            Status::Skipped => ("2", "skip"),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.paint("1", &self.report.plugin))?;
        for case in &self.report.cases {
            self.case(f, case)?;
        }
        let colour = if self.report.has_failed() { "1;31" } else { "1" };
        writeln!(f, "{}", self.paint(colour, &self.report.summary()))
    }
}

impl Shown<'_> {
    fn case(&self, f: &mut fmt::Formatter<'_>, case: &CaseReport) -> fmt::Result {
        let (colour, mark) = case.status.mark();
        let note =
            if case.note.is_empty() { String::new() } else { format!("  {}", self.paint("2", &case.note)) };
        writeln!(f, "{:5} {}{note}", self.paint(colour, &format!("{mark:5}")), self.paint("1", &case.case))?;
        for fault in case.faults.iter().flat_map(|fault| fault.lines()) {
            writeln!(f, "  {} {}", self.paint("31", "!"), printable(fault))?;
        }
        if let Some(difference) = &case.difference {
            self.difference(f, difference)?;
        }
        for line in case.outcome.iter().flat_map(|outcome| outcome.lines()) {
            writeln!(f, "  {}", printable(line))?;
        }
        for line in &case.logs {
            let level = self.paint(level_colour(line.level), &format!("{:5}", line.level.to_lowercase()));
            writeln!(f, "  {} {level} {}", self.paint("2", "log"), printable(&line.message))?;
            for frame in &line.backtrace {
                writeln!(f, "      {} {}", self.paint("2", "in"), printable(frame))?;
            }
        }
        for metric in &case.metrics {
            writeln!(f, "  {} {}", self.paint("2", "metric"), printable(metric))?;
        }
        writeln!(f)
    }

    fn difference(&self, f: &mut fmt::Formatter<'_>, difference: &Difference) -> fmt::Result {
        for change in difference.changes.iter().take(CHANGE_LIMIT) {
            self.change(f, change)?;
        }
        let more = difference.changes.len().saturating_sub(CHANGE_LIMIT);
        let counts = [(more, "more that differ"), (difference.unchanged, "the same")];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "  {}", self.paint("2", &format!("  {count} {what}")))?;
        }
        Ok(())
    }

    fn change(&self, f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
        let (colour, sign) = match change.kind {
            ChangeKind::Added => ("32", "+"),
            ChangeKind::Removed => ("31", "-"),
            ChangeKind::Edited => ("33", "~"),
        };
        writeln!(f, "  {} {}", self.paint(colour, sign), self.paint("1", &change.title))?;
        for line in change.lines.iter().take(LINE_LIMIT) {
            writeln!(f, "      {}", self.line(line))?;
        }
        match change.lines.len().saturating_sub(LINE_LIMIT) {
            0 => Ok(()),
            more => writeln!(f, "      {}", self.paint("2", &format!("{more} more lines"))),
        }
    }

    fn line(&self, line: &Line) -> String {
        let (colour, strong, sign) = match line.is {
            LineKind::Removed => ("31", "1;4;31", "-"),
            LineKind::Added => ("32", "1;4;32", "+"),
        };
        let part = |colour, begin, end| match line.text.get(begin..end) {
            Some("") | None => String::new(),
            Some(part) => self.paint(colour, part),
        };
        let (begin, end) = line.emphasized.unwrap_or_default();
        let sign = self.paint(colour, &format!("{sign} "));
        sign + &part(colour, 0, begin) + &part(strong, begin, end) + &part(colour, end, line.text.len())
    }

    fn paint(&self, code: &str, text: &str) -> String {
        let text = printable(text);
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }
}

fn level_colour(level: &str) -> &'static str {
    match level {
        "ERROR" => "31",
        "WARN" => "33",
        _ => "2",
    }
}

/// Replaces control characters, so that telemetry and guests do not affect the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::records::Record, *};

    fn case(case: &str, status: Status) -> CaseReport {
        CaseReport {
            case: case.to_owned(),
            status,
            note: String::new(),
            faults: Vec::new(),
            difference: None,
            outcome: None,
            logs: Vec::new(),
            metrics: Vec::new(),
        }
    }

    fn record(name: &str, lines: &[&str]) -> Record {
        Record {
            identity: name.to_owned(),
            title: name.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            envelope: Vec::new(),
        }
    }

    fn report() -> Report {
        let before = [record("GET /  01", &["a: 1", "url: /?x"]), record("b  02", &[]), record("c  03", &[])];
        let after = [record("GET /  01", &["a: 1", "url: /?***", "\u{1b}[2J"]), record("c  03", &[])];
        let mut failed = case("shop", Status::Failed);
        failed.difference = Some(Difference::between(&before, &after));
        failed.note = "not as in shop.golden.json".to_owned();
        let mut trapped = case("trap", Status::Failed);
        trapped.faults = vec!["a call ended by trap".to_owned()];
        trapped.logs = vec![LogLine {
            level: "WARN",
            message: "it trapped".to_owned(),
            backtrace: vec!["inner".to_owned(), "outer".to_owned()],
        }];
        trapped.metrics = vec!["redacted_total 2".to_owned()];
        let cases = vec![case("a", Status::Passed), failed, trapped, case("m", Status::Skipped)];
        Report { plugin: "redactor 0.1.0 (processor)".to_owned(), cases }
    }

    /// Scenario: a report has cases of several statuses.
    /// Guarantees: each case shows its difference, mistakes, logs and metrics, without control characters.
    #[test]
    fn a_report_reads_like_this() {
        let shown = Shown { report: &report(), colour: false }.to_string();
        let expected = "\
redactor 0.1.0 (processor)

pass  a

FAIL  shop  not as in shop.golden.json
  ~ GET /  01
      + \u{fffd}[2J
      - url: /?x
      + url: /?***
  - b  02
    1 the same

FAIL  trap
  ! a call ended by trap
  log warn  it trapped
      in inner
      in outer
  metric redacted_total 2

skip  m

4 cases, 1 passed, 1 skipped, 2 failed
";
        assert_eq!(shown, expected, "\n{shown}");
    }

    /// Scenario: the same report is written in colour.
    /// Guarantees: what differs in a line stands out, and the text without colours is the same.
    #[test]
    fn a_coloured_report_says_the_same() {
        let shown = Shown { report: &report(), colour: true }.to_string();
        assert!(shown.contains("\x1b[1;4;32m***\x1b[0m"), "{shown:?}");
        let plain: String =
            shown.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect();
        assert_eq!(plain, Shown { report: &report(), colour: false }.to_string());
    }
}
