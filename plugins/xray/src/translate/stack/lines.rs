//! Lines with where they lie, so that several can be one text.

/// A line of a text, without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// Where it ends, its line feed left out.
    pub(super) end: usize,
}

pub(super) fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').map(move |whole| {
        let begin = start;
        start += whole.len();
        let text = whole.trim_end_matches(['\n', '\r']);
        Line { text, start: begin, end: begin + text.len() }
    })
}

/// `path:line`, from the right: paths have colons too.
pub(super) fn path_and_line(place: &str) -> Option<(&str, u32)> {
    let (path, line) = place.rsplit_once(':')?;
    Some((path, line.parse().ok()?))
}
