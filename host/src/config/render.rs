//! Renders findings as a compiler does: the message, the place, and the line with the part in question
//! marked.

use std::fmt::Write as _;

use super::{
    Finding, Location,
    redact::{ShownLine, shown_line},
};

/// The longest part of a source line that is shown.
const LINE_LIMIT_CHARS: usize = 120;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Warning,
    #[default]
    Error,
}

struct Paint(bool);

/// Renders a finding in several lines, without a line end after the last.
pub(super) fn render(finding: &Finding, severity: Severity, colour: bool) -> String {
    let paint = Paint(colour);
    let head = match severity {
        Severity::Error => paint.with("1;31", "error"),
        Severity::Warning => paint.with("1;33", "warning"),
    };
    let mut shown = format!("{head}: {}", paint.with("1", &printable(&finding.message)));
    let path = printable(&finding.keys());
    let gutter = finding.at.as_ref().map_or(1, |at| at.line.to_string().len());
    // Writing to a string cannot fail.
    if let Some(at) = &finding.at {
        let arrow = paint.with("34", "-->");
        let _ = write!(shown, "\n{:gutter$}{arrow} {}", "", printable(&at.to_string()));
        if !path.is_empty() {
            let _ = write!(shown, "  {path}");
        }
    } else if !path.is_empty() {
        let _ = write!(shown, "\n{:gutter$}{} {path}", "", paint.with("34", "-->"));
    }
    match (finding.at.as_ref().and_then(|at| Some((at, shown_line(at)?))), &finding.label) {
        (Some((at, line)), label) => {
            let _ = write!(shown, "{}", snippet(at, &line, label.as_deref(), severity, gutter, &paint));
        }
        (None, Some(label)) => {
            let _ = write!(shown, "\n{:gutter$} {} {}", "", paint.with("34", "="), printable(label));
        }
        (None, None) => {}
    }
    if let Some(help) = &finding.help {
        let _ = write!(shown, "\n{:gutter$} {} {}", "", paint.with("34", "="), printable(help));
    }
    shown
}

fn snippet(
    at: &Location,
    shown: &ShownLine,
    label: Option<&str>,
    severity: Severity,
    gutter: usize,
    paint: &Paint,
) -> String {
    let ShownLine { text, column, width } = shown;
    // A long line is shown from shortly before the place.
    let skipped = if *column > LINE_LIMIT_CHARS / 2 { column - LINE_LIMIT_CHARS / 4 } else { 0 };
    let line: String = printable(text).chars().skip(skipped).take(LINE_LIMIT_CHARS).collect();
    let line = line.trim_end();
    let indent = column - skipped;
    let width = (*width).min(line.chars().count().saturating_sub(indent)).max(1);
    let marks = match severity {
        Severity::Error => paint.with("1;31", &"^".repeat(width)),
        Severity::Warning => paint.with("1;33", &"^".repeat(width)),
    };
    let label = label.map(|label| format!(" {}", printable(label))).unwrap_or_default();
    let bar = paint.with("34", "|");
    let number = paint.with("34", &at.line.to_string());
    format!("\n{0:gutter$} {bar}\n{number} {bar} {line}\n{0:gutter$} {bar} {0:indent$}{marks}{label}", "")
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Replaces control characters, so that text from a config cannot control the terminal. Each character stays
/// one column wide.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}
