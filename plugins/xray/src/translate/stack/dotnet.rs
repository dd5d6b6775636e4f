//! Parses .NET traces:
//!
//! ```text
//! System.Exception: no card
//!    at Shop.Pay(Card card) in C:\shop\Shop.cs:line 12
//!    at System.Threading.ExecutionContext.Run()
//! ```

use super::{Frame, Trace, lines};

pub(super) fn parse(trace: &str) -> Vec<Trace<'_>> {
    vec![Trace::thrown(lines::of(trace).skip(1).filter_map(|line| frame(line.text.trim())).collect())]
}

fn frame(line: &str) -> Option<Frame<'_>> {
    let call = line.strip_prefix("at ")?;
    let Some((label, place)) = call.split_once(" in ") else {
        let end = call.rfind(')')?;
        return Some(Frame { label: call.get(..=end)?, ..Frame::default() });
    };
    let (path, line) = match place.rsplit_once(":line") {
        Some((path, number)) => (path, number.trim().parse().unwrap_or_default()),
        None => lines::place(place),
    };
    Some(Frame { path, line, label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_may_have_no_place() {
        let trace = "System.Exception: x\n   at A.B(C c) in C:\\a\\B.cs:line 12\n   at D.E() in /d/E.cs:7\n   \
             at F.G(H h)\n   --- End of inner exception stack trace ---\r\n   at I in J\n   \
             at K.L() in C:\\k.cs:line \n   at M in /m.cs:\n";
        let [thrown] = parse(trace).try_into().expect("one");
        let places: Vec<_> =
            thrown.frames.iter().map(|frame| (frame.label, frame.path, frame.line)).collect();
        let expected = [
            ("A.B(C c)", "C:\\a\\B.cs", 12),
            ("D.E()", "/d/E.cs", 7),
            ("F.G(H h)", "", 0),
            ("I", "J", 0),
            ("K.L()", "C:\\k.cs", 0),
            ("M", "/m.cs", 0),
        ];
        assert_eq!(places, expected);
    }
}
