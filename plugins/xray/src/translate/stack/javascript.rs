//! Parses JavaScript traces as V8 prints them:
//!
//! ```text
//! Error: no card
//!     at Shop.pay (/app/shop.js:20:7)
//!     at async node:internal/timers:594:17
//! ```
//!
//! and as Firefox and Safari do, which print only the calls:
//!
//! ```text
//! pay@https://shop.example/shop.js:20:7
//! @https://shop.example/shop.js:31:1
//! forEach@[native code]
//! ```

use super::{Frame, Trace, lines};

pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    let frames = |of: for<'a> fn(&'a str) -> Option<Frame<'a>>| -> Vec<Frame<'_>> {
        lines::of(trace).filter_map(|line| of(line.text)).collect()
    };
    let of_v8 = frames(v8_frame);
    // The message of a V8 error may have a line that looks like a frame of another engine.
    vec![Trace::thrown(if of_v8.is_empty() { frames(call_at_place) } else { of_v8 })]
}

fn v8_frame(line: &str) -> Option<Frame<'_>> {
    let call = line.strip_prefix("    at ")?;
    if let Some((label, rest)) = call.split_once(" (")
        && let Some((place, _)) = lines::closed(rest)
    {
        return Some(Frame { label, ..of_place(place) });
    }
    let place = call.strip_prefix("async ").unwrap_or(call);
    // The other properties of an error are printed after the last frame.
    Some(of_place(place.strip_suffix(" {").unwrap_or(place)))
}

/// Parses `call@place`, or the place alone, as in Safari.
fn call_at_place(line: &str) -> Option<Frame<'_>> {
    // The first `@` counts, because names of packages in a path begin with `@`.
    let (call, place) = line.split_once('@').map_or((None, line), |(call, place)| (Some(call), place));
    let rest = lines::path_and_line(place).map(|(rest, _)| rest);
    let has_column = rest.and_then(lines::path_and_line).is_some();
    let is_call = call.is_some_and(|call| !call.contains(": "));
    let is_frame = (is_call && has_column) || (rest.is_some() && is_url(place)) || place == "[native code]";
    is_frame.then(|| Frame { label: call.unwrap_or_default(), ..of_place(place) })
}

fn is_url(place: &str) -> bool {
    let is_scheme =
        |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    place.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// Parses `path:line:column` and `path:line`.
fn of_place(place: &str) -> Frame<'_> {
    let (path, line) = match lines::path_and_line(place) {
        Some((rest, last)) => lines::path_and_line(rest).unwrap_or((rest, last)),
        None => lines::place(place),
    };
    Frame { path, line, label: "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trace: &str, expected: &[(&str, &str, u32)]) {
        let [thrown] = parse(trace).try_into().expect("one");
        let places: Vec<_> =
            thrown.frames.iter().map(|frame| (frame.label, frame.path, frame.line)).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn paths_may_have_colons() {
        let trace = "Error: x\n    at C.d (file:///app/e.js:7:1)\n    at node:internal/timers:594:17\n    at f (C:\\g.js:2:3)\n    \
             at Array.map (native)\n    at new Promise (<anonymous>)\nnothing";
        let expected = [
            ("C.d", "file:///app/e.js", 7),
            ("", "node:internal/timers", 594),
            ("f", "C:\\g.js", 2),
            ("Array.map", "native", 0),
            ("new Promise", "<anonymous>", 0),
        ];
        check(trace, &expected);
    }

    /// Paths may contain parentheses, evaluated code has two places, and the other properties of an error are
    /// printed after the last frame.
    #[test]
    fn a_frame_ends_where_its_parenthesis_closes() {
        let trace = "Error: x\n    at f (/app/(shop)/page.js:1:2)\n    at g (/app/a)b.js:3:4) [as h]\n    \
             at eval (eval at i (/app/j.js:5:6), <anonymous>:7:8)\n    at k (/app/l.js:9:10) {\n  code: 'E_X'\n}";
        let expected = [
            ("f", "/app/(shop)/page.js", 1),
            ("g", "/app/a)b.js", 3),
            ("eval", "eval at i (/app/j.js:5:6), <anonymous>", 7),
            ("k", "/app/l.js", 9),
        ];
        check(trace, &expected);
        check("Error\n    at async file:///m.js:1:2 {\n  code: 1\n}", &[("", "file:///m.js", 1)]);
    }

    #[test]
    fn firefox_and_safari_name_a_call_before_its_place() {
        let firefox = "pay@https://shop.example/node_modules/@shop/a.js:20:7\nasync*@https://shop.example/a.js:31:1\n\
             run/<@https://shop.example/a.js line 4 > eval:5:6\nold@https://shop.example/b.js:9\n";
        let expected = [
            ("pay", "https://shop.example/node_modules/@shop/a.js", 20),
            ("async*", "https://shop.example/a.js", 31),
            ("run/<", "https://shop.example/a.js line 4 > eval", 5),
            ("old", "https://shop.example/b.js", 9),
        ];
        check(firefox, &expected);
        let safari = "pay@https://shop.example/a.js:20:7\nforEach@[native code]\n[native code]\nglobal code@https://shop.example/a.js:1:2\n\
             https://shop.example/a.js:3:4";
        let expected = [
            ("pay", "https://shop.example/a.js", 20),
            ("forEach", "[native code]", 0),
            ("", "[native code]", 0),
            ("global code", "https://shop.example/a.js", 1),
            ("", "https://shop.example/a.js", 3),
        ];
        check(safari, &expected);
    }

    #[test]
    fn a_message_is_no_frame() {
        check("Error: a@b.example:25:1\nmail@b.example:1 is taken\nsee https://x.example:80", &[]);
        check("Error: x\nmail@x.example:25:1\n    at f (/a.js:1:2)", &[("f", "/a.js", 1)]);
    }
}
