//! Python, which tells the outermost call and the first exception first:
//!
//! ```text
//! Traceback (most recent call last):
//!   File "shop.py", line 4, in pay
//!     check(card)
//! ValueError: no card
//!
//! During handling of the above exception, another exception occurred:
//!
//! Traceback (most recent call last):
//!   File "shop.py", line 6, in pay
//!     raise PaymentError("not paid")
//! PaymentError: not paid
//! ```

use super::lines::{self, Line};
use super::{Frame, Trace};

const LINKS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    let lines: Vec<Line<'_>> = lines::of(trace).collect();
    let parts = lines.split(|line| LINKS.contains(&line.text));
    let mut thrown: Vec<Trace<'_>> = parts.map(|part| exception(trace, part)).collect();
    thrown.reverse();
    thrown
}

/// Of one traceback.
fn exception<'a>(trace: &'a str, lines: &[Line<'a>]) -> Trace<'a> {
    let frames = lines.iter().rev().filter_map(|line| frame(line.text)).collect();
    let last_frame = lines.iter().rposition(|line| frame(line.text).is_some()).map_or(0, |at| at + 1);
    // The lines of a frame are indented; what follows the last of them says what was raised.
    let mut told = lines.iter().skip(last_frame).skip_while(|line| line.text.starts_with(' '));
    let start = told.next().map(|line| line.start);
    let end = lines.iter().rfind(|line| !line.text.is_empty()).map(|line| line.end);
    let told = start.zip(end).and_then(|(start, end)| trace.get(start..end)).unwrap_or_default();
    Trace { frames, ..Trace::told(told) }
}

fn frame(line: &str) -> Option<Frame<'_>> {
    let (path, rest) = line.strip_prefix("  File \"")?.split_once("\", line ")?;
    let (number, label) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(Frame { path, line: number.parse().unwrap_or_default(), label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_raised_comes_first_and_its_innermost_call_too() {
        let trace = "Traceback (most recent call last):\n  File \"a, b.py\", line 4, in pay\n    check()\n    ^^^^^^^\n  \
             File \"c.py\", line 9, in check\n    raise KeyError\nKeyError: 'x'\nof: two lines\n\nThe above exception was \
             the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a, b.py\", line \
             6, in <module>\n    raise Paid from e\nPaid: no\n";
        let [raised, cause] = parse(trace).try_into().expect("two");
        assert_eq!(raised.frames, [Frame { path: "a, b.py", line: 6, label: "<module>" }]);
        assert_eq!((raised.kind, &*raised.message), ("Paid", "no"));
        assert_eq!((cause.kind, &*cause.message), ("KeyError", "'x'\nof: two lines"));
        assert_eq!(cause.frames[0], Frame { path: "c.py", line: 9, label: "check" });
        assert_eq!(cause.frames[1].line, 4);
        assert_eq!(parse("no traceback").len(), 1);
    }
}
