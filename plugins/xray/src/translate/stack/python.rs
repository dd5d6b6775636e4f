//! Parses Python traces, which have the outermost call and the first exception first:
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
//!
//! An exception group has a margin of `|`, with its members below it.

use super::lines::{self, Line};
use super::{Frame, Trace};

const LINKS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];
const HEADS: [&str; 2] =
    ["Traceback (most recent call last):", "Exception Group Traceback (most recent call last):"];

pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    let lines: Vec<Line<'_>> = lines::of(trace).map(without_margin).collect();
    let parts = lines.split(|line| LINKS.contains(&line.text));
    let mut thrown: Vec<Trace<'_>> = parts.map(|part| exception(trace, part)).collect();
    thrown.reverse();
    thrown
}

/// Parses one traceback.
fn exception<'a>(trace: &'a str, lines: &[Line<'a>]) -> Trace<'a> {
    // The members of a group are not causes of each other, and are left out.
    let members = lines.iter().position(|line| line.text.starts_with("+-")).unwrap_or(lines.len());
    let lines = lines.get(..members).unwrap_or_default();
    let frames = lines.iter().rev().filter_map(|line| frame(line.text)).collect();
    let last_frame = lines.iter().rposition(|line| frame(line.text).is_some()).map_or(0, |at| at + 1);
    // The lines of a frame are indented. The text after the last of them is the raised exception.
    let is_before = |line: &&Line<'_>| {
        line.text.is_empty() || line.text.starts_with(char::is_whitespace) || HEADS.contains(&line.text)
    };
    let mut told = lines.iter().skip(last_frame).skip_while(is_before);
    let start = told.next().map(|line| line.start);
    let end = lines.iter().rfind(|line| !line.text.is_empty()).map(|line| line.end);
    let told = start.zip(end).and_then(|(start, end)| trace.get(start..end)).unwrap_or_default();
    Trace { frames, ..Trace::told(told) }
}

fn frame(line: &str) -> Option<Frame<'_>> {
    let place = line.trim_start();
    let (path, rest) =
        place.strip_prefix("File \"").filter(|_| place.len() < line.len())?.split_once("\", line ")?;
    let (number, label) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(Frame { path, line: number.parse().unwrap_or_default(), label })
}

/// Removes `  | ` and `  + `, which stand before the lines of a group.
fn without_margin(line: Line<'_>) -> Line<'_> {
    let text = line.text.trim_start_matches(' ');
    let text = if text.starts_with("+-") {
        text
    } else if let Some(text) = text.strip_prefix(['|', '+']).filter(|_| text.len() < line.text.len()) {
        text.strip_prefix(' ').unwrap_or(text)
    } else {
        line.text
    };
    Line { text, start: line.end - text.len(), ..line }
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

    /// Recursion is folded, a logger writes between frames, a frame has another indentation, and source lines
    /// have any text.
    #[test]
    fn lines_between_frames_cost_no_frame() {
        let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1, in a\n    a()\n  [Previous line repeated 996 \
             more times]\nINFO: still here\n  File \"b.py\", line 2, in b\n\n\tFile \"c.pyx\", line 3, in c\n  File \"d.py\", \
             line 4\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n";
        let [raised] = parse(trace).try_into().expect("one");
        let paths: Vec<&str> = raised.frames.iter().map(|frame| frame.path).collect();
        assert_eq!(paths, ["d.py", "c.pyx", "b.py", "a.py"]);
        assert_eq!((raised.kind, &*raised.message), ("SyntaxError", "invalid syntax"));
    }

    #[test]
    fn a_cause_without_frames_is_named_after_what_was_raised() {
        let trace = "Traceback (most recent call last):\nValueError: no\n\nDuring handling of the above exception, another \
             exception occurred:\n\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"a.py\", line 1, in a\nPaid: no\n";
        let told: Vec<_> =
            parse(trace).into_iter().map(|told| (told.kind, told.message.into_owned())).collect();
        let expected = [("Paid", "no"), ("KeyError", "'x'"), ("ValueError", "no")];
        assert_eq!(told, expected.map(|(kind, message)| (kind, message.to_owned())));
    }

    #[test]
    fn of_a_group_its_own_frames_are_told() {
        let trace = "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in a\n  |     raise g\n  \
             | ExceptionGroup: several (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most \
             recent call last):\n    |   File \"b.py\", line 2, in b\n    | ValueError: 1\n    +-----------------\n";
        let [raised] = parse(trace).try_into().expect("one");
        assert_eq!(raised.frames, [Frame { path: "a.py", line: 1, label: "a" }]);
        assert_eq!((raised.kind, &*raised.message), ("ExceptionGroup", "several (2 sub-exceptions)"));
    }
}
