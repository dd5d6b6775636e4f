//! Parses Go traces:
//!
//! ```text
//! goroutine 19 [running]:
//! main.pay(0xc000010000)
//!     /app/shop.go:24 +0x1d
//! created by main.main
//!     /app/main.go:9 +0x65
//! ```

use super::{Frame, Trace, lines};

/// Parses a trace. A frame is a line with a call, then an indented line with its place.
pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    let calls = lines::of(trace).zip(lines::of(trace).skip(1));
    vec![Trace::thrown(calls.filter_map(|(call, place)| frame(call.text, place.text)).collect())]
}

fn frame<'a>(label: &'a str, place: &'a str) -> Option<Frame<'a>> {
    if label.starts_with('\t') {
        return None;
    }
    let place = place.strip_prefix('\t')?;
    let place = place.split_once(" +0x").map_or(place, |(place, _)| place);
    let (path, line) = lines::path_and_line(place)?;
    Some(Frame { path, line, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_and_its_place_are_two_lines() {
        let trace = "panic: x\n\ngoroutine 19 [running]:\nmain.pay(0xc0)\n\t/a b/shop.go:24 +0x1d\n\
             created by main.main in goroutine 1\n\t/app/main.go:9 +0x65\nexit status 2";
        let [thrown] = parse(trace).try_into().expect("one");
        let expected = [
            Frame { path: "/a b/shop.go", line: 24, label: "main.pay(0xc0)" },
            Frame { path: "/app/main.go", line: 9, label: "created by main.main in goroutine 1" },
        ];
        assert_eq!(thrown.frames, expected);
    }
}
