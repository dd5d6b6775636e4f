//! Parses Java traces:
//!
//! ```text
//! java.lang.IllegalStateException: state is not legal
//!     at com.example.Shop.pay(Shop.java:43)
//!     at java.base/java.lang.Thread.run(Thread.java:834)
//! Caused by: java.lang.IllegalArgumentException: bad argument
//!     at com.example.Shop.check(Shop.java:9)
//!     ... 1 more
//! ```

use super::{Frame, Trace, lines};

pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    let mut thrown = vec![Trace::thrown(Vec::new())];
    // The start of the last cause's text, as long as the text may continue: messages may have several lines.
    let mut told_from = None;
    for line in lines::of(trace).skip(1) {
        if let Some(frame) = frame(line.text) {
            told_from = None;
            if let Some(last) = thrown.last_mut() {
                last.frames.push(frame);
            }
        } else if let Some(cause) = line.text.strip_prefix("Caused by: ") {
            told_from = Some(line.end - cause.len());
            thrown.push(Trace::told(cause));
        } else if line.text.starts_with('\t') {
            // A line like `... 12 more`, or a suppressed exception.
            told_from = None;
        } else if let (Some(told), Some(last)) =
            (told_from.and_then(|from| trace.get(from..line.end)), thrown.last_mut())
        {
            *last = Trace::told(told);
        }
    }
    thrown
}

fn frame(line: &str) -> Option<Frame<'_>> {
    let (label, rest) = line.strip_prefix("\tat ")?.split_once('(')?;
    // Loggers append the source of the class: `~[shop.jar:1.0]`.
    let (place, _) = lines::closed(rest)?;
    // The part before the slash is a class loader or a module.
    let label = label.split_once('/').map_or(label, |(_, label)| label);
    let (path, line) = lines::place(place);
    Some(Frame { path, line, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class files may lack line numbers, and loggers may append the source of a class.
    #[test]
    fn a_place_may_lack_its_line_and_have_more_behind_it() {
        let frame =
            |line: &str| frame(line).map(|frame| (frame.path.to_owned(), frame.line, frame.label.to_owned()));
        let found = |path: &str, line, label: &str| Some((path.to_owned(), line, label.to_owned()));
        assert_eq!(frame("\tat java.util.List.of(List.java:)"), found("List.java", 0, "java.util.List.of"));
        assert_eq!(frame("\tat a.B.c(B.java:3) ~[b-1.0.jar:1.0]"), found("B.java", 3, "a.B.c"));
        assert_eq!(frame("\tat a.B.c(Unknown Source) [?:?]"), found("Unknown Source", 0, "a.B.c"));
        assert_eq!(frame("\tat a.B.c()"), found("", 0, "a.B.c"));
        assert_eq!(frame("\tat a.B.c(B.java:3"), None);
    }

    #[test]
    fn causes_follow_what_they_caused_and_messages_may_have_lines() {
        let trace = "a.B: one\nof two lines\n\tat a.B.c(B.java:3)\n\tat app//m/a.D.e(Native Method)\n\
             Caused by: x.Y: first\r\nsecond: line\n\tat x.Y.z(Y.java)\n\tSuppressed: q.R: no\n\t\tat q.R.s(R.java:1)\n\
             \t... 2 more\nCaused by: z.Last\n\t... 4 more\nnot a message";
        let [thrown, caused, last] = parse(trace).try_into().expect("three");
        assert_eq!(thrown.frames[0], Frame { path: "B.java", line: 3, label: "a.B.c" });
        assert_eq!(thrown.frames[1].path, "Native Method");
        assert_eq!((caused.kind, &*caused.message), ("x.Y", "first\r\nsecond: line"));
        assert_eq!(caused.frames, [Frame { path: "Y.java", line: 0, label: "x.Y.z" }]);
        assert_eq!((last.kind, &*last.message, last.frames.len()), ("z.Last", "", 0));
    }
}
