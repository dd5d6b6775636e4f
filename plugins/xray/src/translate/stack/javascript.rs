//! JavaScript as V8 prints it:
//!
//! ```text
//! Error: no card
//!     at Shop.pay (/app/shop.js:20:7)
//!     at async node:internal/timers:594:17
//! ```

use super::{Frame, Trace, lines};

pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    vec![Trace::thrown(lines::of(trace).filter_map(|line| frame(line.text)).collect())]
}

fn frame(line: &str) -> Option<Frame<'_>> {
    let call = line.strip_prefix("    at ")?;
    let (label, place) = match call.strip_suffix(')').and_then(|call| call.split_once(" (")) {
        Some((label, place)) => (label, place),
        None => ("", call.strip_prefix("async ").unwrap_or(call)),
    };
    // The column is not told, and the line is second from the right.
    let without_column = lines::path_and_line(place).map_or(place, |(rest, _)| rest);
    let (path, line) = lines::path_and_line(without_column).unwrap_or((without_column, 0));
    Some(Frame { path, line, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_may_have_colons() {
        let trace = "Error: x\n    at C.d (file:///app/e.js:7:1)\n    at node:internal/timers:594:17\n    at f (C:\\g.js:2:3)\n    \
             at Array.map (native)\n    at new Promise (<anonymous>)\nnothing";
        let [thrown] = parse(trace).try_into().expect("one");
        let places: Vec<_> =
            thrown.frames.iter().map(|frame| (frame.label, frame.path, frame.line)).collect();
        let expected = [
            ("C.d", "file:///app/e.js", 7),
            ("", "node:internal/timers", 594),
            ("f", "C:\\g.js", 2),
            ("Array.map", "native", 0),
            ("new Promise", "<anonymous>", 0),
        ];
        assert_eq!(places, expected);
    }
}
